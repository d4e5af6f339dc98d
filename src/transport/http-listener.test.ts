import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import https from "node:https";
import net from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import tls from "node:tls";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Health } from "#gen/grpc/health/v1/health_pb.js";
import { ServerReflection } from "#gen/grpc/reflection/v1/reflection_pb.js";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { postJson } from "../../test/kit/ports.js";
import { selfSigned } from "../../test/kit/self-signed.js";
import { type BothPorts, sendRawHttp2, startBothPorts } from "../../test/kit/transport.js";
import type { ArrivalEvents } from "./arrivals.js";
import { allowOrigins } from "./cors.js";
import { type HttpListenerOptions, startHttpListener } from "./http-listener.js";
import { type Route, sendJson } from "./route.js";
import { type Handlers, implement } from "./service.js";

const { check } = AuthorizationService.method;
const checkPath = "/patwarden.v1.AuthorizationService/Check";
const keys = selfSigned();

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Parts extends Partial<HttpListenerOptions> {
  readonly check?: Handlers<typeof AuthorizationService>["check"];
  readonly watch?: Handlers<typeof Health>["watch"];
  readonly info?: Handlers<typeof ServerReflection>["serverReflectionInfo"];
}

async function* nothing(): AsyncGenerator<never> {}

async function start({
  check,
  watch,
  info,
  ...options
}: Parts = {}): Promise<{ both: BothPorts; origin: string; port: number }> {
  const both = await startBothPorts(
    [
      implement(AuthorizationService, {
        check: check ?? (async ({ token }) => ({ subject: token })),
        batchCheck: async () => ({}),
        listResources: async function* () {},
        introspect: async () => ({}),
      }),
      implement(Health, { check: async () => ({}), list: async () => ({}), watch: watch ?? nothing }),
      implement(ServerReflection, { serverReflectionInfo: info ?? nothing }),
    ],
    options,
  );
  ends.push(both.stop);
  const port = Number(both.http.address.split(":")[1]);
  const origin = options.tls ? `https://localhost:${port}` : `http://127.0.0.1:${port}`;
  return { both, origin, port };
}

/** Collects all that a peer sends until it closes; a reset counts as a close. */
async function received(socket: net.Socket): Promise<string> {
  let text = "";
  socket.setEncoding("utf8");
  socket.on("data", (chunk) => {
    text += chunk;
  });
  socket.on("error", () => undefined);
  await once(socket, "close");
  return text;
}

/** Records what a listener closes and gives up. */
function listening(): { readonly told: string[]; readonly events: ArrivalEvents } {
  const told: string[] = [];
  const tell = (what: string) => void told.push(what);
  return { told, events: { closed: tell, gaveUp: tell } };
}

describe("the HTTP listener", () => {
  it("answers 404 in the format of a Connect error to an unknown path", async () => {
    const { origin } = await start();
    for (const path of ["/", "/livez/", "/patwarden.v1.AuthorizationService/Nope", "//livez"]) {
      const response = await fetch(origin + path, { method: "POST" });
      expect(response.status).toBe(404);
      expect(await response.json()).toEqual({ code: "unimplemented", message: "no such path" });
    }
  });

  it("serves HEAD where GET is served, and names the allowed methods of a path for another one", async () => {
    const { origin } = await start();
    expect((await fetch(`${origin}/livez`, { method: "HEAD" })).status).toBe(200);
    const response = await fetch(`${origin}/livez`, { method: "POST" });
    expect([response.status, response.headers.get("allow")]).toEqual([405, "GET"]);
  });

  it("answers 500 with a fixed text when a route throws, and continues to serve", async () => {
    const handle = (): never => {
      throw new Error("secret");
    };
    const { origin, both } = await start({ routes: [{ method: "GET", path: "/broken", handle }] });
    const response = await fetch(`${origin}/broken`);
    expect([response.status, await response.json()]).toEqual([500, { code: "internal", message: "internal error" }]);
    expect(both.defects).toMatchObject([{ message: "secret" }]);
    expect(await postJson(origin, check, "{}", {})).toMatchObject({ ok: true });
  });

  it("survives a route that writes after the end of its answer", async () => {
    const { origin, both } = await start({
      routes: [
        {
          method: "GET",
          path: "/twice",
          handle(_request, response) {
            response.end("a");
            response.write("b");
          },
        },
      ],
    });
    expect(await (await fetch(`${origin}/twice`)).text()).toBe("a");
    expect(both.defects).toMatchObject([{ code: "ERR_STREAM_WRITE_AFTER_END" }]);
  });

  it("rejects when the port is taken", async () => {
    const { both } = await start();
    const rpc = { handle: () => undefined, abort: () => undefined };
    await expect(startHttpListener({ listen: both.http.address, routes: [], rpc })).rejects.toThrow("EADDRINUSE");
  });

  it("listens on IPv6", async () => {
    const rpc = { handle: () => undefined, abort: () => undefined };
    const listener = await startHttpListener({ listen: "[::1]:0", routes: [], rpc }).catch(
      (e: { code: string }) => e.code,
    );
    if (listener === "EADDRNOTAVAIL") return; // a machine without IPv6
    if (typeof listener === "string") throw new Error(listener);
    expect(listener.address).toMatch(/^\[::1\]:[1-9]\d*$/);
    expect((await fetch(`http://${listener.address}/`)).status).toBe(404);
    await listener.drain(1000);
  });
});

