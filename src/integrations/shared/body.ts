import type { IncomingMessage } from "node:http";
import type { ServerHttp2Stream } from "node:http2";
import { RequestCutOff } from "../../transport/route.js";

/** Reads the whole body as text. Stops and returns undefined above `maxBytes`. Throws RequestCutOff. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<string | undefined> {
  return (await readBytes(request, maxBytes))?.toString("utf8");
}

/** Reads the body as bytes, for signed requests. Otherwise the same as `readBody`. */
export async function readBytes(request: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > maxBytes) return undefined;
      chunks.push(chunk);
    }
  } catch (cause) {
    throw new RequestCutOff("the body was cut off", { cause });
  }
  if (isClosed(request)) throw new RequestCutOff("the stream was closed");
  return Buffer.concat(chunks);
}

/** Returns whether an HTTP/2 stream was closed. Node ends the body of such a stream as if it were complete. */
function isClosed(request: IncomingMessage & { readonly stream?: ServerHttp2Stream }): boolean {
  return request.stream?.closed === true;
}

/** Returns the media type of a request without its parameters, lower case. */
export function mediaTypeOf({ headers }: IncomingMessage): string {
  const [type = ""] = (headers["content-type"] ?? "").split(";", 1);
  return type.trim().toLowerCase();
}
