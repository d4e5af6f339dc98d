import { encodeBlock, encodedLength, writeField } from "../hpack/encoder.js";
import { fieldSize } from "../hpack/field.js";
import { timeoutOf } from "./metadata.js";

/** A name in lower case and a value of printable ASCII; that of a name with `-bin` is base64. */
export type MetadataField = readonly [name: string, value: string];

const credentials: ReadonlySet<string> = new Set(["authorization"]);

/** The fields with which all calls of a method to one server begin. Their block is made once. */
export class RequestHead {
  /** By the count of RFC 9113 §6.5.2, with `grpc-timeout`. */
  readonly size: number;
  readonly #block: Buffer;
  /** The last block that was made, and its time-out: most calls have the same. */
  #last: Buffer = Buffer.alloc(0);
  #lastTimeout = "";

  constructor(fields: readonly MetadataField[]) {
    this.#block = encodeBlock(fields, { neverIndexed: credentials });
    this.size = sizeOf(fields) + fieldSize("grpc-timeout".length, 9);
  }

  /** Returns the block of a call that has so many milliseconds left. Nobody may change it. */
  block(timeoutMs: number): Buffer {
    const timeout = timeoutOf(timeoutMs);
    if (timeout !== this.#lastTimeout) {
      const block = Buffer.allocUnsafe(this.#block.length + encodedLength("grpc-timeout", timeout));
      this.#block.copy(block);
      writeField(block, this.#block.length, "grpc-timeout", timeout);
      this.#last = block;
      this.#lastTimeout = timeout;
    }
    return this.#last;
  }

  /** The same for a call with fields of its own. */
  blockWith(metadata: readonly MetadataField[], timeoutMs: number): Buffer {
    return Buffer.concat([this.block(timeoutMs), encodeBlock(metadata, { neverIndexed: credentials })]);
  }
}

/** Returns the size of fields by the count of RFC 9113 §6.5.2. */
export function sizeOf(fields: readonly MetadataField[]): number {
  return fields.reduce((size, [name, value]) => size + fieldSize(name.length, value.length), 0);
}

export interface MethodOptions {
  /** `/package.Service/Method`. */
  readonly path: string;
  /** Whether the server answers by a stream of messages. */
  readonly streams: boolean;
  readonly tls: boolean;
  /** `host:port` as configured, of each target. */
  readonly authorities: readonly string[];
  /** Sent with each call. */
  readonly metadata: readonly MetadataField[];
}

/** A method of a server, prepared for many calls. */
export class ClientMethod {
  readonly path: string;
  readonly streams: boolean;
  /** In the order of the targets. */
  readonly heads: readonly RequestHead[];

  constructor({ path, streams, tls, authorities, metadata }: MethodOptions) {
    this.path = path;
    this.streams = streams;
    this.heads = authorities.map(
      (authority) =>
        new RequestHead([
          [":method", "POST"],
          [":scheme", tls ? "https" : "http"],
          [":path", path],
          [":authority", authority],
          ["te", "trailers"],
          ["content-type", "application/grpc"],
          ...metadata,
        ]),
    );
  }
}
