import { once } from "node:events";
import { create } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { AuthorizationService, type CheckRequest } from "#gen/patwarden/v1/authorization_pb.js";
import { grpcPort, httpPort, type Port } from "../../test/kit/ports.js";
import { type BothPorts, startBothPorts } from "../../test/kit/transport.js";
import { Failure } from "../domain/errors.js";
import { type CallContext, type Handlers, implement, requestIdFrom } from "./service.js";

const { check } = AuthorizationService.method;
type Reply = Awaited<ReturnType<Handlers<typeof AuthorizationService>["check"]>>;

/** Handles the next Check. */
let handler: (request: CheckRequest, call: CallContext) => Promise<Reply>;
let both: BothPorts;
let ports: Record<"gRPC" | "HTTP", Port>;

beforeAll(async () => {
  const implementation = implement(AuthorizationService, {
    check: (request, call) => handler(request, call),
    batchCheck: async () => ({}),
    listResources: async function* () {},
    introspect: async () => ({}),
  });
  both = await startBothPorts([implementation]);
  ports = { gRPC: grpcPort(both.grpc.address, "key"), HTTP: httpPort(`http://${both.http.address}`, "key") };
});
afterAll(async () => {
  ports.gRPC.close();
  await both.stop();
});
beforeEach(() => {
  handler = async ({ token }) => ({ subject: token });
});

describe.each(["gRPC", "HTTP"] as const)("one implementation over %s", (name) => {
  const callOnce = async (...args: [Parameters<Port["call"]>[1]?, Parameters<Port["call"]>[2]?]) => {
    const [request = {}, settings] = args;
    const end = both.nextEnd();
    const reply = await ports[name].call(check, request, settings);
    return { reply, end: await end };
  };

  it("answers, and reports a success", async () => {
    const { reply, end } = await callOnce({ token: "é\u0000😀" });
    expect(reply).toMatchObject({ ok: true, value: { subject: "é\u0000😀" } });
    expect(end.error).toBeUndefined();
    expect(end.call.method).toBe("patwarden.v1.AuthorizationService/Check");
    expect(end.call.startTime).toBeLessThanOrEqual(performance.now());
  });

  it("shows the handler its caller's headers, address and deadline", async () => {
    let seen: unknown;
    let deadline: number | undefined;
    handler = async (_, call) => {
      deadline = call.deadline;
      seen = {
        ...Object.fromEntries(["authorization", "x-absent"].map((h) => [h, call.header(h)])),
        address: call.address?.toString(),
      };
      return {};
    };
    await callOnce({}, { timeoutMs: 5000 });
    expect(seen).toEqual({
      authorization: "Bearer key",
      "x-absent": undefined,
      address: "127.0.0.1",
    });
    expect(deadline).toBeGreaterThan(performance.now());
    expect(deadline).toBeLessThanOrEqual(performance.now() + 5000);
  });

  it("carries a failure with its reason, metadata and field violations", async () => {
    handler = async () => {
      const violations = [{ field: "grant.rules[0]", description: "must not be \ud800" }];
      throw new Failure("INVALID_FIELD", { metadata: { limit: "1" }, violations });
    };
    const { reply, end } = await callOnce();
    expect(reply).toMatchObject({
      ok: false,
      code: "INVALID_ARGUMENT",
      reason: "INVALID_FIELD",
      message: "the request is not valid; see the field violations",
      metadata: { limit: "1" },
      fields: ["grant.rules[0]"],
    });
    expect(end.error).toMatchObject({ code: "INVALID_ARGUMENT", reason: "INVALID_FIELD" });
  });

  it.each<[string, typeof handler]>([
    [
      "throws before it returns a promise",
      () => {
        throw new Error("pw_pat_secret");
      },
    ],
    [
      "rejects",
      async () => {
        throw new Error("pw_pat_secret");
      },
    ],
    ["rejects with no error", () => Promise.reject("pw_pat_secret")],
  ])("answers INTERNAL and nothing else when a handler %s", async (_what, broken) => {
    handler = broken;
    const { reply, end } = await callOnce({}, { headers: { "x-request-id": "id-1" } });
    expect(reply).toMatchObject({
      ok: false,
      code: "INTERNAL",
      reason: "INTERNAL",
      message: "internal error",
      metadata: { requestId: "id-1" },
    });
    expect(JSON.stringify(reply)).not.toContain("secret");
    expect(String(end.error?.cause)).toContain("pw_pat_secret");
    handler = async () => ({});
    expect((await callOnce()).reply.ok).toBe(true);
  });

  it.each([
    ["16,384 characters pass", 16_384, true],
    ["16,385 are refused unread, with the reason", 16_385, false],
  ])("B3 an authorization header: %s", async (_what, length, passes) => {
    let called = false;
    handler = async () => {
      called = true;
      return {};
    };
    const { reply } = await callOnce({}, { key: null, headers: { authorization: "a".repeat(length) } });
    expect(called).toBe(passes);
    const metadata = { problem: "the authorization header has more than 16384 characters" };
    if (!passes)
      expect(reply).toMatchObject({ ok: false, code: "UNAUTHENTICATED", reason: "CALLER_UNAUTHENTICATED", metadata });
  });

  it("refuses a message over 256 KiB, passes one below, and goes on", async () => {
    expect(await ports[name].call(check, { token: "x".repeat(256 * 1024) })).toMatchObject({
      ok: false,
      code: "RESOURCE_EXHAUSTED",
    });
    const { reply } = await callOnce({ token: "x".repeat(256 * 1024 - 100) });
    expect(reply.ok).toBe(true);
  });

  it("ends a call at its deadline though the handler ignores it", async () => {
    let signal: AbortSignal | undefined;
    handler = (_, call) => {
      signal = call.signal;
      return new Promise(() => undefined);
    };
    const { reply, end } = await callOnce({}, { timeoutMs: 50 });
    expect(reply).toMatchObject({ ok: false, code: "DEADLINE_EXCEEDED" });
    // A gRPC client cancels at its own deadline, and this may arrive before the server's timer fires.
    const codes = name === "HTTP" ? ["DEADLINE_EXCEEDED"] : ["DEADLINE_EXCEEDED", "CANCELLED"];
    expect(codes).toContain(end.error?.code);
    expect(signal?.aborted).toBe(true);
    // grpc-js answers by itself, without details.
    if (name === "HTTP") expect(reply).toMatchObject({ reason: "DEADLINE_EXCEEDED" });
  });

  it("has an aborted signal for a handler that first reads it after the end", async () => {
    const seen: boolean[] = [];
    const late = new Promise<AbortSignal>((resolve) => {
      handler = async (_, call) => {
        seen.push(call.cancelled);
        await both.nextEnd();
        seen.push(call.cancelled);
        resolve(call.signal);
        return {};
      };
    });
    await ports[name].call(check, {}, { timeoutMs: 50 });
    expect((await late).aborted).toBe(true);
    expect(seen).toEqual([false, true]);
  });
});

