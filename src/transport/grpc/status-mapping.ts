import { errorCodes } from "../http2/frames.js";
import { codes } from "./status.js";

/** Returns the code for an HTTP answer that is not one of gRPC, by gRPC's http-grpc-status-mapping. */
export function codeOfHttpStatus(status: number): number {
  switch (status) {
    case 400:
      return codes.internal;
    case 401:
      return codes.unauthenticated;
    case 403:
      return codes.permissionDenied;
    case 404:
      return codes.unimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return codes.unavailable;
    default:
      return codes.unknown;
  }
}

/** Returns the code for a stream that the server has reset before its trailers; 0 of HTTP/2 is an error too. */
export function codeOfReset(code: number): number {
  switch (code) {
    case errorCodes.noError:
    case errorCodes.protocolError:
    case errorCodes.internalError:
    case errorCodes.flowControlError:
    case errorCodes.settingsTimeout:
    case errorCodes.streamClosed:
    case errorCodes.frameSizeError:
    case errorCodes.compressionError:
    case errorCodes.connectError:
    case errorCodes.http11Required:
      return codes.internal;
    case errorCodes.refusedStream:
      return codes.unavailable;
    case errorCodes.cancel:
      return codes.cancelled;
    case errorCodes.enhanceYourCalm:
      return codes.resourceExhausted;
    case errorCodes.inadequateSecurity:
      return codes.permissionDenied;
    default:
      return codes.unknown;
  }
}

/** The highest code of gRPC, and the lowest of those that OpenFGA adds. */
const highestCode = 16;
const lowestOwnCode = 1_000;

/** Returns the code of `grpc-status`; UNKNOWN for what is none. Only the text "0" is OK. */
export function codeOfStatus(value: string): number {
  if (value === "0") return codes.ok;
  if (!/^[1-9]\d{0,8}$/.test(value)) return codes.unknown;
  const code = Number(value);
  return code <= highestCode || code >= lowestOwnCode ? code : codes.unknown;
}
