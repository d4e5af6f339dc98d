import { once } from "node:events";
import {
  createServer as createHttp2Server,
  createSecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
  sensitiveHeaders,
} from "node:http2";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { selfSigned } from "../../../test/kit/self-signed.js";
import {
  block,
  data,
  frame,
  framesOf,
  goaway,
  headers,
  rst,
  settings,
  textOf,
} from "../../../test/transport/http2/script.js";
import { preface } from "../http2/preface.js";
import { GrpcClient, type GrpcClientOptions } from "./client.js";
import { ClientCall, type ClientCallOptions } from "./client-call.js";
import { ServerStreamCall } from "./server-stream-call.js";

interface Answer {
  readonly message?: string;
  readonly code: number;
  readonly text: string;
}

class UnaryCall extends ClientCall {
  readonly #done: (answer: Answer) => void;
  #message: string | undefined;

  constructor(options: ClientCallOptions, done: (answer: Answer) => void) {
    super(options);
    this.#done = done;
  }

  protected onMessage(message: Buffer): void {
    this.#message = message.toString();
  }

  protected onEnd(code: number, text: string): void {
    this.#done({ ...(this.#message !== undefined && { message: this.#message }), code, text });
  }
}

function deferred<T>() {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

const path = "/test.Service/Method";
const ending: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});

const portOf = (server: Server | Http2Server): number => (server.address() as AddressInfo).port;

/** Returns a client of these ports of this machine, and a way to ask. */
function clientOf(ports: readonly number[], over: Partial<GrpcClientOptions> = {}) {
  const failures: unknown[] = [];
  const client = new GrpcClient({
    targets: ports.map((port) => ({ host: "127.0.0.1", port })),
    metadata: [],
    failed: (thrown) => failures.push(thrown),
    ...over,
  });
  ending.push(() => {
    client.close();
    expect(failures).toEqual([]);
  });
  const method = client.method(path);
  const begin = (request: string | Buffer, ms = 10_000, more: Partial<ClientCallOptions> = {}) => {
    const done = deferred<Answer>();
    const deadline = performance.now() + ms;
    const call = new UnaryCall({ method, request: Buffer.from(request), deadline, ...more }, done.resolve);
    client.start(call);
    return { call, answer: done.promise };
  };
  const ask = (...asked: Parameters<typeof begin>) => begin(...asked).answer;
  return { client, begin, ask };
}

