import { once } from "node:events";
import http2 from "node:http2";
import net from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import * as grpc from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { BadRequestSchema, ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "#gen/google/rpc/status_pb.js";
import { Health, HealthCheckResponseSchema } from "#gen/grpc/health/v1/health_pb.js";
import { ServerReflection, ServerReflectionResponseSchema } from "#gen/grpc/reflection/v1/reflection_pb.js";
import { AuthorizationService, CheckRequestSchema, CheckResponseSchema } from "#gen/patwarden/v1/authorization_pb.js";
import type { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { selfSigned } from "../../test/kit/self-signed.js";
import { type BothPorts, sendRawHttp2, startBothPorts } from "../../test/kit/transport.js";
import { Failure } from "../domain/errors.js";
import { type GrpcEngine, grpcEngines } from "../domain/grpc-engine.js";
import type { ArrivalLimits } from "./arrivals.js";
import { type Refusal, startGrpcListener, type TlsKeys } from "./grpc-listener.js";
import { type Handlers, implement } from "./service.js";

const checkPath = "/patwarden.v1.AuthorizationService/Check";
const watchPath = "/grpc.health.v1.Health/Watch";
const reflectionPath = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const asIs = (bytes: Buffer): Buffer => bytes;

const ends: (() => unknown)[] = [];
afterEach(async () => {
  // A test that fails when an answer arrives is still inside Node's reading of the frame: destroying a session there
  // corrupts memory (Node 20).
  await turn();
  for (const end of ends.splice(0).reverse()) await end();
});

interface Parts {
  readonly check?: Handlers<typeof AuthorizationService>["check"];
  readonly watch?: Handlers<typeof Health>["watch"];
  readonly info?: Handlers<typeof ServerReflection>["serverReflectionInfo"];
}

async function* nothing(): AsyncGenerator<never> {}

const implementationsOf = ({ check, watch, info }: Parts) => [
  implement(AuthorizationService, {
    check: check ?? (async ({ token }) => ({ subject: token })),
    batchCheck: async () => ({}),
    listResources: async function* () {},
    introspect: async () => ({}),
  }),
  implement(Health, { check: async () => ({}), list: async () => ({}), watch: watch ?? nothing }),
  implement(ServerReflection, { serverReflectionInfo: info ?? nothing }),
];

/** The engine of the running test. */
let engine: GrpcEngine;

async function start(parts: Parts): Promise<{ both: BothPorts; client: grpc.Client }> {
  const both = await startBothPorts(implementationsOf(parts), { engine });
  const client = new grpc.Client(both.grpc.address, grpc.credentials.createInsecure());
  ends.push(both.stop, () => client.close());
  return { both, client };
}

type Outcome = { readonly status: grpc.ServiceError | undefined; readonly bytes: Buffer | undefined };

function unary(client: grpc.Client, bytes: Buffer, metadata = new grpc.Metadata()): Promise<Outcome> {
  return new Promise((resolve) => {
    client.makeUnaryRequest(checkPath, asIs, asIs, bytes, metadata, (error, value) =>
      resolve({ status: error ?? undefined, bytes: value }),
    );
  });
}

const detailsOf = ({ status }: Outcome) => {
  const [bytes] = status?.metadata.get("grpc-status-details-bin") ?? [];
  return bytes instanceof Buffer ? fromBinary(StatusSchema, bytes).details : [];
};

const checkBytes = (token: string) => Buffer.from(toBinary(CheckRequestSchema, create(CheckRequestSchema, { token })));
async function healthStatuses(stream: AsyncIterable<Buffer>): Promise<number[]> {
  const statuses: number[] = [];
  for await (const bytes of stream) statuses.push(fromBinary(HealthCheckResponseSchema, bytes).status);
  return statuses;
}

/** Returns the status of a stream whose messages are not read. */
function statusOf(
  stream: grpc.ClientReadableStream<Buffer> | grpc.ClientDuplexStream<Buffer, Buffer>,
): Promise<grpc.StatusObject> {
  stream.on("error", () => undefined);
  return new Promise((resolve) => stream.on("status", resolve));
}

describe.each(grpcEngines)("gRPC by %s", (each) => {
  beforeEach(() => {
    engine = each;
  });

  describe("unary over gRPC", () => {
    it.each([
      ["invalid UTF-8", Buffer.from([0x0a, 2, 0xc3, 0x28])],
      ["a truncated message", checkBytes("ECHO_secret").subarray(0, 6)],
      ["a wrong wire type", Buffer.from([0x0f])],
      ["200,000 nested groups", Buffer.alloc(200_000, 0x7b)],
    ])("answers %s with INVALID_ARGUMENT and never repeats it", async (_what, bytes) => {
      const { client } = await start({});
      const outcome = await unary(client, bytes);
      expect(outcome.status).toMatchObject({
        code: grpc.status.INVALID_ARGUMENT,
        details: "the request is not valid; see the field violations",
      });
      const [info, bad] = detailsOf(outcome);
      expect(info && anyUnpack(info, ErrorInfoSchema)).toMatchObject({ reason: "INVALID_FIELD" });
      expect(bad && anyUnpack(bad, BadRequestSchema)?.fieldViolations).toMatchObject([{ field: "" }]);
      expect(JSON.stringify(outcome)).not.toContain("ECHO");
      expect((await unary(client, checkBytes("t"))).status).toBeUndefined();
    });

    it("can be retried by a client's service config when it fails", async () => {
      let calls = 0;
      const { both } = await start({
        check: async () => {
          if (++calls < 3) throw new Failure("OPENFGA_UNAVAILABLE");
          return { allowed: true };
        },
      });
      const retryPolicy = {
        maxAttempts: 4,
        initialBackoff: "0.01s",
        maxBackoff: "0.1s",
        backoffMultiplier: 2,
        retryableStatusCodes: ["UNAVAILABLE"],
      };
      const client = new grpc.Client(both.grpc.address, grpc.credentials.createInsecure(), {
        "grpc.service_config": JSON.stringify({
          loadBalancingConfig: [],
          methodConfig: [{ name: [{ service: "patwarden.v1.AuthorizationService" }], retryPolicy }],
        }),
      });
      ends.push(() => client.close());
      const { bytes } = await unary(client, checkBytes("t"));
      expect([calls, bytes && fromBinary(CheckResponseSchema, bytes).allowed]).toEqual([3, true]);
    });

    it("decodes an empty message as one with defaults", async () => {
      const { client } = await start({});
      const { bytes } = await unary(client, Buffer.alloc(0));
      expect(bytes && fromBinary(CheckResponseSchema, bytes).subject).toBe("");
    });

    it("answers INTERNAL with a request id when the handler's message cannot be encoded", async () => {
      const { client, both } = await start({ check: async () => ({ reason: (2 ** 40) as Reason }) });
      const end = both.nextEnd();
      const outcome = await unary(client, checkBytes("t"));
      expect(outcome.status).toMatchObject({ code: grpc.status.INTERNAL, details: "internal error" });
      const [info] = detailsOf(outcome);
      expect(info && anyUnpack(info, ErrorInfoSchema)?.metadata["requestId"]).toMatch(/^[0-9a-f-]{36}$/);
      expect((await end).error?.cause).toBeInstanceOf(Error);
    });

    it("S30 refuses two authorization headers, of which HTTP/2 in Node shows one, and accepts one", async () => {
      const seen: (string | undefined)[] = [];
      const { both } = await start({
        check: async (_, call) => {
          seen.push(call.header("authorization"));
          return {};
        },
      });
      for (const credentials of [["Bearer one", "Bearer two"], ["Bearer one", "Bearer one"], ["Bearer one"]]) {
        const [host, port] = both.grpc.address.split(":");
        const socket = net.connect(Number(port), host);
        ends.push(() => socket.destroy());
        const end = both.nextEnd();
        sendRawHttp2(
          socket,
          [
            [":method", "POST"],
            [":scheme", "http"],
            [":authority", "localhost"],
            [":path", checkPath],
            ["content-type", "application/grpc"],
            ...credentials.map((value) => ["authorization", value] as const),
          ],
          Buffer.alloc(5),
        );
        const { error } = await end;
        expect([error?.reason, error?.metadata["problem"]]).toEqual(
          credentials.length === 1
            ? [undefined, undefined]
            : ["CALLER_UNAUTHENTICATED", "there is more than one authorization header"],
        );
      }
      expect(seen).toEqual(["Bearer one"]);
    });

    it("sends headers that a handler sets", async () => {
      const { client } = await start({
        check: async (_, call) => {
          call.setHeader("x-test", "0");
          call.setHeader("x-test", "1");
          return {};
        },
      });
      const call = client.makeUnaryRequest(checkPath, asIs, asIs, Buffer.alloc(0), () => undefined);
      const [headers]: grpc.Metadata[] = await once(call, "metadata");
      expect(headers?.get("x-test")).toEqual(["1"]);
    });

    it("answers an unknown method with UNIMPLEMENTED", async () => {
      const { client } = await start({});
      const error = await new Promise<grpc.ServiceError | null>((resolve) => {
        client.makeUnaryRequest("/patwarden.v1.AuthorizationService/Nope", asIs, asIs, Buffer.alloc(0), resolve);
      });
      expect(error?.code).toBe(grpc.status.UNIMPLEMENTED);
      expect(error?.details).toContain("/patwarden.v1.AuthorizationService/Nope");
    });
  });

  describe("streams over gRPC", () => {
    it("sends all messages, then OK, and reports a success", async () => {
      const watch = async function* () {
        yield { status: 1 } as const;
        yield { status: 2 } as const;
      };
      const { client, both } = await start({ watch });
      const end = both.nextEnd();
      expect(await healthStatuses(client.makeServerStreamRequest(watchPath, asIs, asIs, Buffer.alloc(0)))).toEqual([
        1, 2,
      ]);
      expect((await end).error).toBeUndefined();
    });

    it.each([
      ["a failure", new Failure("NOT_FOUND"), grpc.status.NOT_FOUND, "NOT_FOUND"],
      ["a defect", new Error("pw_pat_secret"), grpc.status.INTERNAL, "INTERNAL"],
    ])("ends with the status of %s after the messages before it", async (_what, thrown, code, reason) => {
      const watch = async function* () {
        yield { status: 1 } as const;
        throw thrown;
      };
      const { client } = await start({ watch });
      const stream = client.makeServerStreamRequest(watchPath, asIs, asIs, Buffer.alloc(0));
      const received: Buffer[] = [];
      stream.on("data", (bytes: Buffer) => received.push(bytes));
      const status = await statusOf(stream);
      expect(received.length).toBe(1);
      expect(status.code).toBe(code);
      expect(JSON.stringify(status)).not.toContain("secret");
      const [info] = detailsOf({ status: status as grpc.ServiceError, bytes: undefined });
      expect(info && anyUnpack(info, ErrorInfoSchema)).toMatchObject({ reason });
    });

    it.each([
      [
        "throws before it returns an iterable",
        (): never => {
          throw new Error("x");
        },
      ],
      [
        "fails at its first message",
        async function* (): AsyncGenerator<never> {
          yield await Promise.reject<never>(new Error("x"));
        },
      ],
    ])("answers INTERNAL when a handler %s", async (_what, watch) => {
      const { client } = await start({ watch });
      const stream = client.makeServerStreamRequest(watchPath, asIs, asIs, Buffer.alloc(0)).resume();
      expect((await statusOf(stream)).code).toBe(grpc.status.INTERNAL);
    });

    it("answers each message of a bidirectional stream and ends when the caller half-closes", async () => {
      const info: Parts["info"] = async function* (requests) {
        for await (const { host } of requests) yield { validHost: host };
      };
      const { client } = await start({ info });
      const stream = client.makeBidiStreamRequest(reflectionPath, asIs, asIs);
      const replies = stream[Symbol.asyncIterator]();
      for (const host of ["a", "b"]) {
        stream.write(Buffer.from([0x0a, 1, host.charCodeAt(0)]));
        const { value } = await replies.next();
        expect(fromBinary(ServerReflectionResponseSchema, value).validHost).toBe(host);
      }
      stream.end();
      expect((await replies.next()).done).toBe(true);
    });

    it("ends well when the handler stops reading a bidirectional stream early", async () => {
      const info: Parts["info"] = async function* (requests) {
        for await (const { host } of requests) {
          yield { validHost: host };
          return;
        }
      };
      const { client } = await start({ info });
      const stream = client.makeBidiStreamRequest(reflectionPath, asIs, asIs);
      stream.write(Buffer.from([0x0a, 1, 0x61]));
      stream.write(Buffer.from([0x0a, 1, 0x62]));
      expect((await statusOf(stream.resume())).code).toBe(grpc.status.OK);
    });

    it("refuses an undecodable message in the middle of a bidirectional stream", async () => {
      const info: Parts["info"] = async function* (requests) {
        for await (const { host } of requests) yield { validHost: host };
      };
      const { client } = await start({ info });
      const stream = client.makeBidiStreamRequest(reflectionPath, asIs, asIs);
      stream.write(Buffer.from([0x0a, 1, 0x61]));
      stream.write(Buffer.from([0x0a, 2, 0xc3, 0x28]));
      expect((await statusOf(stream.resume())).code).toBe(grpc.status.INVALID_ARGUMENT);
    });

    it("ends a handler that waits for something else when the caller leaves", async () => {
      let cleaned: () => void;
      const cleanedUp = new Promise<void>((resolve) => {
        cleaned = resolve;
      });
      const watch: Parts["watch"] = async function* (_, { signal }) {
        try {
          yield { status: 1 };
          await once(signal, "abort");
        } finally {
          cleaned();
        }
      };
      const { client, both } = await start({ watch });
      const end = both.nextEnd();
      const stream = client.makeServerStreamRequest(watchPath, asIs, asIs, Buffer.alloc(0));
      stream.on("error", () => undefined);
      await once(stream, "data");
      stream.cancel();
      await cleanedUp;
      expect((await end).error?.code).toBe("CANCELLED");
    });

    it("stops a handler that would go on forever when the caller leaves", async () => {
      let cleaned: () => void;
      const cleanedUp = new Promise<void>((resolve) => {
        cleaned = resolve;
      });
      const watch: Parts["watch"] = async function* () {
        try {
          for (;;) yield { status: 1 };
        } finally {
          cleaned();
        }
      };
      const { client } = await start({ watch });
      const stream = client.makeServerStreamRequest(watchPath, asIs, asIs, Buffer.alloc(0));
      stream.on("error", () => undefined);
      await once(stream, "data");
      stream.cancel();
      await cleanedUp;
    });

    it("does not run ahead of a slow reader", async () => {
      let produced = 0;
      const total = 200;
      const info: Parts["info"] = async function* () {
        for (; produced < total; produced++) yield { validHost: "x".repeat(100_000) };
      };
      const { client } = await start({ info });
      const stream = client.makeBidiStreamRequest(reflectionPath, asIs, asIs);
      stream.end();
      const replies = stream[Symbol.asyncIterator]();
      await replies.next();
      for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
      expect(produced).toBeLessThan(total);
      let received = 1;
      while (!(await replies.next()).done) received++;
      expect(received).toBe(total);
    });
  });

  describe("the gRPC listener", () => {
    it("rejects when the port is taken", async () => {
      const { both } = await start({});
      await expect(startGrpcListener({ engine, listen: both.grpc.address, implementations: [] })).rejects.toThrow(
        `cannot listen on ${both.grpc.address}: another process uses this port (EADDRINUSE)`,
      );
    });

    it("keeps the host that was asked for in its address", async () => {
      const listener = await startGrpcListener({ engine, listen: "localhost:0", implementations: [] });
      expect(listener.address).toMatch(/^localhost:[1-9]\d*$/);
      await listener.drain(0);
    });

    it("refuses to mount a method twice", async () => {
      const twice = [...implementationsOf({}), ...implementationsOf({})];
      await expect(startGrpcListener({ engine, listen: "127.0.0.1:0", implementations: twice })).rejects.toThrow(
        "/patwarden.v1.AuthorizationService/Check is mounted twice",
      );
    });

    it("lets a running call finish while it drains, and takes no new connection", async () => {
      let finish: (() => void) | undefined;
      let started: () => void;
      const running = new Promise<void>((resolve) => {
        started = resolve;
      });
      const { client, both } = await start({
        check: (_, call) =>
          new Promise((resolve) => {
            finish = () => resolve({ subject: call.method });
            started();
          }),
      });
      const outcome = unary(client, checkBytes("t"));
      await running;
      const drained = both.grpc.drain(60_000);
      const late = new grpc.Client(both.grpc.address, grpc.credentials.createInsecure());
      ends.push(() => late.close());
      expect((await unary(late, checkBytes("t"))).status?.code).toBe(grpc.status.UNAVAILABLE);
      finish?.();
      expect((await outcome).status).toBeUndefined();
      await drained;
    });

    it("cuts what is still open after the grace", async () => {
      const watch: Parts["watch"] = async function* (_, { signal }) {
        yield { status: 1 };
        await once(signal, "abort");
      };
      const { client, both } = await start({ watch });
      const stream = client.makeServerStreamRequest(watchPath, asIs, asIs, Buffer.alloc(0));
      const status = statusOf(stream);
      await once(stream, "data");
      await both.grpc.drain(10);
      expect([grpc.status.CANCELLED, grpc.status.UNAVAILABLE]).toContain((await status).code);
    });

    it("speaks TLS, and with a client authority only to its clients", async () => {
      const [keys, stranger] = [selfSigned(), selfSigned()];
      for (const [clientCa, own, code] of [
        [undefined, undefined, undefined],
        [keys.cert, keys, undefined],
        [keys.cert, undefined, grpc.status.UNAVAILABLE],
        [keys.cert, stranger, grpc.status.UNAVAILABLE],
      ] as const) {
        const tls = { cert: keys.cert, key: keys.key, ...(clientCa && { clientCa }) };
        const listener = await startGrpcListener({
          engine,
          listen: "127.0.0.1:0",
          implementations: implementationsOf({}),
          tls,
        });
        const credentials = grpc.credentials.createSsl(keys.cert, own?.key ?? null, own?.cert ?? null);
        const client = new grpc.Client(listener.address.replace("127.0.0.1", "localhost"), credentials);
        expect((await unary(client, checkBytes("t"))).status?.code).toBe(code);
        client.close();
        await listener.drain(0);
      }
    });
  });

  describe("the limits of the gRPC port for unauthenticated callers", () => {
    type Limits = Partial<ArrivalLimits>;

    /** Events of the listener: what it closed and gave up. */
    let told: string[];
    beforeEach(() => {
      told = [];
    });

    async function listen(limits: Limits, tls?: TlsKeys): Promise<{ address: string; port: number }> {
      const tell = (what: string) => void told.push(what);
      const implementations = implementationsOf({
        info: async function* (requests) {
          for await (const _ of requests) yield {};
        },
      });
      const listener = await startGrpcListener({
        engine,
        listen: "127.0.0.1:0",
        implementations,
        limits: { lookMs: 50, ...limits },
        events: { closed: tell, gaveUp: tell },
        ...(tls && { tls }),
      });
      ends.push(() => listener.drain(0));
      return { address: listener.address, port: Number(listener.address.split(":")[1]) };
    }
    async function connect(address: string, ca?: TlsKeys["cert"]): Promise<http2.ClientHttp2Session> {
      const session = ca
        ? http2.connect(`https://${address.replace("127.0.0.1", "localhost")}`, { ca })
        : http2.connect(`http://${address}`);
      session.on("error", () => undefined);
      await once(session, "connect");
      ends.push(() => session.destroy());
      return session;
    }
    /** Starts a call and sends only these bytes of it. */
    function begin(session: http2.ClientHttp2Session, bytes: Buffer, path = checkPath) {
      const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc" });
      stream.on("error", () => undefined);
      stream.write(bytes);
      const status = once(stream, "response").then(([headers]) => Number(headers["grpc-status"] ?? 0));
      status.catch(() => undefined);
      return { stream, status };
    }
    const message = Buffer.concat([Buffer.alloc(5), Buffer.alloc(0)]);
    /** Returns whether the server closes a new connection; on a kept one, the server's settings arrive first. */
    async function isClosed(port: number): Promise<boolean> {
      const socket = net.connect(port, "127.0.0.1");
      socket.on("error", () => undefined);
      ends.push(() => socket.destroy());
      const events = ["data", "close"].map((event) => once(socket, event).then(() => event));
      return (await Promise.race(events)) === "close";
    }

    it("S12 gives up calls whose request never ends, also after an early answer, but no call that waits", async () => {
      const { address } = await listen({ requestMs: 500 });
      const session = await connect(address);
      const half = begin(session, message.subarray(0, 3));
      const whole = begin(session, message);
      const tooLarge = begin(session, Buffer.from([0, 0x7f, 0, 0, 0, 1]));
      const questions = begin(session, message, reflectionPath);
      expect(await half.status).toBe(grpc.status.DEADLINE_EXCEEDED);
      // A message without the end of its stream is not a whole request either.
      expect(await whole.status).toBe(grpc.status.DEADLINE_EXCEEDED);
      expect(await tooLarge.status).toBe(grpc.status.RESOURCE_EXHAUSTED);
      await Promise.all([half, tooLarge].map(({ stream }) => stream.closed || once(stream, "close")));
      // grpc-js answers the third and goes on reading it; the built-in engine ends it at once.
      expect(told).toEqual(engine === "builtin" ? ["late", "late"] : ["late", "late", "late"]);
      // The controls: a stream of questions is not one request, and a call that ends is answered.
      expect(await questions.status).toBe(0);
      expect(questions.stream.closed).toBe(false);
      const quick = begin(session, message);
      quick.stream.end();
      expect(await quick.status).toBe(0);
    });

    // The built-in engine bounds the memory of what arrives slowly, and not the number.
    const onGrpcJs = each === "grpc-js" ? it : () => undefined;
    onGrpcJs("S12 limits the slow calls of a connection and of all", async () => {
      const { address } = await listen({ slow: 5, slowOfConnection: 3, requestMs: 60_000 });
      const sessions = await Promise.all([connect(address), connect(address), connect(address)]);
      const crowd = sessions.flatMap((session) =>
        Array.from({ length: 4 }, () => begin(session, message.subarray(0, 3))),
      );
      const refused: number[] = [];
      for (const { status } of crowd)
        void status.then(
          (code) => refused.push(code),
          () => undefined,
        );
      await vi.waitFor(() => expect(refused).toEqual(Array(7).fill(grpc.status.RESOURCE_EXHAUSTED)), 20_000);
      const [session] = sessions;
      const quick = session && begin(session, message);
      quick?.stream.end();
      expect(await quick?.status).toBe(0);
      expect(refused).toHaveLength(7);
      expect(told).toEqual(Array(7).fill("crowded"));
    });

    onGrpcJs("S12 limits the slow calls of one connection, and still waits for those of others", async () => {
      const { address } = await listen({ slowOfConnection: 3, requestMs: 10_000 });
      const [crowded, other] = [await connect(address), await connect(address)];
      const crowd = Array.from({ length: 5 }, () => begin(crowded, message.subarray(0, 3)));
      const others = Array.from({ length: 3 }, () => begin(other, message.subarray(0, 3)));
      expect(await Promise.any(crowd.map(({ status }) => status))).toBe(grpc.status.RESOURCE_EXHAUSTED);
      for (const { stream } of [...crowd, ...others]) if (!stream.closed) stream.end(message.subarray(3));
      const statuses = async (calls: typeof crowd) => (await Promise.all(calls.map(({ status }) => status))).sort();
      expect(await statuses(crowd)).toEqual([0, 0, 0, grpc.status.RESOURCE_EXHAUSTED, grpc.status.RESOURCE_EXHAUSTED]);
      expect(await statuses(others)).toEqual([0, 0, 0]);
    });

    it.each([
      ["the preface", undefined],
      ["its handshake", selfSigned()],
    ])("S12 closes a connection that never sends %s, and none that is idle after it", async (_what, tls) => {
      const { address, port } = await listen({ helloMs: 200, requestMs: 1_000 }, tls);
      const silent = net.connect(port, "127.0.0.1");
      silent.on("error", () => undefined).resume();
      const closed = once(silent, "close");
      await once(silent, "connect");
      const rests = await connect(address, tls?.cert);
      // The looks of the port give this connection more time than the silent one.
      expect(await begin(rests, message.subarray(0, 3)).status).toBe(grpc.status.DEADLINE_EXCEEDED);
      expect(told).toEqual(["hello", "late"]);
      await closed;
      expect(rests.closed).toBe(false);
    });

    it("S12 limits the connections of one address, and accepts others after some have left", async () => {
      const { address, port } = await listen({ connectionsOfAddress: 2 });
      const [first] = [await connect(address), await connect(address)];
      expect(await isClosed(port)).toBe(true);
      expect(told).toEqual(["address"]);
      first?.destroy();
      await vi.waitFor(async () => expect(await isClosed(port)).toBe(false), 20_000);
    });

    it("S12 limits the connections in total", async () => {
      const { address, port } = await listen({ connections: 2 });
      for (let n = 0; n < 2; n++) await connect(address);
      expect(await isClosed(port)).toBe(true);
      expect(told).toEqual(["full"]);
    });

    it("B3 accepts metadata with an access token of 12.6 KiB, over grpc-js also 60 KiB of it", async () => {
      const { both, client } = await start({});
      const metadata = new grpc.Metadata();
      metadata.set("authorization", `Bearer ${"t".repeat(12_900)}`);
      expect((await unary(client, checkBytes("t"), metadata)).status).toBeUndefined();
      for (let n = 0; n < 5; n++) metadata.set(`cookie-${n}`, "x".repeat(9_000));
      const large = await unary(client, checkBytes("t"), metadata);
      expect(large.status?.code).toBe(engine === "builtin" ? grpc.status.RESOURCE_EXHAUSTED : undefined);
      expect((await both.nextEnd()).error).toBeUndefined();
    });

    it("answers one call with too much metadata, and serves the next ones of its connection", async () => {
      const { client } = await start({});
      const metadata = new grpc.Metadata();
      metadata.set("x-much", "m".repeat(25_000));
      const large = await unary(client, checkBytes("t"), metadata);
      expect(large.status?.code).toBe(engine === "builtin" ? grpc.status.RESOURCE_EXHAUSTED : undefined);
      expect((await unary(client, checkBytes("t"))).status).toBeUndefined();
    });
  });
});

describe("a call of the built-in engine that reaches no handler", () => {
  const metadataOf = (octets: number) => {
    const metadata = new grpc.Metadata();
    metadata.set("x-much", "m".repeat(octets));
    return metadata;
  };
  const [empty, small] = [Buffer.alloc(0), new grpc.Metadata()];

  it.each<[string, string, Buffer, grpc.Metadata, Omit<Refusal, "address">]>([
    [
      "of no method",
      "/patwarden.v1.AuthorizationService/Nope",
      empty,
      small,
      {
        method: "patwarden.v1.AuthorizationService/Nope",
        code: "UNIMPLEMENTED",
        problem: "no such method: /patwarden.v1.AuthorizationService/Nope",
      },
    ],
    [
      "of a method that is not enabled",
      "/a.B/C",
      empty,
      small,
      { method: "a.B/C", code: "UNIMPLEMENTED", problem: "no such method: /a.B/C; x.y is not enabled" },
    ],
    [
      "with too long a message",
      checkPath,
      Buffer.alloc(300_000),
      small,
      { method: checkPath.slice(1), code: "RESOURCE_EXHAUSTED", problem: expect.stringContaining("262144") },
    ],
    [
      "with too much metadata",
      checkPath,
      empty,
      metadataOf(50_000),
      { method: checkPath.slice(1), code: "RESOURCE_EXHAUSTED", problem: expect.stringContaining("over 24576 bytes") },
    ],
  ])(
    "is told once, with the client's address, and its caller is told why: %s",
    async (_, path, bytes, metadata, told) => {
      const refusals: Refusal[] = [];
      const listener = await startGrpcListener({
        engine: "builtin",
        listen: "127.0.0.1:0",
        implementations: implementationsOf({
          check: () => {
            throw new Failure("OPENFGA_UNAVAILABLE");
          },
        }),
        hints: new Map([["/a.B/C", "x.y is not enabled"]]),
        onRefused: (refusal) => refusals.push(refusal),
      });
      const client = new grpc.Client(listener.address, grpc.credentials.createInsecure());
      ends.push(
        () => listener.drain(0),
        () => client.close(),
      );
      const error = await new Promise<grpc.ServiceError | null>((resolve) => {
        client.makeUnaryRequest(path, asIs, asIs, bytes, metadata, resolve);
      });
      expect(refusals.map(({ address, ...refusal }) => [String(address), refusal])).toEqual([["127.0.0.1", told]]);
      expect(error?.details).toEqual(told.problem);
      // A failure of a handler is told otherwise.
      expect((await unary(client, checkBytes("t"))).status?.code).toBe(grpc.status.UNAVAILABLE);
      expect(refusals).toHaveLength(1);
    },
  );
});
