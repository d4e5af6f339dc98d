import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { createSecureContext, TLSSocket } from "node:tls";
import type { Identity } from "./authority.js";
import {
  endsGroup,
  type Fault,
  type Followed,
  type Following,
  messagesOf,
  type Sent,
  Session,
  type Strike,
  sslRequest,
} from "./transactions.js";

/** A TCP proxy in front of a real server, which causes network faults. */
export interface FaultProxy {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  readonly port: number;
  /** Cuts connections and refuses new ones. */
  cut(): void;
  /** Keeps connections open but silent, new ones too, as with a lost host. */
  stall(): void;
  /** Returns how many connections clients have opened. */
  accepted(): number;
  /** Returns what clients have sent on open connections since `stall()`. */
  unheard(): string;
  /**
   * Passes on the next chunk that contains `text`, from a client that has sent `before` since this call, and then cuts
   * the connection, so that the answer is lost.
   */
  cutAfter(text: string, before?: string): void;
  /** From now on, holds the server's answers on connections whose client sends `text`. */
  hold(text: string): void;
  /** Returns whether an answer is held. */
  holds(): boolean;
  /** Passes on the held answers, and holds no more. */
  release(): void;
  /**
   * Follows the next transaction that sends `key` in the parameters of a statement, and applies the fault to it.
   * Several can be followed at once. Only when the proxy is set up for PostgreSQL.
   */
  follow(key: string, strike?: Strike): Followed;
  /** Records the statements from now on. Returns a function for those so far. Only when set up for PostgreSQL. */
  record(): () => readonly Sent[];
  /** Ends all faults; stalled connections are cut. */
  heal(): void;
  close(): Promise<void>;
}

/** Returns the same URL through a proxy. */
export function through(url: string, { address }: Pick<FaultProxy, "address">): string {
  const seen = new URL(url);
  seen.host = address;
  return seen.href;
}

export interface ProxySettings {
  /**
   * Set when the server is a PostgreSQL. With an identity the proxy ends TLS for clients that ask for it, and still
   * sees their messages.
   */
  readonly postgres?: { readonly identity?: Pick<Identity, "cert" | "key"> };
}

/** Starts a proxy. `target` is `127.0.0.1:PORT`, reached without TLS. */
export async function startProxy(target: string, { postgres }: ProxySettings = {}): Promise<FaultProxy> {
  const [host, port] = target.split(":");
  const sockets = new Set<Socket>();
  let mode: "pass" | "cut" | "stall" = "pass";
  let unheard = "";
  let held: { readonly text: string; readonly answers: Map<Socket, Buffer[]> } | undefined;
  let trap: { readonly text: string; readonly before: string; readonly sprungBy: Set<Socket> } | undefined;
  const followings: Following[] = [];
  let connections = 0;
  let recorded: Sent[] | undefined;
  const track = (socket: Socket): Socket => {
    sockets.add(socket);
    return socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
  };
  function join(client: Socket): void {
    client.setNoDelay(true);
    const upstream = track(connect(Number(port), host)).setNoDelay(true);
    let fault: Fault | undefined;
    const connection = connections++;
    const session =
      postgres && new Session(followings, strike, (text, round) => recorded?.push({ text, connection, round }));
    function strike(by: Fault, following: Following): void {
      fault = by;
      const forget = following.end;
      following.end = () => {
        forget();
        client.destroy();
        upstream.destroy();
      };
      if (by === "cut") following.end();
    }
    const toUpstream = (bytes: Buffer): void => {
      if (mode === "pass" && !fault) upstream.write(bytes);
    };
    const toClient = (bytes: Buffer): void => {
      const answers = held?.answers.get(client);
      if (answers) answers.push(bytes);
      else if (mode === "pass" && (!fault || fault === "swallow")) client.write(bytes);
    };
    let group: Buffer[] = [];
    const ask = session
      ? messagesOf("client", (message) => {
          if (fault || !session.fromClient(message)) return;
          group.push(message);
          if (!endsGroup(message)) return;
          toUpstream(Buffer.concat(group));
          group = [];
        })
      : toUpstream;
    const answer = session
      ? messagesOf("server", (message) => session.fromServer(message) && toClient(message))
      : toClient;
    client.on("data", (chunk: Buffer) => {
      if (mode === "stall") unheard += chunk.toString("latin1");
      if (held && chunk.includes(held.text) && !held.answers.has(client)) held.answers.set(client, []);
      if (trap && chunk.includes(trap.before)) trap.sprungBy.add(client);
      const springs = trap?.sprungBy.has(client) && chunk.includes(trap.text);
      ask(chunk);
      if (!springs) return;
      trap = undefined;
      mode = "cut";
      // The server still gets what was written; the client gets nothing any more.
      client.destroy();
    });
    client.on("end", () => mode === "pass" && !fault && client.end());
    client.on("close", () => mode === "pass" && !fault && upstream.destroy());
    upstream.on("data", answer);
    upstream.on("close", () => mode === "pass" && fault !== "freeze" && client.destroy());
  }
  const context = postgres?.identity && createSecureContext(postgres.identity);
  // Half-open, as a lost host leaves a connection: while it is stalled, the end of the client is not answered.
  const server = createServer({ allowHalfOpen: true }, (client) => {
    track(client);
    if (mode === "cut") client.resetAndDestroy();
    if (mode !== "pass") return;
    if (!postgres) return join(client);
    client.once("data", (first: Buffer) => {
      client.pause();
      const asksForTls = first.equals(sslRequest);
      if (!asksForTls) client.unshift(first);
      else client.write(context ? "S" : "N");
      if (asksForTls && context) join(track(new TLSSocket(client, { isServer: true, secureContext: context })));
      else join(client);
      client.resume();
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
    accepted: () => connections,
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
    follow(key, strike) {
      if (!postgres) throw new Error("the proxy follows transactions of a PostgreSQL alone");
      const forget = (): void => {
        followings.splice(0, followings.length, ...followings.filter((other) => other !== following));
      };
      const following: Following = { key, strike, statements: [], taken: false, struck: false, end: forget };
      followings.push(following);
      return following;
    },
    record() {
      const own: Sent[] = [];
      recorded = own;
      return () => [...own];
    },
    heal() {
      cutAll();
      followings.length = 0;
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
