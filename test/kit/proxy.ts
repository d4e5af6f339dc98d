import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** A TCP proxy before a real server, for what happens to networks. */
export interface FaultProxy {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  readonly port: number;
  /** Connections are cut, new ones refused. */
  cut(): void;
  /** Connections stay open and say nothing any more, new ones too: what a lost host looks like. */
  stall(): void;
  /** What clients have sent on open connections since `stall()`. */
  unheard(): string;
  /**
   * Hands on the next chunk that holds `text`, of a client that has sent `before` since this call, and then cuts, so that its answer is lost.
   */
  cutAfter(text: string, before?: string): void;
  /** From now on keeps back what the server answers on connections whose client sends `text`. */
  hold(text: string): void;
  /** Whether an answer is kept back. */
  holds(): boolean;
  /** Hands on what was kept back, and keeps back nothing more. */
  release(): void;
  /** All is well again; what was stalled is cut. */
  heal(): void;
  close(): Promise<void>;
}

/** The same URL by way of a proxy. */
export function through(url: string, { address }: Pick<FaultProxy, "address">): string {
  const seen = new URL(url);
  seen.host = address;
  return seen.href;
}

/** `target` is `127.0.0.1:PORT`. */
export async function startProxy(target: string): Promise<FaultProxy> {
  const [host, port] = target.split(":");
  const sockets = new Set<Socket>();
  let mode: "pass" | "cut" | "stall" = "pass";
  let unheard = "";
  let held: { readonly text: string; readonly answers: Map<Socket, Buffer[]> } | undefined;
  let trap: { readonly text: string; readonly before: string; readonly sprungBy: Set<Socket> } | undefined;
  const track = (socket: Socket): Socket => {
    sockets.add(socket);
    return socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
  };
  // Half-open, as a lost host leaves a connection: while it is stalled nobody answers that the client has ended it.
  const server = createServer({ allowHalfOpen: true }, (client) => {
    track(client).on("end", () => mode === "pass" && client.end());
    if (mode === "cut") client.resetAndDestroy();
    if (mode !== "pass") return;
    client.setNoDelay(true);
    const upstream = track(connect(Number(port), host)).setNoDelay(true);
    const join = (from: Socket, to: Socket): void => {
      from.on("data", (chunk) => mode === "pass" && to.write(chunk));
      from.on("close", () => mode === "pass" && to.destroy());
    };
    join(client, upstream);
    upstream.on("data", (chunk) => {
      const answers = held?.answers.get(client);
      if (answers) answers.push(chunk);
      else if (mode === "pass") client.write(chunk);
    });
    upstream.on("close", () => mode === "pass" && client.destroy());
    client.on("data", (chunk: Buffer) => {
      if (mode === "stall") unheard += chunk.toString("latin1");
      if (held && chunk.includes(held.text) && !held.answers.has(client)) held.answers.set(client, []);
      if (trap && chunk.includes(trap.before)) trap.sprungBy.add(client);
      if (!trap?.sprungBy.has(client) || !chunk.includes(trap.text)) return;
      trap = undefined;
      mode = "cut";
      // The other side still gets what was written; the client hears nothing any more.
      client.destroy();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a TCP server has a port");
  const cutAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    address: `127.0.0.1:${address.port}`,
    port: address.port,
    cut() {
      mode = "cut";
      cutAll();
    },
    stall() {
      mode = "stall";
      unheard = "";
    },
    unheard: () => unheard,
    cutAfter(text, before = "") {
      trap = { text, before, sprungBy: new Set() };
    },
    hold(text) {
      held = { text, answers: new Map() };
    },
    holds: () => [...(held?.answers.values() ?? [])].some((answers) => answers.length > 0),
    release() {
      for (const [client, answers] of held?.answers ?? []) client.write(Buffer.concat(answers));
      held = undefined;
    },
    heal() {
      cutAll();
      held = undefined;
      trap = undefined;
      mode = "pass";
    },
    async close() {
      cutAll();
      server.close();
      await once(server, "close");
    },
  };
}
