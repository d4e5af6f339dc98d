import type { IncomingMessage } from "node:http";
import type { ServerHttp2Stream } from "node:http2";
import { RequestCutOff } from "../../transport/route.js";

/**
 * The whole body as text; undefined for one of more than `maxBytes`, of which the rest is not read. Throws
 * RequestCutOff.
 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<string | undefined> {
  return (await readBytes(request, maxBytes))?.toString("utf8");
}

/** The same as it came, for what is signed. */
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

/** Over HTTP/2 Node ends the body of a stream that was closed as if all of it had come. */
function isClosed(request: IncomingMessage & { readonly stream?: ServerHttp2Stream }): boolean {
  return request.stream?.closed === true;
}

/** The media type of a request without its parameters, lower case. */
export function mediaTypeOf({ headers }: IncomingMessage): string {
  const [type = ""] = (headers["content-type"] ?? "").split(";", 1);
  return type.trim().toLowerCase();
}
