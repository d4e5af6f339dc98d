import { once } from "node:events";
import http from "node:http";
import net from "node:net";
import { gzipSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterEach, describe, expect, it } from "vitest";
import { ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.js";
import { Health } from "#gen/grpc/health/v1/health_pb.js";
import { ServerReflection } from "#gen/grpc/reflection/v1/reflection_pb.js";
import { AuthorizationService, CheckRequestSchema } from "#gen/patwarden/v1/authorization_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { postJson } from "../../test/kit/ports.js";
import { type BothPorts, startBothPorts } from "../../test/kit/transport.js";
import { Failure } from "../domain/errors.js";
import { type Handlers, implement } from "./service.js";

const { check } = AuthorizationService.method;
const { createToken } = TokenService.method;
const checkPath = "/patwarden.v1.AuthorizationService/Check";
const json = { "content-type": "application/json" };

let both: BothPorts | undefined;
afterEach(() => both?.stop());

interface Parts {
  readonly check?: Handlers<typeof AuthorizationService>["check"];
  readonly watch?: Handlers<typeof Health>["watch"];
}

async function* nothing(): AsyncGenerator<never> {}

/** Starts the ports and returns the origin of the HTTP one. */
async function start(parts: Parts = {}): Promise<{ origin: string; both: BothPorts }> {
  const started = await startBothPorts([
    implement(AuthorizationService, {
      check: parts.check ?? (async ({ token }) => ({ subject: token })),
      batchCheck: async () => ({}),
      listResources: async function* () {},
      introspect: async () => ({}),
    }),
    implement(TokenService, {
      createToken: async () => ({}),
      getToken: async () => ({}),
      listTokens: async () => ({}),
      getTokenSummary: async () => ({}),
      updateToken: async () => ({}),
      rotateToken: async () => ({}),
      revokeToken: async () => ({}),
      revokeSecret: async () => ({}),
      revokeTokens: async () => ({}),
      suspendToken: async () => ({}),
      resumeToken: async () => ({}),
      approveToken: async () => ({}),
      denyToken: async () => ({}),
    }),
    implement(Health, { check: async () => ({}), list: async () => ({}), watch: parts.watch ?? nothing }),
    implement(ServerReflection, { serverReflectionInfo: nothing }),
  ]);
  both = started;
  return { origin: `http://${started.http.address}`, both: started };
}

/** Sends exactly this text, as no client library would. Resolves with all that the server sent until it closed. */
async function raw(origin: string, text: string): Promise<string> {
  const { hostname, port } = new URL(origin);
  const socket = net.connect(Number(port), hostname);
  socket.setEncoding("utf8").write(text);
  let received = "";
  for await (const chunk of socket) received += chunk;
  return received;
}

describe("JSON over HTTP", () => {
  it.each<[string, string | Uint8Array<ArrayBuffer>, string?]>([
    ["nothing", ""],
    ["half an object", `{"subject":"ECHO`],
    ["a type other than an object", `"ECHO"`],
    ["a misspelt field, which would otherwise mint an unrestricted token", `{"allowedCidr":["ECHO"]}`, "allowed_cidrs"],
    ["an unknown field named like a secret", `{"ECHO_pw_pat_secret":1}`],
    ["a wrong type", `{"subject":["ECHO"]}`, "subject"],
    ["an unknown enum name", `{"states":["ECHO"]}`],
    ["a lone surrogate", `{"name":"ECHO\\ud800"}`, "name"],
    ["invalid UTF-8", new Uint8Array([...Buffer.from(`{"name":"ECHO`), 0xc3, 0x28, ...Buffer.from(`"}`)])],
    ["an invalid timestamp", `{"expireTime":"ECHO"}`, "expire_time"],
  ])("refuses %s, names the wrong field, and never repeats its value", async (_what, body, field = "") => {
    const { origin } = await start();
    const reply = await postJson(origin, createToken, body, {});
    expect(reply).toMatchObject({
      ok: false,
      code: "INVALID_ARGUMENT",
      message: "the request is not valid; see the field violations",
      reason: "INVALID_FIELD",
      fields: [field],
    });
    expect(JSON.stringify(reply)).not.toContain("ECHO");
  });

  it("includes false, 0 and empty text", async () => {
    const { origin } = await start();
    const response = await fetch(origin + checkPath, { method: "POST", headers: json, body: "{}" });
    expect(await response.json()).toEqual({
      allowed: false,
      organization: "",
      reason: "REASON_UNSPECIFIED",
      tokenValid: false,
      subject: "",
      tokenId: "",
      claims: {},
    });
  });

  it("accepts field names of the proto file as well", async () => {
    const { origin } = await start();
    const reply = await postJson(origin, check, `{"token":"t","context":{"client_ip":"192.0.2.1"}}`, {});
    expect(reply).toMatchObject({ ok: true, value: { subject: "t" } });
  });
});

describe("Connect over HTTP", () => {
  it("refuses GET, which would put a token into a URL", async () => {
    const { origin } = await start();
    expect((await fetch(`${origin}${checkPath}?encoding=json&message=%7B%7D&connect=v1`)).status).toBe(405);
  });

  it("refuses compressed requests", async () => {
    const { origin } = await start();
    const headers = { "content-encoding": "gzip" };
    const reply = await postJson(origin, check, new Uint8Array(gzipSync("{}")), headers);
    expect(reply).toMatchObject({ ok: false, code: "UNIMPLEMENTED" });
  });

  it.each([
    ["60000", true],
    ["60001", false],
    ["99999999999", false],
    ["1e3", false],
  ])("a time-out of %s ms is accepted: %s", async (timeout, accepted) => {
    const { origin } = await start();
    const reply = await postJson(origin, check, "{}", { "connect-timeout-ms": timeout });
    expect(reply).toMatchObject(accepted ? { ok: true } : { ok: false, code: "INVALID_ARGUMENT" });
  });

  it("refuses two authorization headers, even identical ones", async () => {
    let called = false;
    const { origin, both } = await start({
      check: async () => {
        called = true;
        return {};
      },
    });
    const { hostname, port } = new URL(origin);
    const end = both.nextEnd();
    const request = http.request({ hostname, port, path: checkPath, method: "POST" });
    request.setHeader("authorization", ["Bearer key", "Bearer key"]);
    request.setHeader("content-type", "application/json");
    request.end("{}");
    const [response]: http.IncomingMessage[] = await once(request, "response");
    expect(response?.statusCode).toBe(401);
    let body = "";
    for await (const chunk of response ?? []) body += chunk;
    expect(JSON.parse(body)).toMatchObject({ code: "unauthenticated", details: [{ type: ErrorInfoSchema.typeName }] });
    expect((await end).error?.reason).toBe("CALLER_UNAUTHENTICATED");
    expect(called).toBe(false);
  });

  it.each([
    ["an invalid Host", `POST ${checkPath} HTTP/1.1\r\nHost: [\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`],
    ["no Host at all", `POST ${checkPath} HTTP/1.0\r\nContent-Length: 0\r\n\r\n`],
  ])("answers 400 to %s and continues to serve", async (_what, request) => {
    const { origin, both } = await start();
    expect(await raw(origin, request)).toMatch(/^HTTP\/1\.1 400 /);
    expect(await postJson(origin, check, "{}", {})).toMatchObject({ ok: true });
    expect(both.defects).toEqual([]);
  });

  it("answers RESOURCE_EXHAUSTED to an endless body without a length", async () => {
    const { origin } = await start();
    const { hostname, port } = new URL(origin);
    const request = http.request({ hostname, port, path: checkPath, method: "POST", headers: json });
    request.on("error", () => undefined);
    for (let i = 0; i < 5; i++) request.write(" ".repeat(64 * 1024));
    request.end();
    const [response]: http.IncomingMessage[] = await once(request, "response");
    expect(response?.statusCode).toBe(429);
    response?.resume();
    expect(await postJson(origin, check, "{}", {})).toMatchObject({ ok: true });
  });

  it.each([
    [
      "another content type",
      { method: "POST", headers: { "content-type": "text/plain" }, body: "{}" },
      415,
      "must be application/json",
    ],
    ["none", { method: "POST" }, 415, "must be application/json"],
    ["another method", { method: "PUT", headers: json, body: "{}" }, 405, "must be POST"],
    ["Connect's GET", {}, 405, "must be POST"],
  ] as const)(
    "B11 answers %s with a body in Connect's format that says what would be right",
    async (_what, init, status, right) => {
      const { origin } = await start();
      const response = await fetch(origin + checkPath, init);
      expect(response.status).toBe(status);
      expect(await response.json()).toEqual({ code: expect.any(String), message: expect.stringContaining(right) });
    },
  );

  it("names the content types of streams to a caller of a stream", async () => {
    const { origin } = await start();
    const path = "/patwarden.v1.AuthorizationService/ListResources";
    const response = await fetch(origin + path, { method: "POST", headers: json, body: "{}" });
    expect([response.status, await response.json()]).toEqual([
      415,
      expect.objectContaining({ message: expect.stringContaining("must be application/connect+json or ") }),
    ]);
  });

  it.each([
    ["a misspelt field", '{"tokn":"t"}', "token"],
    ["a body that is not JSON", '{"token":', ""],
    ["a key that is there twice", '{"token":"a","token":"b"}', ""],
    ["bytes that are not UTF-8", Buffer.from([0x7b, 0xff, 0x7d]), ""],
  ])("B11 refuses %s and names the field", async (_what, body, field) => {
    const { origin } = await start();
    const response = await fetch(origin + checkPath, { method: "POST", headers: json, body });
    expect(response.status).toBe(400);
    const { code, details } = (await response.json()) as {
      code: string;
      details: readonly { debug?: { fieldViolations?: readonly unknown[] } }[];
    };
    expect(code).toBe("invalid_argument");
    const violations = details.flatMap(({ debug }) => debug?.fieldViolations ?? []);
    expect(violations).toMatchObject(field === "" ? [{ description: expect.stringMatching(/./) }] : [{ field }]);
  });

  it("B11 refuses times that do not exist, which the decoder would change, and accepts those that do", async () => {
    const { origin } = await start();
    const create = (members: string) =>
      fetch(`${origin}/patwarden.v1.TokenService/CreateToken`, { method: "POST", headers: json, body: `{${members}}` });
    for (const [members, field] of [
      ['"expireTime":"2030-06-31T12:00:00Z"', "expire_time"],
      ['"notBefore":"2030-02-29T12:00:00Z"', "not_before"],
      ['"ttl":"1h"', "ttl"],
    ]) {
      const response = await create(members ?? "");
      const { details } = (await response.json()) as { details: readonly { debug?: unknown }[] };
      expect([members, response.status, details.map(({ debug }) => debug)]).toMatchObject([
        members,
        400,
        expect.arrayContaining([expect.objectContaining({ fieldViolations: [expect.objectContaining({ field })] })]),
      ]);
    }
    const right = '"notBefore":"2028-02-29T12:00:00Z","expireTime":"2030-06-30T12:00:00Z"';
    expect((await create(right)).status).toBe(200);
  });

  it("refuses bidirectional streams over HTTP/1.1 at once", async () => {
    const { origin } = await start();
    const headers = { "content-type": "application/connect+json" };
    const path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    expect((await fetch(origin + path, { method: "POST", headers, body: "" })).status).toBe(505);
  });

  it("answers INVALID_ARGUMENT or INTERNAL to an undecodable binary body, without repeating it", async () => {
    const { origin } = await start();
    const bytes = Buffer.concat([
      toBinary(CheckRequestSchema, create(CheckRequestSchema, { token: "ECHO" })),
      Buffer.of(0x0f),
    ]);
    const headers = { "content-type": "application/proto" };
    const response = await fetch(origin + checkPath, { method: "POST", headers, body: new Uint8Array(bytes) });
    const text = await response.text();
    expect(JSON.parse(text).code).toBe("internal"); // an error of connect itself, without details
    expect(text).not.toContain("ECHO");
  });

  it("causes no warning of a listener leak when many calls run at once", async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on("warning", onWarning);
    let running = 0;
    let release: (() => void) | undefined;
    const all = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { origin } = await start({
      check: async () => {
        if (++running === 30) release?.();
        await all;
        return {};
      },
    });
    const replies = await Promise.all(Array.from({ length: 30 }, () => postJson(origin, check, "{}", {})));
    expect(replies.every(({ ok }) => ok)).toBe(true);
    await new Promise(setImmediate);
    process.off("warning", onWarning);
    expect(warnings).toEqual([]);
  });
});

