import { deflateSync, gzipSync } from "node:zlib";
import {
  create,
  createRegistry,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  toBinary,
  toJsonString,
} from "@bufbuild/protobuf";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  RetryInfoSchema,
} from "#gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "#gen/google/rpc/status_pb.js";
import { Health } from "#gen/grpc/health/v1/health_pb.js";
import { ServerReflection } from "#gen/grpc/reflection/v1/reflection_pb.js";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { type GrpcEngine, grpcEngines } from "../../src/domain/grpc-engine.js";
import { type Patwarden, startPatwarden } from "../kit/patwarden.js";
import { onEngine, type Server } from "../kit/server.js";
import { type Exchanged, RawExchange } from "../transport/exchange.js";
import { block, continuation, data, headers, type Pair, rst } from "../transport/http2/script.js";
import { knownAnswers, withoutFormalities } from "../transport/known-differences.js";

const { check, batchCheck, listResources } = AuthorizationService.method;
const { getToken, createToken, listTokens } = TokenService.method;
const { serverReflectionInfo } = ServerReflection.method;

/** One database and one OpenFGA, with a server of each engine: nothing else differs. */
let patwarden: Patwarden;
let servers: Readonly<Record<GrpcEngine, Server>>;
beforeAll(async () => {
  patwarden = await startPatwarden({ env: onEngine("builtin") });
  const openfga = { addresses: [patwarden.faults.openfga.address] };
  servers = {
    builtin: patwarden.server,
    "grpc-js": await patwarden.startReplica({ env: onEngine("grpc-js"), openfga }),
  };
  // A server listens before it has read the model.
  const asked = { token: patwarden.alice.secret, resource: "document:roadmap", action: "viewer" };
  const allowed = async () =>
    expect(await servers["grpc-js"].port("gRPC").call(check, asked)).toMatchObject({ ok: true });
  await vi.waitFor(allowed, { timeout: 60_000, interval: 100 });
});
afterAll(async () => {
  await servers?.["grpc-js"].stop();
  await patwarden?.stop();
});

// --- What is sent ----------------------------------------------------------------------------------------------------

function framed(message: Uint8Array, flag = 0, length = message.length): Buffer {
  const octets = Buffer.alloc(5 + message.length);
  octets[0] = flag;
  octets.writeUInt32BE(length, 1);
  octets.set(message, 5);
  return octets;
}

function encoded<I extends DescMessage>(method: DescMethod & { input: I }, request: MessageInitShape<I>): Buffer {
  return Buffer.from(toBinary(method.input, create(method.input, request)));
}

/** A question that is allowed. */
const good = (): Buffer =>
  encoded(check, { token: patwarden.alice.secret, resource: "document:roadmap", action: "viewer" });

interface Case {
  /** Default Check. */
  readonly method?: DescMethod;
  /** Replaces the value of a field of the request; undefined leaves it out. */
  readonly replaced?: Readonly<Record<string, string | undefined>>;
  /** Sent after the other fields. */
  readonly added?: readonly Pair[];
  /** The request's frames after its HEADERS, or that frame itself. Default: the question in one DATA frame. */
  readonly body?: () => readonly Buffer[];
  /** Whether HEADERS end the request. */
  readonly headersOnly?: boolean;
  /** Does something while the call runs. */
  readonly during?: (exchange: RawExchange) => Promise<void>;
}

const inOne = (message: Buffer) => () => [data(1, message, { end: true })];
const long = (octets: number): Buffer => Buffer.alloc(octets, "x");
const health = (service: string) => encoded(Health.method.check, { service });
const question = (host: string) =>
  encoded(serverReflectionInfo, { messageRequest: { case: "fileContainingSymbol", value: host } });