describe("a caller that goes away", () => {
  it.each(["gRPC", "HTTP"] as const)("aborts the signal over %s, and the call counts as CANCELLED", async (name) => {
    const leave = new AbortController();
    const aborted = new Promise<void>((resolve) => {
      handler = async (_, { signal }) => {
        leave.abort();
        await once(signal, "abort");
        resolve();
        return {};
      };
    });
    const end = both.nextEnd();
    if (name === "gRPC") {
      const client = new grpc.Client(both.grpc.address, grpc.credentials.createInsecure());
      const call = client.makeUnaryRequest(
        "/patwarden.v1.AuthorizationService/Check",
        (b: Buffer) => b,
        (b) => b,
        Buffer.alloc(0),
        () => undefined,
      );
      leave.signal.addEventListener("abort", () => call.cancel());
      await aborted;
      client.close();
    } else {
      const url = `http://${both.http.address}/patwarden.v1.AuthorizationService/Check`;
      const init = {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: "{}",
        signal: leave.signal,
      };
      await fetch(url, init).catch(() => undefined);
      await aborted;
    }
    expect((await end).error).toMatchObject({ code: "CANCELLED", reason: undefined });
  });
});

describe("x-request-id", () => {
  it("comes back over HTTP when it was sent, and with every error", async () => {
    const port = ports.HTTP;
    expect(await port.call(check, {}, { headers: { "x-request-id": "a.B_c-9" } })).toMatchObject({
      headers: { "x-request-id": "a.B_c-9" },
    });
    const reply = await port.call(check, {});
    expect(reply.ok && reply.headers).not.toHaveProperty("x-request-id");
  });

  it.each([
    ["sent", "id-1", undefined, "id-1"],
    ["not sent, success", undefined, undefined, undefined],
    ["not sent, error", undefined, new Failure("NOT_FOUND"), expect.stringMatching(/^[0-9a-f-]{36}$/)],
    ["unfit for a log", "a b", undefined, expect.stringMatching(/^[0-9a-f-]{36}$/)],
  ])("comes back over gRPC: %s", async (_what, sent, failure, back) => {
    handler = async () => {
      if (failure) throw failure;
      return {};
    };
    const client = new grpc.Client(both.grpc.address, grpc.credentials.createInsecure());
    const metadata = new grpc.Metadata();
    if (sent) metadata.set("x-request-id", sent);
    const call = client.makeUnaryRequest(
      "/patwarden.v1.AuthorizationService/Check",
      (b: Buffer) => b,
      (b) => b,
      Buffer.alloc(0),
      metadata,
      () => undefined,
    );
    let headers: grpc.Metadata | undefined;
    call.on("metadata", (received) => {
      headers = received;
    });
    const [status]: grpc.StatusObject[] = await once(call, "status");
    // With an error only in the trailers: otherwise a client would not retry by its service config.
    expect((failure ? status?.metadata : headers)?.get("x-request-id")[0]).toEqual(back);
    client.close();
  });

  it.each([
    ["0", true],
    ["a".repeat(64), true],
    ["a".repeat(65), false],
    ["", false],
    ["a\n", false],
    ["é", false],
  ])("requestIdFrom(%j) keeps it: %s", (sent, kept) => {
    expect(requestIdFrom(sent) === sent).toBe(kept);
  });
});

it("refuses to mount a service with a method that has no handler", () => {
  const handlers = { check: async () => create(check.output) } as unknown as Handlers<typeof AuthorizationService>;
  expect(() => implement(AuthorizationService, handlers)).toThrow("AuthorizationService/BatchCheck has no handler");
});
