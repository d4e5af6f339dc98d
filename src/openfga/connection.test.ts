import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { OpenFgaClient } from "./client.js";
import { OpenFgaConnection } from "./connection.js";
import type { Outcome } from "./outcome.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/**
 * Makes a connection to a stand-in that refuses with `code`, or answers when that is 0, after it has waited for `held`.
 */
function setUp() {
  const server: { code: number; calls: number; held?: Promise<void> } = { code: 0, calls: 0 };
  const client: Pick<OpenFgaClient, "call"> = {
    call: async (method, request) => {
      server.calls++;
      const { held, code } = server;
      delete server.held;
      await held;
      if (code !== 0) return { ok: false, code, details: "", deadlinePassed: false, cancelled: false };
      const { id } = request as { readonly id?: string };
      const value = method.name === "ReadAuthorizationModel" ? { authorizationModel: { id } } : {};
      return { ok: true, value: create(method.output, value as never) };
    },
  };
  const endpoint = {
    addresses: ["openfga:8081"],
    engine: "builtin" as const,
    tls: false,
    hasRootsFile: false,
    hasKey: true,
    timeoutMs: 800,
    maxBatch: 50,
  };
  return { server, connection: new OpenFgaConnection({ client, storeId: "s", modelId: "m", endpoint }) };
}

it.each<Outcome>(["unreachable", "engine-failure", "misconfigured", "deadline"])(
  "checks OpenFGA when a call ended as %s, and again until it is ready",
  async (outcome) => {
    const { server, connection } = setUp();
    await connection.start();
    expect(connection.state.kind).toBe("ready");
    server.code = 14;
    connection.noticed(outcome);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(connection.state.kind).toBe("unreachable");
    server.code = 0;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(connection.state.kind).toBe("ready");
    connection.close();
  },
);

it("checks at most once a second, however many calls fail", async () => {
  const { server, connection } = setUp();
  server.code = 14;
  await connection.start();
  for (let tenth = 0; tenth < 30; tenth++) {
    for (let call = 0; call < 100; call++) connection.noticed("unreachable");
    await vi.advanceTimersByTimeAsync(100);
  }
  expect(server.calls).toBe(1 + 3);
  connection.close();
});

it("reports nothing and checks no more after it was closed", async () => {
  const { server, connection } = setUp();
  server.code = 14;
  await connection.start();
  connection.close();
  connection.noticed("unreachable");
  await vi.advanceTimersByTimeAsync(10_000);
  expect(server.calls).toBe(1);
});

it("changes to another model once that was read, and keeps the old one when it was not", async () => {
  const { server, connection } = setUp();
  await connection.start();
  server.code = 2001;
  expect(await connection.pin("unknown")).toMatchObject({ kind: "misconfigured" });
  server.code = 14;
  expect(await connection.pin("n")).toMatchObject({ kind: "unreachable" });
  expect([connection.modelId, connection.model().id, connection.state.kind]).toEqual(["m", "m", "ready"]);
  server.code = 0;
  expect(await connection.pin("n")).toEqual({ kind: "ready" });
  expect([connection.modelId, connection.model().id]).toEqual(["n", "n"]);
  connection.close();
});

it("becomes ready with a model that exists, and then checks that one", async () => {
  const { server, connection } = setUp();
  server.code = 2001;
  await connection.start();
  expect(connection.state.kind).toBe("misconfigured");
  server.code = 0;
  await connection.pin("n");
  expect([connection.state.kind, connection.model().id]).toEqual(["ready", "n"]);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(connection.model().id).toBe("n");
  connection.close();
});

it.each([0, 2001])("ignores the result for a model that is no longer pinned (with %i)", async (code) => {
  const { server, connection } = setUp();
  await connection.start();
  let answer = (): void => undefined;
  server.held = new Promise((resolve) => {
    answer = resolve;
  });
  server.code = code;
  connection.noticed("misconfigured");
  await vi.advanceTimersByTimeAsync(1_000);
  server.code = 0;
  await connection.pin("n");
  answer();
  await vi.advanceTimersByTimeAsync(10_000);
  expect([connection.modelId, connection.model().id, connection.state.kind]).toEqual(["n", "n", "ready"]);
  connection.close();
});