const heads: Readonly<Record<string, Case>> = {
  "a good Check": {},
  "a request id": { added: [["x-request-id", "abc-1"]] },
  "a request id that cannot be logged": { added: [["x-request-id", "a b"]] },
  "no authorization": { replaced: { authorization: undefined } },
  "another key": { replaced: { authorization: "Bearer pw_svc_unknown" } },
  "another scheme": { replaced: { authorization: "Basic YTpi" } },
  "two authorization headers": { added: [["authorization", "Bearer other"]] },
  "an empty second authorization header": { added: [["authorization", ""]] },
  "an unknown method": { replaced: { ":path": "/patwarden.v1.AuthorizationService/Nope" } },
  "an unknown service": { replaced: { ":path": "/patwarden.v1.Nope/Check" } },
  "no method": { replaced: { ":path": "/" } },
  "CVE-2026-33186 a path without a slash": { replaced: { ":path": "patwarden.v1.AuthorizationService/Check" } },
  "CVE-2026-33186 two slashes": { replaced: { ":path": "//patwarden.v1.AuthorizationService/Check" } },
  "CVE-2026-33186 a slash at the end": { replaced: { ":path": "/patwarden.v1.AuthorizationService/Check/" } },
  "CVE-2026-33186 a query": { replaced: { ":path": "/patwarden.v1.AuthorizationService/Check?x" } },
  "CVE-2026-33186 an encoded slash": { replaced: { ":path": "/patwarden.v1.AuthorizationService%2FCheck" } },
  "CVE-2026-33186 an encoded letter": { replaced: { ":path": "/patwarden.v1.AuthorizationService/Chec%6b" } },
  "CVE-2026-33186 another case": { replaced: { ":path": "/patwarden.v1.authorizationservice/check" } },
  "CVE-2026-33186 a whole URL": { replaced: { ":path": "http://localhost/patwarden.v1.AuthorizationService/Check" } },
  "an empty path": { replaced: { ":path": "" } },
  "no content-type": { replaced: { "content-type": undefined } },
  "content-type text/plain": { replaced: { "content-type": "text/plain" } },
  "content-type application/json": { replaced: { "content-type": "application/json" } },
  "content-type application/grpc+proto": { replaced: { "content-type": "application/grpc+proto" } },
  "content-type application/grpc;x=y": { replaced: { "content-type": "application/grpc;x=y" } },
  "content-type application/grpc+json": { replaced: { "content-type": "application/grpc+json" } },
  "content-type application/grpc-web": { replaced: { "content-type": "application/grpc-web" } },
  "content-type application/grpcfoo": { replaced: { "content-type": "application/grpcfoo" } },
  GET: { replaced: { ":method": "GET" } },
  HEAD: { replaced: { ":method": "HEAD" } },
  DELETE: { replaced: { ":method": "DELETE" } },
  OPTIONS: { replaced: { ":method": "OPTIONS" } },
  "no te": { replaced: { te: undefined } },
  "te: gzip": { replaced: { te: "gzip" } },
  "https on plaintext, as behind a proxy that ends TLS": { replaced: { ":scheme": "https" } },
  "host instead of :authority": { replaced: { ":authority": undefined }, added: [["host", "localhost"]] },
  "a host that differs from :authority": { added: [["host", "other"]] },
  "a connection field": { added: [["connection", "keep-alive"]] },
  "a name in upper case": { added: [["X-Upper", "x"]] },
  "a value with a line break": { added: [["x-break", "a\r\nb"]] },
  "a value with a blank at the end": { added: [["x-blank", "x "]] },
  "names that objects have": {
    added: [
      ["__proto__", "x"],
      ["constructor", "x"],
      ["toString".toLowerCase(), "x"],
    ],
  },
  "-bin padded": { added: [["x-data-bin", "AAA="]] },
  "-bin unpadded": { added: [["x-data-bin", "AAA"]] },
  "-bin that is no base64": { added: [["x-data-bin", "?"]] },
  "metadata of 12 KiB": { added: [["x-much", "m".repeat(12_000)]] },
  "metadata of 20 KiB": { added: [["x-much", "m".repeat(20_000)]] },
  "100 fields": { added: Array.from({ length: 100 }, (_, index): Pair => [`x-field-${index}`, "v"]) },
  "200 fields": { added: Array.from({ length: 200 }, (_, index): Pair => [`x-field-${index}`, "v"]) },
  "content-length that is right": { added: [["content-length", "RIGHT"]] },
  "content-length that is too small": { added: [["content-length", "1"]] },
};

