import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { OpenFgaClient } from "./client.js";
import { OpenFgaConnection } from "./connection.js";
import type { Outcome } from "./outcome.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A connection to a stand-in that refuses with `code`, or answers when that is 0. */
function setUp() {
  const server = { code: 0, calls: 0 };
  const client: Pick<OpenFgaClient, "call"> = {
    call: async (method) => {
      server.calls++;
      const { code } = server;
      if (code !== 0) return { ok: false, code, details: "", deadlinePassed: false, cancelled: false };
      const value = method.name === "ReadAuthorizationModel" ? { authorizationModel: { id: "m" } } : {};
      return { ok: true, value: create(method.output, value as never) };
    },
  };
  return { server, connection: new OpenFgaConnection({ client, storeId: "s", modelId: "m" }) };
}

it.each<Outcome>(["unreachable", "engine-failure", "misconfigured", "deadline"])(
  "looks for itself when a call ended as %s, and again until all is well",
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

it("looks at most once a second, however many calls fail", async () => {
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

it("says nothing and looks no more after it was closed", async () => {
  const { server, connection } = setUp();
  server.code = 14;
  await connection.start();
  connection.close();
  connection.noticed("unreachable");
  await vi.advanceTimersByTimeAsync(10_000);
  expect(server.calls).toBe(1);
});
