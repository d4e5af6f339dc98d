import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { textOf } from "./raw-http.js";

export interface ReceivedEvent {
  readonly id: string;
  readonly event: Readonly<Record<string, unknown>>;
}

/** A receiver of Standard Webhooks on loopback. */
export interface WebhookReceiver {
  readonly url: string;
  readonly key: string;
  /** Every delivery with a valid signature, in order. */
  readonly received: readonly ReceivedEvent[];
  /** The number of deliveries with an invalid signature. */
  readonly forged: number;
  /** Sets the status of the answers from now on. Default 204. */
  answer(status: number): void;
  stop(): Promise<void>;
}

export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const key = "a key that both sides know, 32 characters or more";
  const received: ReceivedEvent[] = [];
  let forged = 0;
  let status = 204;
  const server = createServer(async (request, response) => {
    const body = await textOf(request);
    const id = String(request.headers["webhook-id"]);
    const signed = `${id}.${request.headers["webhook-timestamp"]}.${body}`;
    const signature = `v1,${createHmac("sha256", key).update(signed).digest("base64")}`;
    if (request.headers["webhook-signature"] === signature) received.push({ id, event: JSON.parse(body) });
    else forged += 1;
    response.writeHead(status).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a TCP server has a port");
  return {
    url: `http://127.0.0.1:${address.port}/leaks`,
    key,
    received,
    get forged() {
      return forged;
    },
    answer(next) {
      status = next;
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