const timeouts: Readonly<Record<string, Case>> = Object.fromEntries(
  ["1S", "99999999H", "20000000u", "0S", "0n", "1n", "1", "S", "", "x", "-1S", "1.5S", "1s", "123456789S", " 1S"].map(
    (timeout) => [`grpc-timeout "${timeout}"`, { added: [["grpc-timeout", timeout]] }],
  ),
);

const messages: Readonly<Record<string, Case>> = {
  "no message, by HEADERS alone": { headersOnly: true },
  "no message, by an empty DATA": { body: inOne(Buffer.alloc(0)) },
  "an empty message": { body: inOne(framed(Buffer.alloc(0))) },
  "grpc-dart#834 END_STREAM on an empty DATA": { body: () => [data(1, framed(good())), data(1, "", { end: true })] },
  "two messages": { body: () => [data(1, Buffer.concat([framed(good()), framed(good())]), { end: true })] },
  "two messages in two frames": { body: () => [data(1, framed(good())), data(1, framed(good()), { end: true })] },
  "an end inside the prefix": { body: inOne(Buffer.of(0, 0, 0)) },
  "an end inside the message": { body: () => [data(1, framed(good()).subarray(0, 20), { end: true })] },
  "a frame for each octet": {
    body: () => {
      const octets = framed(good());
      return [...octets].map((octet, at) => data(1, Buffer.of(octet), { end: at === octets.length - 1 }));
    },
  },
  padding: { body: () => [data(1, framed(good()), { padding: 255, end: true })] },
  trailers: { body: () => [data(1, framed(good())), headers(1, block(["x-trailer", "x"]), { end: true })] },
  "a message of 60,000 octets": {
    method: createToken,
    body: () => {
      const octets = framed(encoded(createToken, { subject: "user:alice", name: long(60_000).toString() }));
      const parts = [0, 1, 2, 3].map((part) => octets.subarray(part * 16_000, (part + 1) * 16_000));
      return parts.map((part, index) => data(1, part, { end: index === 3 }));
    },
  },
  "a message longer than the limit": { body: () => [data(1, framed(long(100), 0, 256 * 1024 + 1))] },
  "a message of 4 GiB": { body: () => [data(1, framed(long(100), 0, 2 ** 32 - 1))] },
  "a message that is no protobuf": { body: inOne(framed(Buffer.from([0x0a, 2, 0xc3, 0x28]))) },
  gzip: { added: [["grpc-encoding", "gzip"]], body: () => [data(1, framed(gzipSync(good()), 1), { end: true })] },
  "gzip, and a message without": { added: [["grpc-encoding", "gzip"]] },
  deflate: {
    added: [["grpc-encoding", "deflate"]],
    body: () => [data(1, framed(deflateSync(good()), 1), { end: true })],
  },
  identity: { added: [["grpc-encoding", "identity"]] },
  "CVE-2026-48069 broken gzip": { added: [["grpc-encoding", "gzip"]], body: inOne(framed(long(30), 1)) },
  "gzip of more than the limit": {
    added: [["grpc-encoding", "gzip"]],
    body: inOne(framed(gzipSync(Buffer.alloc(300_000)), 1)),
  },
  "an unknown encoding": { added: [["grpc-encoding", "br"]] },
  "flag 1 without an encoding": { body: () => [data(1, framed(good(), 1), { end: true })] },
  "flag 1 under identity": {
    added: [["grpc-encoding", "identity"]],
    body: () => [data(1, framed(good(), 1), { end: true })],
  },
  "flag 2": { body: () => [data(1, framed(good(), 2), { end: true })] },
};

