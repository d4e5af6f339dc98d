import { gzipSync } from "node:zlib";
import { describe, expect, it, vi } from "vitest";
import {
  block,
  data,
  framesOf,
  headers,
  limits,
  type Pair,
  requestFields,
  ScriptedWire,
  settings,
  settingsAck,
  textOf,
} from "../../../test/transport/http2/script.js";
import { preface } from "../http2/preface.js";
import { ServerConnection } from "../http2/server-connection.js";
import { Deadlines } from "../net/deadlines.js";
import { prefixOf } from "./messages.js";
import { type CallSettings, ServerCall, shownPath } from "./server-call.js";
import { codes } from "./status.js";

const callSettings: CallSettings = {
  deadlines: new Deadlines(),
  maxMessageLength: 1024 * 1024,
  requestMs: 60_000,
  failed: () => ({ code: codes.internal, message: "failed" }),
  late: () => undefined,
};

class BidiCall extends ServerCall {
  protected onRequest(): void {}
  protected onBegin(): void {}
  protected onInterrupted(): void {}
}

/** Returns a server whose calls are all bidirectional, and that has read what clients begin with. */
function serving(...entries: readonly (readonly [id: number, value: number])[]) {
  const wire = new ScriptedWire();
  const calls: BidiCall[] = [];
  const connection: ServerConnection = new ServerConnection(
    wire,
    {
      open: (_, id, head) => {
        const call = new BidiCall(callSettings, connection, id, head, "bidi_streaming");
        calls.push(call);
        return call;
      },
      events: { closed: () => undefined, failed: () => undefined },
      limits,
    },
    0,
  );
  wire.connection = connection;
  const receive = (...octets: readonly Buffer[]): void => {
    connection.receive(Buffer.concat(octets), wire.now);
    wire.settle();
  };
  receive(preface, settings(...entries), settingsAck);
  wire.take();
  return { wire, calls, connection, receive, sent: () => framesOf(wire.take()).map(textOf) };
}

const begin = (id: number, ...more: readonly Pair[]): Buffer =>
  headers(id, block(...requestFields, ["content-type", "application/grpc"], ...more));
const message = (octets: Buffer, flag = 0): Buffer => {
  const prefix = Buffer.from(prefixOf(octets.length));
  prefix[0] = flag;
  return Buffer.concat([prefix, octets]);
};

describe("a bidirectional call", () => {
  it("wakes its writer when the caller sends what is no message: nobody waits for the answer any more", async () => {
    const { calls, receive } = serving([4, 0]);
    receive(begin(1));
    const [call] = calls;
    expect(call?.write(Buffer.alloc(70_000))).toBe(false);
    let isAwake = false;
    const waiting = call?.writable().then(() => {
      isAwake = true;
    });
    receive(data(1, message(Buffer.alloc(1), 2)));
    await Promise.race([waiting, new Promise(setImmediate)]);
    expect([isAwake, call?.answered]).toEqual([true, true]);
  });

  it("counts messages only until they are taken, so that calls without traffic stop no others", async () => {
    const { calls, connection, receive } = serving();
    const inflated = Buffer.alloc(1024 * 1024);
    receive(begin(1, ["grpc-encoding", "gzip"]), data(1, message(gzipSync(inflated), 1)));
    expect(connection.assembledOctets).toBe(inflated.length);
    const taken = await calls[0]?.messages().next();
    expect(taken?.value).toHaveLength(inflated.length);
    expect(connection.assembledOctets).toBe(0);
  });

  it("counts nothing twice when messages are taken after its end", async () => {
    const { calls, connection, receive } = serving();
    receive(begin(1), data(1, message(Buffer.alloc(1_000))));
    calls[0]?.finish({ code: codes.ok, message: "" });
    await calls[0]?.messages().next();
    expect(connection.assembledOctets).toBe(0);
  });
});

it("a request that refers to fields of many values is checked without a copy of each", () => {
  const { calls, receive } = serving();
  const values: Pair = ["a-bin", ",".repeat(4_000)];
  const octets = begin(1, values, values, values);
  const made = vi.spyOn(Buffer, "from");
  try {
    receive(octets);
    expect(made.mock.calls.length).toBeLessThan(10);
  } finally {
    made.mockRestore();
  }
  expect(calls[0]?.answered).toBe(false);
});

it.each([
  ["/a.B/C", "/a.B/C"],
  ["/a.B/C?key=secret", "/a.B/C?..."],
  ["/a?\nsecret", "/a?..."],
  ["/\u00e9\u0001\x7f", "/???"],
  [`/${"x".repeat(200)}`, `/${"x".repeat(99)}`],
])("the path %j is shown as %j", (path, shown) => {
  expect(shownPath(path)).toBe(shown);
});
