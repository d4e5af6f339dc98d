import { type IncomingMessage, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/** A request exactly as it is written, including requests that no well-behaved client would send. */
export interface RawRequest {
  /** Default GET. */
  readonly method?: string;
  /** As on the request line. */
  readonly target: string;
  /** Each on its own line; `Host` and `Content-Length` are added. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly body?: string;
  /** Default `patwarden`. */
  readonly host?: string;
}

export interface RawReply {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

/** Sends the request. `address` is `127.0.0.1:PORT`, optionally after `http://`. */
export function sendRaw(
  address: string,
  { method = "GET", target, headers = [], body = "", host = "patwarden" }: RawRequest,
) {
  const { hostname, port } = new URL(address.startsWith("http") ? address : `http://${address}`);
  const length = body === "" && method === "GET" ? [] : ["Content-Length", String(Buffer.byteLength(body))];
  const sent = request({
    host: hostname,
    port,
    method,
    path: target,
    agent: false,
    // With headers as a list, in which a name may be repeated, Node adds none by itself.
    headers: ["Host", host, ...length, ...headers.flat()],
  });
  return new Promise<RawReply>((resolve, reject) => {
    sent.once("response", (response) => {
      textOf(response).then(
        (text) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
        reject,
      );
    });
    sent.once("error", reject);
    sent.end(body);
  });
}

/** Repeats the request for a while when the answer is 503: on a slow machine a proxy may give up a decision. */
export async function untilDecided<T>(ask: () => Promise<T>, statusOf: (answer: T) => number): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const answer = await ask();
    if (statusOf(answer) !== 503 || attempt === 50) return answer;
    await sleep(100);
  }
}

/** Returns the whole body. */
export async function textOf(message: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of message) text += String(chunk);
  return text;
}