const services: Readonly<Record<string, Case>> = {
  "a refusal with field violations": { body: inOne(framed(encoded(check, { token: "t", resource: "document" }))) },
  "a token that is unknown": {
    body: inOne(framed(encoded(check, { token: "garbage", resource: "document:1", action: "viewer" }))),
  },
  "a batch": {
    method: batchCheck,
    body: () => {
      const items = [
        { resource: "document:roadmap", action: "viewer" },
        { resource: "nonsense", action: "viewer" },
      ];
      return [data(1, framed(encoded(batchCheck, { token: patwarden.alice.secret, items })), { end: true })];
    },
  },
  "a token that does not exist": {
    method: getToken,
    body: inOne(framed(encoded(getToken, { id: "tok_01h455vb4pex5vsknk084sn02q" }))),
  },
  "a list of tokens": { method: listTokens, body: inOne(framed(Buffer.alloc(0))) },
  "health of the process": { method: Health.method.check, body: inOne(framed(Buffer.alloc(0))) },
  "health of a service": { method: Health.method.check, body: inOne(framed(health(AuthorizationService.typeName))) },
  "health of an unknown service": { method: Health.method.check, body: inOne(framed(health("nope"))) },
  "the list of health": { method: Health.method.list, body: inOne(framed(Buffer.alloc(0))) },
  "a list of resources": {
    method: listResources,
    body: () => {
      const request = { token: patwarden.alice.secret, type: "document", action: "viewer" };
      return [data(1, framed(encoded(listResources, request)), { end: true })];
    },
  },
  "a list that is refused": { method: listResources, body: inOne(framed(Buffer.alloc(0))) },
  "a list without a message": { method: listResources, headersOnly: true },
  "a watch that its caller leaves": {
    method: Health.method.watch,
    body: inOne(framed(health(AuthorizationService.typeName))),
    async during(exchange) {
      await exchange.received(7);
      exchange.send(rst(1));
      exchange.left();
    },
  },
  "a watch that ends by its deadline": {
    method: Health.method.watch,
    added: [["grpc-timeout", "300m"]],
    body: inOne(framed(health(AuthorizationService.typeName))),
  },
  "reflection, one question after the other": {
    method: serverReflectionInfo,
    body: () => [data(1, framed(question(Health.typeName)))],
    async during(exchange) {
      await exchange.received(100);
      exchange.send(data(1, framed(question("nope")), { end: true }));
    },
  },
  "reflection, two questions in one frame": {
    method: serverReflectionInfo,
    body: () => [data(1, Buffer.concat([framed(question("a")), framed(question("b"))]), { end: true })],
  },
  "reflection without a question": { method: serverReflectionInfo, headersOnly: true },
  "reflection, a question that is no protobuf": {
    method: serverReflectionInfo,
    body: () => [data(1, Buffer.concat([framed(question("a")), framed(Buffer.of(0x0f))]))],
  },
  "reflection, an end inside a question": {
    method: serverReflectionInfo,
    body: () => [data(1, Buffer.concat([framed(question("a")), Buffer.of(0, 0)]), { end: true })],
  },
  "reflection, two authorization headers": {
    method: serverReflectionInfo,
    added: [["authorization", "Bearer other"]],
    body: inOne(framed(question("a"))),
  },
};

async function exchange(server: Server, { method = check, ...each }: Case): Promise<readonly string[]> {
  const body = each.headersOnly ? [] : (each.body?.() ?? [data(1, framed(good()), { end: true })]);
  const octets = body.reduce((sum, frame) => sum + frame.length - 9, 0);
  const usual: readonly Pair[] = [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", `/${method.parent.typeName}/${method.name}`],
    [":authority", "localhost"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    ["authorization", `Bearer ${server.keys.admin}`],
  ];
  const fields = usual.flatMap(([name, value]): Pair[] => {
    const sent = each.replaced && Object.hasOwn(each.replaced, name) ? each.replaced[name] : value;
    return sent === undefined ? [] : [[name, sent]];
  });
  const added = (each.added ?? []).map(([name, value]): Pair => [name, value === "RIGHT" ? String(octets) : value]);
  const one = await RawExchange.open(server.grpc);
  one.send(...headersIn(block(...fields, ...added), each.headersOnly === true), ...body);
  await each.during?.(one);
  return linesOf(method, await one.ended());
}

/** Returns the frames of a block that may be longer than one frame. */
function headersIn(octets: Buffer, end: boolean): readonly Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < octets.length; at += 16_000) {
    const part = octets.subarray(at, at + 16_000);
    const more = at + 16_000 < octets.length;
    frames.push(at === 0 ? headers(1, part, { end, more }) : continuation(1, part, more));
  }
  return frames;
}