/** A server that answers by the octets of a script. `said` has the frames of each connection. */
async function scripted(onFrame: (frame: string, socket: Socket, connection: number) => void, greeting = settings()) {
  const said: string[][] = [];
  const server = createServer((socket) => {
    const frames: string[] = [];
    const connection = said.push(frames);
    let octets = Buffer.alloc(0);
    socket.on("error", () => undefined);
    socket.write(greeting);
    socket.on("data", (chunk) => {
      octets = Buffer.concat([octets, chunk]);
      if (octets.subarray(0, preface.length).equals(preface)) octets = octets.subarray(preface.length);
      while (octets.length >= 9 && octets.length >= 9 + octets.readUIntBE(0, 3)) {
        const end = 9 + octets.readUIntBE(0, 3);
        const [said] = framesOf(octets.subarray(0, end));
        octets = octets.subarray(end);
        if (!said) continue;
        const text = textOf(said);
        frames.push(text);
        if (text === "SETTINGS") socket.write(frame(4, 1, 0));
        onFrame(text, socket, connection);
      }
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  ending.push(() => server.close());
  return { port: portOf(server), said, server };
}

const message = (text: string): Buffer => {
  const octets = Buffer.from(`\0\0\0\0\0${text}`);
  octets.writeUInt32BE(octets.length - 5, 1);
  return octets;
};
const head = block([":status", "200"], ["content-type", "application/grpc"]);
const ok = block(["grpc-status", "0"]);
const yes = (id: number): Buffer =>
  Buffer.concat([headers(id, head), data(id, message("yes")), headers(id, ok, { end: true })]);
const idOf = (text: string): number => Number(text.split(" ")[1]);
/** Whether a frame ends a request. */
const isAsked = (text: string): boolean => text.startsWith("DATA") && text.endsWith("END_STREAM");

/** Answers each request of node:http2 with what it was sent. */
function echo(stream: ServerHttp2Stream, request: Buffer, ending = "0"): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": ending }));
  stream.end(request);
}

async function echoServer(options: Parameters<typeof createHttp2Server>[0] = {}, answer = echo) {
  const server = createHttp2Server(options);
  const sessions = new Set<{ destroy(): void }>();
  const heads: IncomingHttpHeaders[] = [];
  server.on("session", (session) => sessions.add(session));
  server.on("stream", (stream, fields) => {
    heads.push(fields);
    const chunks: Buffer[] = [];
    stream.on("error", () => undefined);
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => answer(stream, Buffer.concat(chunks)));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  ending.push(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { port: portOf(server), server, sessions, heads };
}

describe("the client of gRPC, to node:http2", () => {
  it.each([
    ["as it is", {}],
    ["with tiny windows", { settings: { initialWindowSize: 1_000 } }],
    ["without a table of fields", { settings: { headerTableSize: 0 } }],
    ["with a table of 100 octets", { settings: { headerTableSize: 100 } }],
    ["with one call at a time", { settings: { maxConcurrentStreams: 1 } }],
  ])("gets every answer of 300 calls at once, %s", async (_what, options) => {
    const { port } = await echoServer(options);
    const { ask } = clientOf([port]);
    const asked = Array.from({ length: 300 }, (_, index) => `${index} ${"x".repeat(index % 7 === 0 ? 9_000 : index)}`);
    expect(await Promise.all(asked.map((text) => ask(text)))).toEqual(
      asked.map((text) => ({ message: text, code: 0, text: "" })),
    );
  });

  it("sends and takes 3 MiB", async () => {
    const { port } = await echoServer();
    const { ask } = clientOf([port]);
    const long = "x".repeat(3 * 1024 * 1024);
    expect((await ask(long)).message).toBe(long);
  });

  it("sends the fields of gRPC, those of the client, and those of the call", async () => {
    const { port, heads } = await echoServer();
    const { ask } = clientOf([port], {
      metadata: [
        ["authorization", "Bearer key"],
        ["user-agent", "test"],
      ],
    });
    await ask("a", 60_000, { metadata: [["x-one", "1"]] });
    expect(heads[0]).toMatchObject({
      ":method": "POST",
      ":scheme": "http",
      ":path": path,
      ":authority": `127.0.0.1:${port}`,
      te: "trailers",
      "content-type": "application/grpc",
      authorization: "Bearer key",
      "user-agent": "test",
      "x-one": "1",
      "grpc-timeout": expect.stringMatching(/^[56]\d{4}m$/),
    });
    // No proxy on the way may keep it.
    expect(heads[0]?.[sensitiveHeaders as never]).toEqual(["authorization"]);
  });

  it("takes turns among servers, and leaves out the one that is down", async () => {
    const gone = createServer().listen(0, "127.0.0.1");
    await once(gone, "listening");
    const closed = portOf(gone);
    gone.close();
    const [one, two] = [await echoServer(), await echoServer()];
    const { ask } = clientOf([one.port, closed, two.port]);
    await expect.poll(async () => (await ask("a")) && one.heads.length > 0 && two.heads.length > 0).toBe(true);
    const before = [one.heads.length, two.heads.length];
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask("a")));
    expect(answers.every(({ code }) => code === 0)).toBe(true);
    expect([one.heads.length, two.heads.length]).toEqual(before.map((count) => count + 10));
  });

  it("goes on over a new connection after the server has closed one", async () => {
    const { port, sessions } = await echoServer();
    const { ask } = clientOf([port]);
    expect((await ask("a")).code).toBe(0);
    for (const session of sessions) session.destroy();
    await expect.poll(async () => (await ask("b")).code).toBe(0);
    await expect.poll(() => sessions.size).toBe(2);
  });

  it("streams messages, and stops when the reader leaves", async () => {
    const closed = deferred<number>();
    const { port } = await echoServer({}, (stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("close", () => closed.resolve(stream.rstCode));
      for (let count = 0; count < 10; count++) stream.write(message(`${count}`));
    });
    const { client } = clientOf([port]);
    const method = client.method(path, { streams: true });
    const call = new ServerStreamCall({ method, request: Buffer.alloc(0), deadline: performance.now() + 10_000 });
    client.start(call);
    expect([String(await call.next()), String(await call.next())]).toEqual(["0", "1"]);
    call.leave();
    expect(await closed.promise).toBe(8);
    expect(await call.next()).toBeUndefined();
    expect(call).toMatchObject({ code: 1, isComplete: false });
  });

  it("reads all of a stream that is longer than its window, and its end", async () => {
    const count = 200;
    const { port } = await echoServer({}, (stream) =>
      echo(stream, Buffer.concat(Array.from({ length: count }, () => message("x".repeat(20_000))))),
    );
    const { client } = clientOf([port]);
    const method = client.method(path, { streams: true });
    const call = new ServerStreamCall({ method, request: Buffer.alloc(0), deadline: performance.now() + 30_000 });
    client.start(call);
    let taken = 0;
    while (await call.next()) taken++;
    expect([taken, call.code]).toEqual([count, 0]);
  });

  it("a list that nobody reads does not stop other calls (hyper#2899)", async () => {
    const { port } = await echoServer({ maxSessionMemory: 1_000 }, (stream, request) => {
      if (request.length > 5) echo(stream, request);
      else echo(stream, Buffer.concat(Array.from({ length: 2_000 }, () => message("x".repeat(10_000)))));
    });
    const { client, ask } = clientOf([port]);
    const method = client.method(path, { streams: true });
    const calls = Array.from({ length: 10 }, () => {
      const call = new ServerStreamCall({ method, request: Buffer.alloc(0), deadline: performance.now() + 30_000 });
      client.start(call);
      return call;
    });
    await Promise.all(calls.map((call) => call.next()));
    for (let count = 0; count < 20; count++) expect(await ask("on")).toEqual({ message: "on", code: 0, text: "" });
  });

  it("gives 10,000 cancelled calls their credit back: the windows stand where they began", async () => {
    const { port } = await echoServer({}, (stream) => echo(stream, message("x".repeat(5_000))));
    const { begin, ask } = clientOf([port]);
    for (let round = 0; round < 100; round++) {
      const begun = Array.from({ length: 100 }, () => begin("a"));
      await begun[0]?.answer;
      for (const { call } of begun) call.cancel();
    }
    expect(await ask("a")).toMatchObject({ code: 0 });
  });

  it("says so when the metadata is longer than the server accepts (grpc-node#1533)", async () => {
    const { port } = await echoServer({ settings: { maxHeaderListSize: 1_000 } });
    const { ask } = clientOf([port]);
    const metadata = [["x-long", "x".repeat(1_000)] as const];
    expect(await ask("a", 10_000, { metadata })).toMatchObject({ code: 13, text: expect.stringContaining("metadata") });
    expect(await ask("a")).toMatchObject({ code: 0 });
  });

  it("sends metadata that needs several frames (grpc-go#443)", async () => {
    const { port, heads } = await echoServer({ settings: { maxHeaderListSize: 100_000 } });
    const { ask } = clientOf([port]);
    const metadata = [["x-long", "x".repeat(40_000)] as const];
    expect(await ask("a", 10_000, { metadata })).toMatchObject({ code: 0 });
    expect(heads[0]?.["x-long"]).toHaveLength(40_000);
  });
});

describe("the client of gRPC, to a server that", () => {
  /** Accepts, and does nothing else. */
  async function silent() {
    const server = createServer((socket) => socket.on("error", () => undefined).resume()).listen(0, "127.0.0.1");
    await once(server, "listening");
    ending.push(() => server.close());
    return { port: portOf(server), server };
  }

  it("says nothing: calls end at their deadlines (grpc-node#2785)", async () => {
    const { port } = await silent();
    const { ask } = clientOf([port]);
    expect(await ask("a", 100)).toEqual({ code: 4, text: "the deadline has passed" });
  });

  it("says nothing: it is given up after five seconds", async () => {
    const closed = deferred<void>();
    const { port, server } = await silent();
    server.once("connection", (socket) => socket.once("close", () => closed.resolve()));
    const { ask } = clientOf([port]);
    expect(await ask("a", 20_000)).toMatchObject({ code: 14, text: "no answer within 5 s" });
    await closed.promise;
  });

  it("speaks HTTP/1.1", async () => {
    const server = createServer((socket) => {
      socket.on("error", () => undefined).end("HTTP/1.1 400 Bad Request\r\n\r\n");
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    ending.push(() => server.close());
    const { ask } = clientOf([portOf(server)]);
    expect(await ask("a")).toMatchObject({ code: 14, text: expect.stringContaining("Protocol error") });
  });

  it("is not there: calls fail at once, also while it waits to try again", async () => {
    const gone = createServer().listen(0, "127.0.0.1");
    await once(gone, "listening");
    const port = portOf(gone);
    gone.close();
    const { ask } = clientOf([port]);
    const refused = { code: 14, text: expect.stringContaining("ECONNREFUSED") };
    expect(await ask("a")).toMatchObject(refused);
    expect(await ask("a")).toMatchObject(refused);
  });

  it("comes back: calls succeed soon", async () => {
    const first = await echoServer();
    const { ask } = clientOf([first.port]);
    expect(await ask("a")).toMatchObject({ code: 0 });
    for (const session of first.sessions) session.destroy();
    first.server.close();
    await expect.poll(async () => (await ask("a")).code).toBe(14);
    const again = createHttp2Server();
    again.on("stream", (stream) => echo(stream, message("back")));
    again.listen(first.port, "127.0.0.1");
    ending.push(() => again.close());
    await expect.poll(async () => (await ask("a")).message, { timeout: 5_000 }).toBe("back");
  });

  it("leaves at the moment of a call: it is sent once more, over another connection (grpc-go#5644)", async () => {
    const { port, said } = await scripted((text, socket, connection) => {
      if (!isAsked(text)) return;
      if (connection === 1) socket.write(goaway(0));
      else socket.write(yes(idOf(text)));
    });
    const { ask } = clientOf([port]);
    expect(await ask("a")).toEqual({ message: "yes", code: 0, text: "" });
    expect(said.map((frames) => frames.filter(isAsked).length)).toEqual([1, 1]);
  });

  it("leaves each time: the call is sent twice, then fails", async () => {
    const { port, said } = await scripted((text, socket) => {
      if (isAsked(text)) socket.write(goaway(0));
    });
    const { ask } = clientOf([port]);
    expect(await ask("a")).toMatchObject({ code: 14, text: expect.stringContaining("not looked at") });
    expect(said.flat().filter(isAsked)).toHaveLength(2);
  });

  it("leaves in two steps: the running call ends well, later ones use a new connection", async () => {
    const { port, said } = await scripted((text, socket, connection) => {
      if (!isAsked(text)) return;
      if (connection > 1) socket.write(yes(idOf(text)));
      else if (idOf(text) === 3) {
        socket.write(Buffer.concat([yes(1), headers(3, head), goaway(2 ** 31 - 1)]));
        setTimeout(
          () => socket.write(Buffer.concat([goaway(3), data(3, message("late")), headers(3, ok, { end: true })])),
          50,
        );
      }
    });
    const { ask } = clientOf([port]);
    const answers = await Promise.all([ask("a"), ask("b")]);
    expect(answers.map((answer) => answer.message)).toEqual(["yes", "late"]);
    expect(await ask("c")).toMatchObject({ message: "yes" });
    expect(said[1]?.some(isAsked)).toBe(true);
    await expect.poll(() => said[0]?.at(-1)).toBe("GOAWAY 0 NO_ERROR");
  });

  it("refuses every stream: each call is sent twice, no more (golang/go#20985)", async () => {
    const { port, said } = await scripted((text, socket) => {
      if (isAsked(text)) socket.write(rst(idOf(text), 7));
    });
    const { ask } = clientOf([port]);
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask("a")));
    expect(answers.every(({ code }) => code === 14)).toBe(true);
    expect(said.flat().filter(isAsked)).toHaveLength(20);
  });

  it("refuses a stream while another does not: the other is asked", async () => {
    const refusing = await scripted((text, socket) => {
      if (isAsked(text)) socket.write(rst(idOf(text), 7));
    });
    const answering = await echoServer();
    const { ask } = clientOf([refusing.port, answering.port]);
    await expect.poll(async () => (await ask("a")).code === 0 && refusing.said.length > 0).toBe(true);
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask("a")));
    expect(answers.every(({ code }) => code === 0)).toBe(true);
  });

  it("ends each connection at once: it waits between attempts", async () => {
    const { port, said } = await scripted((text, socket) => {
      if (text === "SETTINGS ACK") socket.end(goaway(0));
    });
    const { ask } = clientOf([port]);
    await expect.poll(async () => (await ask("a")).code, { timeout: 5_000 }).toBe(14);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(said.length).toBeLessThan(10);
  });

  it("allows no call for a while: they wait in their order, then are sent", async () => {
    const order: string[] = [];
    const { port } = await scripted(
      (text, socket) => {
        if (text === "SETTINGS ACK" && order.length === 0) {
          order.push("raised");
          setTimeout(() => socket.write(settings([3, 1])), 50);
        }
        if (!isAsked(text)) return;
        order.push(text.split('"')[1]?.slice(5) ?? "");
        socket.write(yes(idOf(text)));
      },
      settings([3, 0]),
    );
    const { ask } = clientOf([port]);
    const answers = await Promise.all(["a", "b", "c"].map((text) => ask(text)));
    expect(answers.every(({ code }) => code === 0)).toBe(true);
    expect(order).toEqual(["raised", "a", "b", "c"]);
  });

  it("allows no call: they end at their deadlines, unsent, and more than 1,000 do not wait", async () => {
    const { port, said } = await scripted(() => undefined, settings([3, 0]));
    const { ask } = clientOf([port]);
    expect(await ask("a", 50)).toMatchObject({ code: 4 });
    expect(said[0]).toContain("SETTINGS ACK");
    const answers = Array.from({ length: 1_001 }, () => ask("a", 300));
    expect(await answers[1_000]).toEqual({ code: 14, text: "1000 calls wait already" });
    expect(await answers[0]).toMatchObject({ code: 4 });
    expect(await answers[999]).toMatchObject({ code: 4 });
    // None of them is in the way of a later one.
    expect(await ask("a", 50)).toMatchObject({ code: 4 });
    expect(said.flat().some((text) => text.startsWith("HEADERS") || text.startsWith("RST"))).toBe(false);
  });

  it("falls silent: it is asked for a sign of life, then left, and calls fail (grpc-dart#834)", async () => {
    const { port, said } = await scripted((text, socket, connection) => {
      if (isAsked(text) && connection > 1) socket.write(yes(idOf(text)));
    });
    const { ask } = clientOf([port]);
    expect(await ask("a", 20_000)).toEqual({ code: 14, text: "the connection was lost" });
    expect(said[0]?.filter((text) => text === "PING")).toHaveLength(1);
    expect(await ask("a")).toMatchObject({ code: 0 });
  });

  it("pushes", async () => {
    const push = Buffer.concat([Buffer.of(0, 0, 0, 2), head]);
    const { port, said } = await scripted((text, socket) => {
      if (isAsked(text)) socket.write(frame(5, 4, idOf(text), push));
    });
    const { ask } = clientOf([port]);
    expect(await ask("a")).toMatchObject({ code: 14 });
    await expect.poll(() => said[0]?.at(-1)).toBe("GOAWAY 0 PROTOCOL_ERROR");
  });
});

describe("close", () => {
  it("ends calls at once, also queued ones, and says goodbye with last id 0 (golang/go#80759)", async () => {
    const { port, said } = await scripted(() => undefined, settings([3, 1]));
    const { client, ask } = clientOf([port]);
    const answers = [ask("a"), ask("b")];
    await expect.poll(() => said[0]?.some(isAsked)).toBe(true);
    client.close();
    expect((await Promise.all(answers)).map(({ code }) => code)).toEqual([14, 14]);
    expect(await ask("c")).toEqual({ code: 14, text: "the client is closed" });
    await expect.poll(() => said[0]?.at(-1)).toBe("GOAWAY 0 NO_ERROR");
    expect(said).toHaveLength(1);
  });

  it("while it connects, is the end: it does not try again", async () => {
    let accepted = 0;
    const server = createServer((socket) => {
      accepted++;
      socket.on("error", () => undefined).resume();
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    ending.push(() => server.close());
    // The handshake never ends.
    const { client, ask } = clientOf([portOf(server)], { tls: {} });
    const answer = ask("a");
    await expect.poll(() => accepted).toBe(1);
    client.close();
    expect(await answer).toEqual({ code: 14, text: "the client is closed" });
    // Longer than the longest wait between attempts.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(accepted).toBe(1);
  });

  it("does not wait for a server that reads nothing (grpc-go#7371)", async () => {
    const windows = Buffer.concat([settings([4, 2 ** 31 - 1]), frame(8, 0, 0, Buffer.of(0x7f, 0, 0, 0))]);
    const server = createServer((socket) => {
      socket.on("error", () => undefined).pause();
      socket.write(windows);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    ending.push(() => server.close());
    const { client, ask } = clientOf([portOf(server)]);
    const answers = [0, 1, 2, 3].map(() => ask(Buffer.alloc(4 * 1024 * 1024)));
    await once(server, "connection");
    client.close();
    for (const answer of answers) expect(await answer).toMatchObject({ code: 14 });
  });
});

describe("names", () => {
  it("stand for all their addresses, which are asked in turn", async () => {
    const { port, heads, sessions } = await echoServer();
    const { ask } = clientOf([], {
      targets: [{ host: "fga.test", port }],
      lookup: async () => [{ address: "127.0.0.1" }, { address: "127.0.0.1" }],
    });
    expect(await ask("a")).toMatchObject({ code: 0 });
    expect(heads[0]).toMatchObject({ ":authority": `fga.test:${port}` });
    expect(sessions.size).toBe(1);
  });

  it("may be mixed with addresses of both families", async () => {
    const { port } = await echoServer();
    const { ask } = clientOf([], {
      targets: [
        { host: "fga.test", port },
        { host: "127.0.0.1", port },
        { host: "::1", port },
      ],
      lookup: async () => [{ address: "127.0.0.1" }],
    });
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask("a")));
    expect(answers.every(({ code }) => code === 0)).toBe(true);
  });

  it("that are unknown make calls fail at once, with the reason", async () => {
    const { ask } = clientOf([], {
      targets: [{ host: "fga.test", port: 1 }],
      lookup: () => Promise.reject(new Error("getaddrinfo ENOTFOUND fga.test")),
    });
    const unknown = { code: 14, text: "Name resolution failed: getaddrinfo ENOTFOUND fga.test" };
    expect(await ask("a")).toEqual(unknown);
    expect(await ask("a")).toEqual(unknown);
  });

  it("that cannot be looked up do not stop the others", async () => {
    const { port } = await echoServer();
    const { ask } = clientOf([], {
      targets: [
        { host: "fga.test", port },
        { host: "127.0.0.1", port },
      ],
      lookup: () => Promise.reject(new Error("no")),
    });
    expect(await ask("a")).toMatchObject({ code: 0 });
  });

  it("that move are looked up again, and calls go on at the new address", async () => {
    const old = await echoServer();
    const moved = createHttp2Server();
    moved.on("stream", (stream) => echo(stream, message("moved")));
    moved.listen(old.port, "127.0.0.2");
    ending.push(() => moved.close());
    let address = "127.0.0.1";
    const { client, ask } = clientOf([], {
      targets: [{ host: "fga.test", port: old.port }],
      lookup: async () => [{ address }],
    });
    expect(await ask("a")).toMatchObject({ message: "a", code: 0 });
    address = "127.0.0.2";
    for (const session of old.sessions) session.destroy();
    old.server.close();
    await expect.poll(async () => (await ask("a")).message, { timeout: 20_000 }).toBe("moved");
    client.close();
  });
});

describe("TLS", () => {
  const { cert, key } = selfSigned();

  it("is used with the server's certificate, by its name or address", async () => {
    const server = createSecureServer({ cert, key });
    server.on("stream", (stream, fields) => echo(stream, message(String(fields[":scheme"]))));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const port = portOf(server as never);
    ending.push(() => server.close());
    const tls = { ca: cert };
    const byAddress = clientOf([port], { tls });
    expect(await byAddress.ask("a")).toMatchObject({ message: "https", code: 0 });
    const lookup = async () => [{ address: "127.0.0.1" }];
    const byName = clientOf([], { tls, targets: [{ host: "localhost", port }], lookup });
    expect(await byName.ask("a")).toMatchObject({ code: 0 });
    const wrongName = clientOf([], { tls, targets: [{ host: "other.test", port }], lookup });
    expect(await wrongName.ask("a")).toMatchObject({ code: 14, text: expect.stringContaining("altname") });
    const untrusted = clientOf([port], { tls: {} });
    expect(await untrusted.ask("a")).toMatchObject({ code: 14, text: expect.stringMatching(/certificate/) });
    for (const { client } of [byAddress, byName]) client.close();
  });

  it("needs a server that offers h2", async () => {
    const server = createTlsServer({ cert, key }, (socket) => socket.on("error", () => undefined)).listen(
      0,
      "127.0.0.1",
    );
    await once(server, "listening");
    ending.push(() => server.close());
    const { ask } = clientOf([portOf(server)], { tls: { ca: cert } });
    expect(await ask("a")).toMatchObject({ code: 14, text: expect.stringContaining("ALPN") });
  });
});