describe.each([
  ["Connect", createConnectTransport],
  ["gRPC-Web", createGrpcWebTransport],
] as const)("streams over HTTP with %s", (_name, transport) => {
  const clientOf = (baseUrl: string) => createClient(Health, transport({ baseUrl, httpVersion: "1.1" }));

  it("sends all messages, then ends", async () => {
    const watch = async function* () {
      yield { status: 1 } as const;
      yield { status: 2 } as const;
    };
    const { origin, both } = await start({ watch });
    const end = both.nextEnd();
    const seen: number[] = [];
    for await (const { status } of clientOf(origin).watch({})) seen.push(status);
    expect(seen).toEqual([1, 2]);
    expect((await end).error).toBeUndefined();
  });

  it.each([
    ["a failure", new Failure("NOT_FOUND"), Code.NotFound, "NOT_FOUND"],
    ["a defect", new Error("pw_pat_secret"), Code.Internal, "INTERNAL"],
  ])("ends with %s after the messages before it", async (_what, thrown, code, reason) => {
    const watch = async function* () {
      yield { status: 1 } as const;
      throw thrown;
    };
    const { origin } = await start({ watch });
    const seen: number[] = [];
    const read = async (): Promise<void> => {
      for await (const { status } of clientOf(origin).watch({})) seen.push(status);
    };
    const error = ConnectError.from(await read().catch((e: unknown) => e));
    expect(seen).toEqual([1]);
    expect(error.code).toBe(code);
    expect(error.findDetails(ErrorInfoSchema)).toMatchObject([{ reason }]);
    expect(error.message).not.toContain("secret");
  });

  it("ends at the deadline though the handler ignores it", async () => {
    const watch: Parts["watch"] = async function* () {
      yield { status: 1 };
      await new Promise(() => undefined);
    };
    const { origin, both } = await start({ watch });
    const end = both.nextEnd();
    const read = async (): Promise<void> => {
      for await (const _ of clientOf(origin).watch({}, { timeoutMs: 100 }));
    };
    expect(ConnectError.from(await read().catch((e: unknown) => e)).code).toBe(Code.DeadlineExceeded);
    expect(["DEADLINE_EXCEEDED", "CANCELLED"]).toContain((await end).error?.code);
  });

  it("lets the handler clean up when the caller leaves", async () => {
    const leave = new AbortController();
    let cleaned: (() => void) | undefined;
    const cleanedUp = new Promise<void>((resolve) => {
      cleaned = resolve;
    });
    const watch: Parts["watch"] = async function* (_, { signal }) {
      try {
        yield { status: 1 };
        await once(signal, "abort");
      } finally {
        cleaned?.();
      }
    };
    const { origin, both } = await start({ watch });
    const end = both.nextEnd();
    const read = async (): Promise<void> => {
      for await (const _ of clientOf(origin).watch({}, { signal: leave.signal })) leave.abort();
    };
    await read().catch(() => undefined);
    await cleanedUp;
    expect((await end).error?.code).toBe("CANCELLED");
  });
});