// --- What comes back -------------------------------------------------------------------------------------------------

const registry = createRegistry(ErrorInfoSchema, BadRequestSchema, PreconditionFailureSchema, RetryInfoSchema);

/** Renders an answer, a line for each field and message. Ids that the server makes are replaced. */
function linesOf(method: DescMethod, { blocks, data: octets, end }: Exchanged): readonly string[] {
  const [head = [], ...trailers] = blocks.map((fields) => fields.map(lineOf).sort());
  const body = head.includes(":status: 200") ? messagesIn(method, octets) : [octets.toString()].filter(Boolean);
  return [...head, ...body, ...trailers.flat(), end].map((line) =>
    line
      .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "UUID")
      .replaceAll(/tok_[0-9a-z]{26}/g, "TOKEN")
      .replaceAll(/\d{4}-\d\d-\d\dT[0-9:.]+Z/g, "TIME"),
  );
}

function lineOf([name, value]: Pair): string {
  if (name === "grpc-message") return `${name}: ${decodeURIComponent(value)}`;
  if (name !== "grpc-status-details-bin") return `${name}: ${value}`;
  return `${name}: ${toJsonString(StatusSchema, fromBinary(StatusSchema, Buffer.from(value, "base64")), { registry })}`;
}

function messagesIn({ output }: DescMethod, octets: Buffer): readonly string[] {
  const lines: string[] = [];
  for (let at = 0; at < octets.length; ) {
    const next = at + 5 + octets.readUInt32BE(at + 1);
    if (next > octets.length) return [...lines, "part of a message"];
    const json = toJsonString(output, fromBinary(output, octets.subarray(at + 5, next)));
    lines.push(octets[at] === 0 ? json : `compressed: ${json}`);
    at = next;
  }
  return lines;
}

// --- The cases -------------------------------------------------------------------------------------------------------

async function expectEqual(name: string, each: Case): Promise<void> {
  const answers = Object.fromEntries(
    await Promise.all(
      grpcEngines.map(
        async (engine) => [engine, withoutFormalities(engine, await exchange(servers[engine], each))] as const,
      ),
    ),
  );
  const known = knownAnswers[name];
  if (known) expect(answers).toEqual({ builtin: known.builtin, "grpc-js": known["grpc-js"] });
  else expect(answers["builtin"]).toEqual(answers["grpc-js"]);
}

const tables = { heads, timeouts, messages, services };

describe.each(Object.entries(tables))("both engines answer alike: %s", (_table, cases) => {
  it.concurrent.each(Object.entries(cases))("%s", expectEqual);
});

const silent = "a deadline while a Check runs";

describe("both engines, while OpenFGA is silent", () => {
  beforeEach(() => patwarden.faults.openfga.stall());
  afterEach(() => patwarden.faults.openfga.heal());

  it("answer a Check at its caller's deadline", async () => {
    await expectEqual(silent, { added: [["grpc-timeout", "300m"]] });
  });

  it("go on after a Check that its caller left", async () => {
    await expectEqual("a Check that its caller leaves", {
      async during(one) {
        one.send(rst(1));
        one.left();
      },
    });
    patwarden.faults.openfga.heal();
    for (const engine of grpcEngines) {
      await expect.poll(() => exchange(servers[engine], {}), { timeout: 20_000 }).toContain("grpc-status: 0");
    }
  });
});

it("has a case for each known difference", () => {
  const names = [...Object.values(tables).flatMap((cases) => Object.keys(cases)), silent];
  expect(Object.keys(knownAnswers).filter((name) => !names.includes(name))).toEqual([]);
});