describe.each([
  ["HTTP/1.1 in plaintext", undefined],
  ["HTTP/1.1 over TLS", keys],
])("%s", (_name, tlsKeys) => {
  const connect = async (port: number): Promise<net.Socket> => {
    const socket = tlsKeys
      ? tls.connect({ port, host: "127.0.0.1", servername: "localhost", ca: keys.cert, ALPNProtocols: ["http/1.1"] })
      : net.connect(port, "127.0.0.1");
    await once(socket, tlsKeys ? "secureConnect" : "connect");
    ends.push(() => socket.destroy());
    return socket;
  };
  const withTls = tlsKeys && { tls: tlsKeys };

  it.each([
    ["its headers", { headersMs: 50, checkMs: 20 }, "POST / HTTP/1.1\r\nHost: a\r\n"],
    [
      "its body",
      { requestMs: 50, headersMs: 50, checkMs: 20 },
      `POST ${checkPath} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{`,
    ],
    ["anything at all", { headersMs: 50, checkMs: 20 }, ""],
  ])("closes a connection that never finishes %s", async (_what, timeouts, text) => {
    const { port } = await start({ timeouts, ...withTls });
    const socket = await connect(port);
    if (text) socket.write(text);
    expect(await received(socket)).toMatch(/^HTTP\/1\.1 408 /);
  });

  it("closes a connection that is idle between requests", async () => {
    const { port } = await start({ timeouts: { keepAliveMs: 50 }, ...withTls });
    const socket = await connect(port);
    socket.write("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(await received(socket)).toMatch(/^HTTP\/1\.1 200 .*ok$/s);
  });

  it("lets a running call finish while it drains and closes its kept-alive connection", async () => {
    let finish: (() => void) | undefined;
    let started: (() => void) | undefined;
    const running = new Promise<void>((resolve) => {
      started = resolve;
    });
    const { port, both } = await start({
      ...withTls,
      check: () =>
        new Promise((resolve) => {
          finish = () => resolve({ subject: "done" });
          started?.();
        }),
    });
    const socket = await connect(port);
    socket.write(
      `POST ${checkPath} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
    );
    await running;
    const drained = both.http.drain(60_000);
    finish?.();
    expect(await received(socket)).toContain("done");
    await drained;
    await expect(connect(port)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  it("ends a call that outlives the grace with UNAVAILABLE", async () => {
    let started: (() => void) | undefined;
    const running = new Promise<void>((resolve) => {
      started = resolve;
    });
    const { port, both } = await start({
      ...withTls,
      check: () => {
        started?.();
        return new Promise(() => undefined);
      },
    });
    const socket = await connect(port);
    socket.write(
      `POST ${checkPath} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
    );
    await running;
    const text = received(socket);
    await both.http.drain(0);
    expect(await text).toMatch(/^HTTP\/1\.1 503 .*"code":"unavailable"/s);
  });

  it("closes at once when all connections are idle", async () => {
    const { port, both } = await start(withTls);
    const socket = await connect(port);
    socket.write("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
    await once(socket, "data");
    await Promise.all([both.http.drain(60_000), received(socket)]);
  });

  it("survives a peer that resets in the middle of a request", async () => {
    const { port, both } = await start(withTls);
    const socket = await connect(port);
    socket.write(
      `POST ${checkPath} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{`,
    );
    if (socket instanceof tls.TLSSocket) socket.destroy();
    else socket.resetAndDestroy();
    await once(socket, "close");
    const again = await connect(port);
    again.write("GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    expect(await received(again)).toContain("ok");
    expect(both.defects).toEqual([]);
  });
});

describe("HTTP/2 over TLS", () => {
  const connect = async (origin: string): Promise<http2.ClientHttp2Session> => {
    const session = http2.connect(origin, { ca: keys.cert });
    session.on("error", () => undefined);
    await once(session, "connect");
    ends.push(() => session.destroy());
    return session;
  };

  it("serves the probes, Connect and gRPC to a client that chooses it by ALPN", async () => {
    const watch = async function* () {
      yield { status: 1 } as const;
    };
    const { origin } = await start({ tls: keys, watch });
    const session = await connect(origin);
    const stream = session.request({ ":path": "/livez" });
    const [headers] = await once(stream, "response");
    expect(headers[":status"]).toBe(200);
    stream.resume();
    const nodeOptions = { ca: keys.cert };
    for (const transport of [
      createConnectTransport({ baseUrl: origin, httpVersion: "2", nodeOptions }),
      createConnectTransport({ baseUrl: origin, httpVersion: "1.1", nodeOptions }),
      createGrpcTransport({ baseUrl: origin, nodeOptions }),
    ]) {
      expect((await createClient(AuthorizationService, transport).check({ token: "t" })).subject).toBe("t");
      const seen: number[] = [];
      for await (const { status } of createClient(Health, transport).watch({})) seen.push(status);
      expect(seen).toEqual([1]);
    }
  });

  it("lets pages of listed origins call and read answers", async () => {
    const { origin } = await start({ tls: keys, cors: allowOrigins(["https://app.example.com"]) });
    const session = await connect(origin);
    const answer = async (headers: http2.OutgoingHttpHeaders): Promise<http2.IncomingHttpHeaders> => {
      const stream = session.request({ ":path": checkPath, origin: "https://app.example.com", ...headers });
      stream.end(headers[":method"] === "POST" ? "{}" : undefined);
      const [received] = await once(stream, "response");
      stream.resume();
      return received;
    };
    const preflight = await answer({ ":method": "OPTIONS", "access-control-request-method": "POST" });
    expect(preflight).toMatchObject({ ":status": 204, "access-control-allow-origin": "https://app.example.com" });
    const call = await answer({ ":method": "POST", "content-type": "application/json" });
    expect(call).toMatchObject({ ":status": 200, "access-control-allow-origin": "https://app.example.com" });
    const stranger = await answer({
      ":method": "POST",
      "content-type": "application/json",
      origin: "https://x.example",
    });
    expect([stranger[":status"], stranger["access-control-allow-origin"], stranger.vary]).toEqual([
      200,
      undefined,
      "Origin",
    ]);
  });

  it("refuses two authorization headers", async () => {
    const { both, port } = await start({ tls: keys });
    const socket = tls.connect({
      port,
      host: "127.0.0.1",
      servername: "localhost",
      ca: keys.cert,
      ALPNProtocols: ["h2"],
    });
    ends.push(() => socket.destroy());
    await once(socket, "secureConnect");
    const end = both.nextEnd();
    sendRawHttp2(
      socket,
      [
        [":method", "POST"],
        [":scheme", "https"],
        [":authority", "localhost"],
        [":path", checkPath],
        ["content-type", "application/json"],
        ["authorization", "Bearer one"],
        ["authorization", "Bearer two"],
      ],
      Buffer.from("{}"),
    );
    expect((await end).error).toMatchObject({ code: "UNAUTHENTICATED", reason: "CALLER_UNAUTHENTICATED" });
  });

  it("allows 250 streams at a time on a connection", async () => {
    const { origin } = await start({ tls: keys });
    const session = http2.connect(origin, { ca: keys.cert });
    ends.push(() => session.destroy());
    const [settings]: http2.Settings[] = await once(session, "remoteSettings");
    expect(settings?.maxConcurrentStreams).toBe(250);
  });

  it("closes an idle connection", async () => {
    const { origin } = await start({ tls: keys, timeouts: { http2IdleMs: 50 } });
    await once(await connect(origin), "close");
  });

  it("closes a connection whose handshake never ends", async () => {
    const { told, events } = listening();
    const { port } = await start({ tls: keys, timeouts: { handshakeMs: 50 }, events });
    const socket = net.connect(port, "127.0.0.1");
    expect(await received(socket)).toBe("");
    expect(told).toEqual(["hello"]);
  });

  it("S12 closes a connection that never sends the preface of HTTP/2, and none that is idle after it", async () => {
    const { told, events } = listening();
    const { port, origin } = await start({ tls: keys, limits: { helloMs: 200, requestMs: 1_000, lookMs: 50 }, events });
    const rests = await connect(origin);
    const silent = tls.connect({
      port,
      host: "127.0.0.1",
      ca: keys.cert,
      servername: "localhost",
      ALPNProtocols: ["h2"],
    });
    silent.on("error", () => undefined).resume();
    const closed = once(silent, "close");
    await once(silent, "secureConnect");
    // The looks of the port give this request more time than the silent one.
    const late = rests.request({ ":method": "POST", ":path": checkPath, "content-type": "application/json" });
    late.on("error", () => undefined).write("{");
    expect((await once(late, "response"))[0][":status"]).toBe(408);
    expect(told).toEqual(["hello", "late"]);
    await closed;
    expect(rests.closed).toBe(false);
  });

  it("drains at once when only idle connections are open", async () => {
    const { origin, both } = await start({ tls: keys });
    const session = await connect(origin);
    const stream = session.request({ ":path": "/livez" });
    await once(stream.resume(), "close");
    await Promise.all([both.http.drain(60_000), once(session, "close")]);
  });

  it("cuts a stream and a half-made connection after the grace", async () => {
    const watch: Parts["watch"] = async function* (_, { signal }) {
      yield { status: 1 };
      await once(signal, "abort");
    };
    const { origin, both, port } = await start({ tls: keys, watch });
    const half = net.connect(port, "127.0.0.1");
    await once(half, "connect");
    const session = await connect(origin);
    const stream = session.request({
      ":method": "POST",
      ":path": "/grpc.health.v1.Health/Watch",
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.end(Buffer.alloc(5));
    await once(stream, "data");
    const trailers = once(stream, "trailers");
    stream.resume();
    await Promise.all([both.http.drain(10), received(half)]);
    expect((await trailers)[0]["grpc-status"]).toBe("14");
  });

  it("ends a call whose caller stops reading and leaves", async () => {
    let cleaned: () => void;
    const cleanedUp = new Promise<void>((resolve) => {
      cleaned = resolve;
    });
    const info: Parts["info"] = async function* () {
      try {
        for (;;) yield { validHost: "x".repeat(100_000) };
      } finally {
        cleaned();
      }
    };
    const { origin, both } = await start({ tls: keys, info });
    const session = await connect(origin);
    const stream = session.request({
      ":method": "POST",
      ":path": "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.on("error", () => undefined);
    await once(stream, "readable");
    const end = both.nextEnd();
    session.destroy();
    expect((await end).error?.code).toBe("CANCELLED");
    await cleanedUp;
  });

  it.each([
    [
      "a stream with an error",
      (stream: http2.ClientHttp2Stream) => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR),
    ],
    ["its connection", (_: http2.ClientHttp2Stream, socket: net.Socket) => socket.resetAndDestroy()],
  ])("survives a peer that resets %s in the middle of a call", async (_what, reset) => {
    let started: (() => void) | undefined;
    const running = new Promise<void>((resolve) => {
      started = resolve;
    });
    const { origin, both, port } = await start({
      tls: keys,
      check: () => {
        started?.();
        return new Promise(() => undefined);
      },
    });
    const socket = net.connect(port, "127.0.0.1");
    const createConnection = () =>
      tls.connect({ socket, servername: "localhost", ca: keys.cert, ALPNProtocols: ["h2"] });
    const session = http2.connect(origin, { createConnection });
    session.on("error", () => undefined);
    ends.push(() => session.destroy());
    const stream = session.request({ ":method": "POST", ":path": checkPath, "content-type": "application/json" });
    stream.on("error", () => undefined);
    stream.end("{}");
    await running;
    const end = both.nextEnd();
    reset(stream, socket);
    expect((await end).error?.code).toBe("CANCELLED");
    const again = (await connect(origin)).request({ ":path": "/livez" });
    expect((await once(again, "response"))[0][":status"]).toBe(200);
    expect(both.defects).toEqual([]);
  });

  it("survives a peer that resets in the middle of the handshake", async () => {
    const { origin, port } = await start({ tls: keys });
    const socket = net.connect(port, "127.0.0.1");
    await once(socket, "connect");
    socket.write(Buffer.of(22, 3, 1, 2, 0, 1)); // the first bytes of a ClientHello
    socket.resetAndDestroy();
    await once(socket, "close");
    const stream = (await connect(origin)).request({ ":path": "/livez" });
    expect((await once(stream, "response"))[0][":status"]).toBe(200);
  });

  it("accepts only clients of the configured authority", async () => {
    const { origin } = await start({ tls: { ...keys, clientCa: keys.cert } });
    const get = (client: https.RequestOptions): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const request = https.get(`${origin}/livez`, { ca: keys.cert, agent: false, ...client }, (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        request.on("error", reject);
      });
    const stranger = selfSigned();
    await expect(get({})).rejects.toThrow();
    await expect(get({ cert: stranger.cert, key: stranger.key })).rejects.toThrow();
    expect(await get({ cert: keys.cert, key: keys.key })).toBe(200);
  });
});

describe.each([
  ["HTTP/1.1", undefined],
  ["HTTP/2", keys],
])("the limits for unauthenticated callers over %s", (_name, tlsKeys) => {
  interface Answer {
    readonly status: number;
    readonly body: string;
  }
  /** A request whose body is written by hand, and the answer to it. */
  interface Sent {
    readonly write: (bytes: string | Buffer) => Promise<void>;
    readonly end: () => void;
    readonly answer: Promise<Answer>;
  }
  /** Opens a request on one connection: one after the other (HTTP/1.1) or many in parallel (HTTP/2). */
  type Open = (path: string, headers?: Readonly<Record<string, string>>) => Sent;

  function sentBy(stream: Duplex): Sent {
    const answer = new Promise<Answer>((resolve, reject) => {
      stream.once("error", reject);
      stream.once("response", (first: http.IncomingMessage | http2.IncomingHttpHeaders) => {
        const body = "rawHeaders" in first ? (first as http.IncomingMessage) : stream;
        const status = "statusCode" in first ? first.statusCode : (first as http2.IncomingHttpHeaders)[":status"];
        let text = "";
        body.on("data", (chunk) => {
          text += chunk;
        });
        body.once("end", () => resolve({ status: Number(status), body: text }));
        body.once("close", () => resolve({ status: Number(status), body: text }));
      });
    });
    answer.catch(() => undefined);
    const closed = once(stream, "close").then(() => Promise.reject(new Error("closed")));
    closed.catch(() => undefined);
    return {
      write: (bytes) => {
        const written = new Promise<void>((resolve) => void stream.write(bytes, () => resolve()));
        return Promise.race([closed, written]);
      },
      end: () => stream.end(),
      answer,
    };
  }

  async function connect(port: number): Promise<Open> {
    const json = { "content-type": "application/json" };
    if (!tlsKeys) {
      const agent = new http.Agent({ keepAlive: true });
      ends.push(() => agent.destroy());
      return (path, headers = {}) => {
        const request = http.request({
          port,
          host: "127.0.0.1",
          path,
          method: "POST",
          agent,
          headers: { ...json, ...headers },
        });
        request.flushHeaders();
        return sentBy(request as never); // sentBy uses only what a ClientRequest has
      };
    }
    const session = http2.connect(`https://localhost:${port}`, { ca: keys.cert, maxSendHeaderBlockLength: 200_000 });
    session.on("error", () => undefined);
    await once(session, "connect");
    ends.push(() => session.destroy());
    return (path, headers = {}) => sentBy(session.request({ ":method": "POST", ":path": path, ...json, ...headers }));
  }
  /** Sends a whole request on a new connection and returns its status; the connection stays open. */
  async function askOver(port: number): Promise<number> {
    const sent = (await connect(port))(checkPath);
    await sent.write("{}");
    sent.end();
    return (await sent.answer).status;
  }
  const withTls = tlsKeys && { tls: tlsKeys };

  it("S26 a body of 5 MB is refused with an answer, also for a client that reads only after it has sent all", async () => {
    const { port } = await start(withTls);
    const open = await connect(port);
    const sent = open(checkPath);
    const half = Buffer.alloc(2_500_000, "x");
    const all = Promise.all([sent.write(half), sent.write(half)]);
    // Over HTTP/2 the answer comes before the rest of the body is sent.
    if (!tlsKeys) await all;
    all.catch(() => undefined);
    sent.end();
    expect(await sent.answer).toMatchObject({ status: 429, body: expect.stringContaining("resource_exhausted") });
    // The control: the next request is answered.
    const next = (await connect(port))(checkPath);
    await next.write("{}");
    next.end();
    expect((await next.answer).status).toBe(200);
  });

  // The body is larger than the buffers of both ends: the client can only send all of it if the server reads it.
  if (!tlsKeys) {
    it("S26 a client that reads nothing before it has sent all gets its answer", async () => {
      const { port } = await start();
      const socket = net.connect(port, "127.0.0.1").pause();
      ends.push(() => socket.destroy());
      const length = 15 * 1_048_576;
      socket.write(
        `POST ${checkPath} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`,
      );
      const failed = once(socket, "error").then(([error]) => Promise.reject(error));
      failed.catch(() => undefined);
      for (const chunk of Array(15).fill(Buffer.alloc(1_048_576, "x")))
        await Promise.race([failed, new Promise<void>((resolve) => void socket.write(chunk, () => resolve()))]);
      const text = received(socket);
      socket.resume();
      expect(await text).toMatch(/^HTTP\/1.1 429 .*resource_exhausted/s);
    });
  }

  it("S26 the answer of a route that stops reading a body still arrives", async () => {
    const handle = async (request: http.IncomingMessage, response: http.ServerResponse): Promise<void> => {
      for await (const _ of request) break;
      sendJson(response, 413, {});
    };
    const route: Route = { method: "POST", path: "/some", handle };
    const { port } = await start({ ...withTls, routes: [route] });
    const sent = (await connect(port))("/some");
    await sent.write("some");
    expect((await sent.answer).status).toBe(413);
  });

  it("S26 an endless body is read only for a limited time after the answer", async () => {
    const { port } = await start(withTls);
    const sent = (await connect(port))("/livez");
    const chunk = Buffer.alloc(1_048_576);
    let written = 0;
    await expect(
      (async () => {
        for (; written < 200; written++) await sent.write(chunk);
      })(),
    ).rejects.toThrow();
    expect((await sent.answer).status).toBe(405);
  });

  it("B3 serves headers of 60 KiB, and names the limit when they have more than 64 KiB", async () => {
    const { port } = await start(withTls);
    const open = await connect(port);
    const ask = async (length: number): Promise<Answer> => {
      const sent = open(checkPath, { cookie: "x".repeat(length) });
      await sent.write("{}");
      sent.end();
      return sent.answer;
    };
    expect((await ask(60 * 1_024)).status).toBe(200);
    const refused = await ask(70 * 1_024);
    expect(refused.status).toBe(431);
    expect(JSON.parse(refused.body)).toEqual({
      code: "resource_exhausted",
      message: "all headers together must have at most 65536 bytes",
    });
  });

  it("S12 gives up requests that never end, and answers one that is slow but ends in time", async () => {
    const { told, events } = listening();
    const { port } = await start({
      ...withTls,
      events,
      timeouts: { headersMs: 2_000, requestMs: 2_000, checkMs: 50 },
      limits: { requestMs: 2_000, lookMs: 50 },
    });
    const slow = (await connect(port))(checkPath);
    await slow.write("{");
    await sleep(200);
    await slow.write("}");
    slow.end();
    expect((await slow.answer).status).toBe(200);
    const endless = (await connect(port))(checkPath);
    await endless.write("{");
    expect(await endless.answer).toMatchObject({
      status: 408,
      body: expect.stringContaining("did not arrive in time"),
    });
    // Over HTTP/1.1 Node may have noticed it first.
    expect(told).toEqual([expect.stringMatching(tlsKeys ? /^late$/ : /^(late|headers)$/)]);
  });

  it("S12 limits the slow requests, and serves quick ones beside them", async () => {
    const { told, events } = listening();
    const { port } = await start({
      ...withTls,
      events,
      // Two looks must not see the quick one, even on a busy machine.
      limits: { slow: 5, slowOfConnection: 3, lookMs: 1_000, requestMs: 60_000 },
    });
    const crowd: Sent[] = [];
    for (let connection = 0; connection < (tlsKeys ? 3 : 8); connection++) {
      const open = await connect(port);
      for (let n = 0; n < (tlsKeys ? 4 : 1); n++) crowd.push(open(checkPath));
    }
    await Promise.all(crowd.map((sent) => sent.write("{")));
    const wanted = crowd.length - 5;
    let seen = 0;
    for (const { answer } of crowd) {
      answer.then(
        ({ status }) => {
          if (status === 429) seen++;
        },
        () => undefined,
      );
    }
    await vi.waitFor(() => expect(seen).toBe(wanted), 20_000);
    const quick = (await connect(port))(checkPath);
    await quick.write("{}");
    quick.end();
    expect((await quick.answer).status).toBe(200);
    await sleep(1_500);
    expect(seen).toBe(wanted);
    expect(told).toEqual(Array(wanted).fill("crowded"));
  });

  if (tlsKeys) {
    it("S12 limits the slow requests of one connection, and still waits for those of others", async () => {
      const { port } = await start({ ...withTls, limits: { slowOfConnection: 3, lookMs: 50, requestMs: 10_000 } });
      const [crowded, other] = [await connect(port), await connect(port)];
      const crowd = Array.from({ length: 5 }, () => crowded(checkPath));
      const others = Array.from({ length: 3 }, () => other(checkPath));
      const all = [...crowd, ...others];
      await Promise.all(all.map((sent) => sent.write("{")));
      const refused = (sent: readonly Sent[]) => Promise.any(sent.map(({ answer }) => answer));
      expect((await refused(crowd)).status).toBe(429);
      for (const sent of all) void sent.write("}").then(sent.end, () => undefined);
      const statuses = async (sent: readonly Sent[]) =>
        (await Promise.all(sent.map(({ answer }) => answer))).map(({ status }) => status).sort();
      expect(await statuses(crowd)).toEqual([200, 200, 200, 429, 429]);
      expect(await statuses(others)).toEqual([200, 200, 200]);
    });
  }

  it("S12 closes connections of one address above its limit, and no longer counts those that have ended", async () => {
    const { told, events } = listening();
    const { port } = await start({ ...withTls, limits: { connectionsOfAddress: 3 }, events });
    const dial = async (): Promise<net.Socket> => {
      const socket = net.connect(port, "127.0.0.1");
      socket.on("error", () => undefined);
      ends.push(() => socket.destroy());
      await once(socket, "connect");
      return socket;
    };
    const kept = [await dial(), await dial(), await dial()];
    await expect(askOver(port)).rejects.toThrow();
    expect(told).toEqual(["address"]);
    expect(kept.every(({ closed }) => !closed)).toBe(true);
    kept[0]?.destroy();
    await vi.waitFor(async () => expect(await askOver(port)).toBe(200), 20_000);
  });

  it("S12 limits the connections in total", async () => {
    const { told, events } = listening();
    const { port } = await start({ ...withTls, limits: { connections: 2 }, events });
    expect([await askOver(port), await askOver(port)]).toEqual([200, 200]);
    await expect(askOver(port)).rejects.toThrow();
    expect(told).toEqual(["full"]);
  });
});
