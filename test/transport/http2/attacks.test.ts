import { describe, expect, it } from "vitest";
import {
  budgets,
  maxBlockFrames,
  maxBlockLength,
  maxFieldListSize,
  maxFields,
  maxKeptFields,
  maxSettingsOfFrame,
  maxUnreadReplies,
  maxUnsent,
  turnCalls,
} from "../../../src/transport/http2/budgets.js";
import { flags, frameHeaderLength, frameTypes, maxFrameLength } from "../../../src/transport/http2/frames.js";
import {
  block,
  continuation,
  data,
  frame,
  framesOf,
  headers,
  type Pair,
  ping,
  request,
  requestFields,
  requestWith,
  rst,
  ScriptedServer,
  settings,
  textOf,
  windowUpdate,
} from "./script.js";

const calm = (lastId: number) => [`GOAWAY ${lastId} ENHANCE_YOUR_CALM`, "end"];
const held = headers(1, requestWith({ ":path": "/hold" }));
const wait = (id: number) => headers(id, requestWith({ ":path": "/wait" }), { end: true });
const echo = (id: number) => headers(id, request, { end: true });
const many = (count: number, octets: Uint8Array) => Buffer.concat(Array<Uint8Array>(count).fill(octets));
/** Returns what ids of calls make, for `count` calls from the id `first`. */
const calls = (count: number, first: number, make: (id: number) => Uint8Array) =>
  Buffer.concat(Array.from({ length: count }, (_, at) => make(first + 2 * at)));
const isOpen = (server: ScriptedServer) => {
  expect(server.closures).toEqual([]);
  expect(server.failures).toEqual([]);
};

describe("rapid reset (CVE-2023-44487)", () => {
  const resetCall = (id: number) => Buffer.concat([headers(id, requestWith({ ":path": "/wait" })), rst(id)]);

  it("ends the connection after as many resets as a storm may make", () => {
    const { burst } = budgets.resets;
    const server = new ScriptedServer().open().receive(calls(burst, 1, resetCall));
    isOpen(server);
    server.receive(calls(10_000, 2 * burst + 1, resetCall));
    expect(server.sent()).toEqual(calm(2 * burst + 1));
    expect(server.closures).toEqual(["resets"]);
    expect(server.connection.memory).toBe(0);
  });

  it("refuses above the slots of handlers that still run, and refusals count too", () => {
    const server = new ScriptedServer({ concurrentStreams: 10 }).open();
    const call = (id: number) => Buffer.concat([headers(id, requestWith({ ":path": "/wait-on" })), rst(id)]);
    server.receive(calls(100, 1, call));
    expect(server.streams).toHaveLength(10);
    expect(server.sent()).toEqual(Array.from({ length: 90 }, (_, at) => `RST_STREAM ${21 + 2 * at} REFUSED_STREAM`));
    server.receive(calls(budgets.resets.burst, 201, call));
    expect(server.sent().at(-2)).toBe("GOAWAY 19 ENHANCE_YOUR_CALM");
  });

  it("is no storm of 64 callers with deadlines of 50 ms while OpenFGA is down (grpc-rust#2421)", () => {
    const server = new ScriptedServer().open();
    for (let at = 0; at < 600; at++) {
      server.receive(calls(64, 1 + 128 * at, resetCall));
      server.wire.now += 50;
    }
    isOpen(server);
    expect(server.streams).toHaveLength(600 * 64);
  });
});

describe("resets that the peer provokes (CVE-2025-8671, CVE-2019-9514)", () => {
  const causes: readonly (readonly [string, (id: number) => Uint8Array])[] = [
    ["WINDOW_UPDATE of 0", (id) => Buffer.concat([wait(id), windowUpdate(id, 0)])],
    ["a window that overflows", (id) => Buffer.concat([wait(id), windowUpdate(id, 2 ** 31 - 1)])],
    ["invalid fields", (id) => headers(id, requestWith({}, ["A", "b"]))],
    ["DATA after the end", (id) => Buffer.concat([wait(id), data(id, "x")])],
    ["HEADERS after the end", (id) => Buffer.concat([wait(id), headers(id, request)])],
    ["DATA on a closed stream", (id) => Buffer.concat([headers(id, request), rst(id), data(id, "x")])],
    ["a content-length that lies", (id) => headers(id, requestWith({}, ["content-length", "5"]), { end: true })],
    [
      "a content-length that is passed",
      (id) => Buffer.concat([headers(id, requestWith({}, ["content-length", "1"])), data(id, "xy")]),
    ],
    ["trailers that do not end", (id) => Buffer.concat([headers(id, request), headers(id, block(["a", "b"]))])],
    ["a stream that depends on itself", (id) => headers(id, request, { dependsOn: id })],
    ["PRIORITY of a bad length", (id) => Buffer.concat([wait(id), frame(frameTypes.priority, 0, id, Buffer.alloc(4))])],
  ];
  const { burst } = budgets.faults;

  it.each(causes)("end the connection (h2o#3502): %s", (_, fault) => {
    const server = new ScriptedServer().open().receive(calls(burst, 1, fault));
    isOpen(server);
    expect(server.sent().filter((sent) => sent.startsWith("RST_STREAM"))).toHaveLength(burst);
    expect(server.connection.active).toBe(0);
    server.receive(calls(10, 2 * burst + 1, fault));
    expect(server.sent().at(-2)).toMatch(/^GOAWAY \d+ ENHANCE_YOUR_CALM$/);
    expect(server.closures).toEqual(["faults"]);
  });

  it("end it also while it drains (bun#36230)", () => {
    const server = new ScriptedServer().open();
    server.connection.drain(0);
    server.receive(calls(burst + 1, 1, (id) => headers(id, requestWith({}, ["A", "b"]))));
    expect(server.sent().at(-2)).toBe("GOAWAY 0 ENHANCE_YOUR_CALM");
  });

  it("may be ten a second", () => {
    const server = new ScriptedServer().open();
    for (let second = 0; second < 60; second++) {
      server.receive(calls(10, 1 + 20 * second, (id) => headers(id, requestWith({}, ["A", "b"]))));
      server.wire.now += 1_000;
    }
    isOpen(server);
  });
});

describe("pings (CVE-2019-9512)", () => {
  it("end the connection when they come too often without calls", () => {
    const server = new ScriptedServer().open().receive(many(20_000, ping()));
    expect(server.sent()).toEqual(["PING ACK", "PING ACK", "PING ACK", ...calm(0)]);
    expect(server.closures).toEqual(["pings"]);
  });

  it("do not when they come each ten seconds, or with every call (grpc/grpc#33661)", () => {
    const server = new ScriptedServer().open();
    for (let at = 0; at < 1_000; at++) {
      server.receive(ping(), echo(1 + 2 * at), ping(), ping());
      server.wire.now += 10_000;
      server.receive(ping());
      server.wire.now += 10_000;
    }
    isOpen(server);
  });
});

describe("SETTINGS (CVE-2019-9515)", () => {
  const { burst, perSecond } = budgets.settings;

  it.each<[string, Uint8Array]>([
    ["without settings", settings()],
    ["that flip the window", Buffer.concat([settings([4, 0]), settings([4, 70_000])])],
  ])("%s end the connection when they are many", (_, octets) => {
    const server = new ScriptedServer().open().receive(calls(200, 1, wait), many(5_000, octets));
    expect(server.sent().filter((sent) => sent === "SETTINGS ACK").length).toBeLessThanOrEqual(burst);
    expect(server.closures).toEqual(["settings"]);
  });

  it("may change as often as a window estimate does", () => {
    const server = new ScriptedServer().open();
    for (let second = 0; second < 60; second++) {
      server.receive(many(perSecond, settings([4, 70_000 + second])));
      server.wire.now += 1_000;
    }
    isOpen(server);
  });

  it("have at most 32 entries", () => {
    const entries = (count: number) => settings(...Array<[number, number]>(count).fill([0x99, 1]));
    isOpen(new ScriptedServer().open().receive(entries(maxSettingsOfFrame)));
    expect(
      new ScriptedServer()
        .open()
        .receive(entries(maxSettingsOfFrame + 1))
        .sent(),
    ).toEqual(calm(0));
  });
});

describe("replies that are not read (CVE-2019-9512)", () => {
  it("stop the reading, and come when the peer reads again", () => {
    const server = new ScriptedServer().open();
    server.wire.isReading = false;
    // Each answer allows another ping.
    server.receive(calls(5_000, 1, (id) => Buffer.concat([echo(id), ping()])));
    expect(server.wire.isPaused).toBe(true);
    const acks = () => server.sent().filter((sent) => sent === "PING ACK").length;
    expect(acks()).toBe(maxUnreadReplies + 1);
    isOpen(server);
    server.wire.drain();
    expect(acks()).toBe(5_000 - maxUnreadReplies - 1);
    expect(server.wire.isPaused).toBe(false);
    isOpen(server);
  });
});

describe("answers that are not read (CVE-2019-9511, CVE-2019-9517)", () => {
  const answering = (octets: number, ...entries: readonly (readonly [number, number])[]) => {
    const server = new ScriptedServer()
      .open(...entries)
      .receive(headers(1, requestWith({ ":path": `/echo/${octets}` }), { end: true }));
    server.sent();
    return server;
  };

  it("are dropped after 30 s without progress", () => {
    const server = answering(5_000, [4, 0]);
    expect(server.pass(29_500).sent()).toEqual([]);
    expect(server.pass(1_000).sent()).toEqual(["RST_STREAM 1 CANCEL"]);
    expect(server.calls.at(-1)).toBe("reset 1 CANCEL peer");
    expect([server.connection.memory, server.connection.active]).toEqual([0, 0]);
  });

  it("are dropped when progress is an octet a second (CVE-2019-9511)", () => {
    const server = answering(5_000, [4, 0]);
    for (let second = 0; second < 31; second++) server.receive(windowUpdate(1, 1)).pass(1_000);
    expect(server.sent()).toContain("RST_STREAM 1 CANCEL");
  });

  it("are not dropped while 1 KiB is read in 30 s", () => {
    const server = answering(20_000, [4, 0]);
    for (let at = 0; at < 20; at++) server.receive(windowUpdate(1, 1_100)).pass(29_000);
    expect(server.sent().at(-1)).toMatch(/END_STREAM$/);
    isOpen(server);
  });

  it("above 1 MiB let no new call begin, until they are read", () => {
    const server = answering(maxUnsent, [4, 0]);
    server.receive(headers(3, requestWith({ ":path": "/echo/1" }), { end: true }));
    expect(server.sent()).toEqual(["HEADERS 3"]);
    server.receive(echo(5));
    expect(server.sent()).toEqual(["RST_STREAM 5 REFUSED_STREAM"]);
    server.receive(rst(1), settings([4, 9]), echo(7));
    expect(server.sent()).toContain('DATA 7 "ok" END_STREAM');
  });

  it("above 1 MiB let no new call begin, also when they are heads, which need no window", () => {
    const server = new ScriptedServer().open();
    server.wire.isReading = false;
    const early = (id: number) => headers(id, requestWith({ ":path": "/early" }), { end: true });
    server.receive(calls(10, 1, early));
    const head = server.connection.output.unsent / 10;
    expect(head).toBeGreaterThanOrEqual(frameHeaderLength);
    server.wire.unsent = maxUnsent - head;
    server.receive(calls(3, 21, early));
    expect(server.sent().slice(10)).toEqual([
      "HEADERS 21 END_STREAM",
      "HEADERS 23 END_STREAM",
      "RST_STREAM 25 REFUSED_STREAM",
    ]);
  });

  it("of a socket that takes nothing for 60 s end it at once", () => {
    const server = new ScriptedServer().open();
    server.wire.isReading = false;
    server.receive(echo(1));
    server.sent();
    expect(server.pass(59_750).sent()).toEqual([]);
    expect(server.pass(500).sent()).toEqual(["destroy"]);
    expect(server.closures).toEqual(["unread"]);
  });

  it("of a slow socket do not", () => {
    const server = new ScriptedServer().open();
    for (let at = 0; at < 5; at++) {
      server.wire.isReading = false;
      server.receive(echo(1 + 2 * at)).pass(50_000);
      server.wire.drain();
    }
    isOpen(server);
  });
});

describe("lists of fields (CVE-2026-49975, CVE-2016-6581)", () => {
  const entry = (octets: number) =>
    Buffer.concat([
      Buffer.of(0x40, 1, 0x61, 0x7f, ((octets - 127) & 127) | 128, (octets - 127) >> 7),
      Buffer.alloc(octets, "b"),
    ]);
  const bombs: readonly (readonly [string, Buffer])[] = [
    [
      "16,000 references to one small entry",
      Buffer.concat([request, Buffer.of(0x40, 1, 0x61, 0), Buffer.alloc(16_000, 0xbe)]),
    ],
    ["1,100 references to one small entry", Buffer.concat([request, Buffer.alloc(1_100, 0x82)])],
    ["64 references to one entry of 4 KiB", Buffer.concat([request, entry(4_000), Buffer.alloc(64, 0xbe)])],
  ];
  const { burst } = budgets.excesses;
  /** A call whose list is over the limit: 20 references to one entry of 4 KiB. */
  const excess = (id: number) =>
    headers(id, Buffer.concat([request, entry(4_000), Buffer.alloc(20, 0xbe)]), { end: true });
  const large = (id: number, octets: number) => inFrames(id, requestWith({}, ["a", "b".repeat(octets)]));
  const inFrames = (id: number, whole: Buffer) => {
    const parts: Buffer[] = [];
    for (let at = 0; at < whole.length; at += maxFrameLength) parts.push(whole.subarray(at, at + maxFrameLength));
    const [first, ...rest] = parts.map((part, at) =>
      at === 0
        ? headers(id, part, { end: true, more: parts.length > 1 })
        : continuation(id, part, at < parts.length - 1),
    );
    return Buffer.concat([first as Buffer, ...rest]);
  };

  it.each(bombs)("end the connection far above the limit: %s", (_, bomb) => {
    const server = new ScriptedServer().open().receive(headers(1, bomb, { end: true }));
    expect(server.sent()).toEqual(calm(0));
    expect(server.closures).toEqual(["header_block"]);
    expect(server.calls).toEqual([]);
  });

  const fields = (count: number) => requestWith({}, ...Array<Pair>(count - requestFields.length).fill(["a", "b"]));
  it("of too many fields are not whole", () => {
    const server = new ScriptedServer().open().receive(headers(1, fields(maxFields + 1), { end: true }));
    expect(server.streams.map(({ head }) => head?.isWhole)).toEqual([false]);
    expect(server.connection.keptFields).toBe(0);
    server.receive(headers(3, fields(maxFields), { end: true }));
    expect(server.streams.map(({ head }) => head?.isWhole)).toEqual([false, true]);
  });

  it("over the limit end the connection when they are many, and leave nothing in memory", () => {
    const server = new ScriptedServer().open().receive(calls(burst, 1, excess));
    isOpen(server);
    expect(server.streams.filter(({ head }) => head?.isWhole === false)).toHaveLength(burst);
    expect(server.connection.memory).toBe(0);
    server.receive(calls(10, 2 * burst + 1, excess));
    expect(server.sent().at(-2)).toMatch(/^GOAWAY \d+ ENHANCE_YOUR_CALM$/);
    expect(server.closures).toEqual(["header_block"]);
  });

  it("over the limit cost a proxy those calls only, also ten a second", () => {
    const server = new ScriptedServer().open().receive(wait(1));
    for (let second = 0; second < 60; second++) {
      server.receive(calls(10, 3 + 20 * second, excess));
      server.wire.now += 1_000;
    }
    server.receive(echo(10_001));
    expect(server.sent().slice(-2)).toEqual(["HEADERS 10001", 'DATA 10001 "ok" END_STREAM']);
    expect(server.connection.active).toBe(1);
    isOpen(server);
  });

  it.each([40_000, 60 * 1024, maxBlockLength - 100])("of %d octets cost their call only", (octets) => {
    const server = new ScriptedServer().open().receive(large(1, octets), echo(3));
    expect(server.streams.map(({ head }) => [head?.isWhole, head?.size])).toEqual([
      [false, expect.any(Number)],
      [true, expect.any(Number)],
    ]);
    expect(server.streams[0]?.head?.size).toBeLessThan(1_000);
    expect(server.connection.memory).toBe(0);
    isOpen(server);
  });

  it("leave the table right for the calls that follow", () => {
    const added = Buffer.of(0x40, 1, 0x61, 1, 0x62);
    const server = new ScriptedServer()
      .open()
      .receive(excess(1), headers(3, Buffer.concat([request, added]), { end: true }))
      .receive(headers(5, Buffer.concat([request, Buffer.of(0xbe)]), { end: true }));
    expect(server.streams[2]?.head?.fields.map(({ name, value }) => [name, value])).toEqual([["a", "b"]]);
  });

  it.each<[number, boolean]>([
    [maxFieldListSize, true],
    [maxFieldListSize + 1, false],
  ])("of %d octets are whole: %s", (size, isWhole) => {
    const fixed = requestFields.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0) + 33;
    const fields = requestWith({}, ["a", "b".repeat(size - fixed)]);
    const server = new ScriptedServer().open().receive(inFrames(1, fields));
    expect(server.streams.map(({ head }) => head?.isWhole)).toEqual([isWhole]);
  });
});

describe("CONTINUATION (CVE-2024-27316, CVE-2024-28182, CVE-2023-45288)", () => {
  const start = headers(1, Buffer.alloc(0), { more: true, end: true });
  const part = (octets: number) => continuation(1, Buffer.alloc(octets, 0x82), true);

  it("without end ends the connection", () => {
    const server = new ScriptedServer().open().receive(start, many(10_000, part(100)));
    expect(server.sent()).toEqual(calm(0));
    expect(server.connection.memory).toBe(0);
  });

  it("of more than 64 KiB ends the connection", () => {
    const server = new ScriptedServer().open().receive(start, many(maxBlockLength / maxFrameLength, part(16_384)));
    isOpen(server);
    const [goaway, end] = framesOf(server.receive(part(1)).wire.take());
    expect([goaway, end].map((frame) => frame && textOf(frame))).toEqual(["GOAWAY 0 ENHANCE_YOUR_CALM", undefined]);
    expect(goaway?.payload.toString("latin1", 8)).toBe("header block over 65536 bytes or 8 frames");
  });

  it("without octets ends the connection the second time (CVE-2026-33871)", () => {
    const server = new ScriptedServer().open().receive(headers(1, request, { more: true, end: true }), part(0));
    isOpen(server);
    expect(server.receive(part(0)).sent()).toEqual(calm(0));
  });

  it("may come in eight frames, HEADERS with it", () => {
    const parts = Array.from({ length: maxBlockFrames }, (_, at) =>
      request.subarray(at * 2, at === maxBlockFrames - 1 ? undefined : at * 2 + 2),
    );
    const [first, ...rest] = parts.map((part, at) =>
      at === 0 ? headers(1, part, { more: true, end: true }) : continuation(1, part, at < maxBlockFrames - 1),
    );
    const server = new ScriptedServer().open().receive(first as Buffer, ...rest);
    expect(server.sent()[0]).toBe("HEADERS 1");
    expect(
      new ScriptedServer()
        .open()
        .receive(start, many(maxBlockFrames, part(1)))
        .sent(),
    ).toEqual(calm(0));
  });

  it("must be complete in ten seconds", () => {
    const server = new ScriptedServer().open().receive(headers(1, request, { more: true, end: true }));
    expect(server.pass(9_750).sent()).toEqual([]);
    expect(server.pass(250).sent()).toEqual(calm(0));
    const honest = new ScriptedServer()
      .open()
      .receive(headers(1, request, { more: true, end: true }))
      .pass(9_750);
    expect(
      honest
        .receive(continuation(1, Buffer.alloc(0)))
        .pass(1_000)
        .sent()[0],
    ).toBe("HEADERS 1");
  });
});

describe("DATA without octets (CVE-2019-9518)", () => {
  const { burst, perSecond } = budgets.emptyData;

  it.each<[string, Uint8Array]>([
    ["empty", data(1, "")],
    ["only padding", data(1, "", { padding: 255 })],
  ])("ends the connection: %s", (_, octets) => {
    const server = new ScriptedServer().open().receive(held, many(burst, octets));
    isOpen(server);
    server.receive(many(10, octets));
    expect(server.sent().slice(-2)).toEqual(calm(1));
  });

  it("may come ten times a second, or as the end of each call (grpc-dart#834)", () => {
    const server = new ScriptedServer().open().receive(held);
    for (let second = 0; second < 60; second++) {
      server.receive(
        many(perSecond, data(1, "")),
        headers(3 + 2 * second, request),
        data(3 + 2 * second, "", { end: true }),
      );
      server.wire.now += 1_000;
    }
    isOpen(server);
  });

  it("is not DATA of one octet: bidirectional calls send small messages", () => {
    isOpen(
      new ScriptedServer().open().receive(headers(1, requestWith({ ":path": "/wait" })), many(20_000, data(1, "x"))),
    );
  });
});

describe("frames that say nothing", () => {
  it.each<[string, Uint8Array]>([
    ["PRIORITY (CVE-2019-9513)", frame(frameTypes.priority, 0, 1, Buffer.alloc(5))],
    ["PRIORITY on idle streams", frame(frameTypes.priority, 0, 999, Buffer.alloc(5))],
    ["an unknown type", frame(0xbe, 0, 0, Buffer.alloc(20))],
    ["WINDOW_UPDATE of 1", windowUpdate(1, 1)],
    ["PING acknowledgements", ping("pingping", flags.ack)],
  ])("leave nothing behind: 50,000 of %s", (_, octets) => {
    const server = new ScriptedServer().open().receive(wait(1), many(50_000, octets));
    isOpen(server);
    expect(server.connection.memory).toBe(server.connection.keptFields);
    expect(server.sent()).toEqual([]);
  });
});

describe("one turn of one connection", () => {
  it("begins a limited number of calls; the others follow in the next ones", () => {
    const server = new ScriptedServer({ concurrentStreams: 1_000 }).open();
    server.connection.receive(calls(1_000, 1, wait), 0);
    expect(server.streams).toHaveLength(turnCalls);
    expect(server.wire.isPaused).toBe(true);
    server.wire.settle();
    expect(server.streams).toHaveLength(1_000);
    expect(server.wire.isPaused).toBe(false);
  });
});

describe("what arrives while a turn is over", () => {
  it("waits for the next one, in order", () => {
    const server = new ScriptedServer({ concurrentStreams: 1_000 }).open();
    const octets = calls(500, 1, wait);
    for (let at = 0; at < octets.length; at += 5_000) server.connection.receive(octets.subarray(at, at + 5_000), 0);
    expect(server.streams).toHaveLength(turnCalls);
    server.wire.settle();
    expect(server.streams.map(({ id }) => id)).toEqual(Array.from({ length: 500 }, (_, at) => 1 + 2 * at));
    isOpen(server);
  });
});

describe("fields of open calls", () => {
  it("are kept up to 1 MiB: above, calls are refused until others end", () => {
    const server = new ScriptedServer().open();
    const large = (id: number) =>
      headers(id, requestWith({ ":path": "/wait" }, ["a", "b".repeat(15_000)]), { end: true });
    const count = Math.ceil(maxKeptFields / 15_000);
    server.receive(calls(count, 1, large));
    expect(server.streams.length).toBeLessThanOrEqual(count);
    server.sent();
    const next = 1 + 2 * count;
    expect(server.receive(wait(next)).sent()).toEqual([`RST_STREAM ${next} REFUSED_STREAM`]);
    expect(server.receive(rst(1), rst(3), rst(5), wait(next + 2)).sent()).toEqual([]);
    server.receive(calls(count, 1, rst));
    expect(server.connection.keptFields).toBeLessThan(1_000);
  });
});

describe("a stream's window", () => {
  it("gets padding back at once, although nobody reads the octets", () => {
    const server = new ScriptedServer().open().receive(held, many(1_000, data(1, "x", { padding: 255 })));
    const credited = framesOf(server.wire.take()).filter(({ type, id }) => type === "WINDOW_UPDATE" && id === 1);
    expect(credited.reduce((sum, { payload }) => sum + payload.readUInt32BE(), 0)).toBeGreaterThan(
      1_000 * 256 - 2 ** 15,
    );
    expect(server.streams[0]?.received).toBe(1_000);
    isOpen(server);
  });
});

describe("the connection's window", () => {
  const octets = Buffer.alloc(16_000);

  it.each<[string, number, (server: ScriptedServer) => void]>([
    ["a stream that we have reset", 1, (server) => server.receive(headers(1, requestWith({ ":path": "" })))],
    ["a stream that was refused", 3, (server) => server.receive(wait(1), headers(3, request))],
    ["a stream that was answered early", 1, (server) => server.receive(headers(1, requestWith({ ":path": "/early" })))],
    [
      "a stream after the last GOAWAY",
      3,
      (server) => {
        server.receive(wait(1));
        server.connection.drain(0);
        server.pass(6_000).receive(headers(3, request));
      },
    ],
  ])("comes back for DATA on %s", (_, id, prepare) => {
    const server = new ScriptedServer({ concurrentStreams: 1 }).open();
    prepare(server);
    server.sent();
    const rounds = 300;
    server.receive(many(rounds, data(id, octets, { padding: 9 })));
    const credited = framesOf(server.wire.take()).reduce(
      (sum, { type, id, payload }) => (type === "WINDOW_UPDATE" && id === 0 ? sum + payload.readUInt32BE() : sum),
      0,
    );
    expect(rounds * 16_010 - credited).toBeLessThan(2 ** 18);
    isOpen(server);
  });

  it("stands where it began after 10,000 calls that were cancelled (golang/go#40423, netty#7040)", () => {
    const server = new ScriptedServer().open();
    let sent = 0;
    let credited = 0;
    for (let at = 0; at < 10_000; at++) {
      const id = 1 + 2 * at;
      server.receive(headers(id, requestWith({ ":path": "/hold" })), data(id, octets.subarray(0, 1_000)), rst(id));
      server.wire.now += 20;
      sent += 1_000;
    }
    for (const { type, id, payload } of framesOf(server.wire.take())) {
      if (type === "WINDOW_UPDATE" && id === 0) credited += payload.readUInt32BE();
    }
    isOpen(server);
    expect(sent - credited).toBeLessThan(2 ** 18);
    expect([server.connection.active, server.connection.memory, server.connection.streams.live.size]).toEqual([
      0, 0, 0,
    ]);
  });

  it("is not held by streams that nobody reads: others go on (hyper#2899)", () => {
    const server = new ScriptedServer().open();
    server.receive(
      calls(100, 1, (id) => Buffer.concat([headers(id, requestWith({ ":path": "/hold" })), many(4, data(id, octets))])),
    );
    server.receive(headers(201, request), data(201, "x", { end: true }));
    expect(server.sent().at(-1)).toBe('DATA 201 "ok" END_STREAM');
  });
});

describe("a drained connection", () => {
  const drained = () => {
    const server = new ScriptedServer().open().receive(wait(1));
    server.connection.drain(server.wire.now);
    server.wire.settle();
    expect(server.sent()).toEqual(["GOAWAY 2147483647 NO_ERROR", "PING"]);
    return server;
  };

  it("serves what is on its way, until the client has read the GOAWAY (golang/go#54658)", () => {
    const server = drained().receive(echo(3), ping("draining", flags.ack));
    expect(server.sent()).toEqual(["HEADERS 3", 'DATA 3 "ok" END_STREAM', "GOAWAY 3 NO_ERROR"]);
    server.receive(echo(5));
    expect(server.sent()).toEqual([]);
    server.streams[0]?.respond();
    server.wire.settle();
    expect(server.sent()).toEqual(["HEADERS 1", 'DATA 1 "ok" END_STREAM', "end"]);
  });

  it("asks for no more than five seconds of patience", () => {
    const server = drained();
    expect(server.pass(4_750).sent()).toEqual([]);
    expect(server.pass(250).sent()).toEqual(["GOAWAY 1 NO_ERROR"]);
  });

  it("ends at the grace", () => {
    const server = drained().pass(29_750);
    server.sent();
    expect(server.pass(250).sent()).toEqual(["GOAWAY 1 NO_ERROR", "end"]);
    expect(server.calls.at(-1)).toBe("reset 1 INTERNAL_ERROR connection");
  });

  it("ends at an error, without a higher id (golang/go#55846)", () => {
    const server = drained().receive(ping("draining", flags.ack), echo(3), windowUpdate(0, 0));
    expect(server.sent()).toEqual(["GOAWAY 1 NO_ERROR", "GOAWAY 1 PROTOCOL_ERROR", "end"]);
  });

  it("is not cut while the client still reads its last answer over a slow line", () => {
    const server = drained().receive(ping("draining", flags.ack));
    server.sent();
    server.wire.isReading = false;
    server.streams[0]?.respond();
    server.wire.settle();
    expect(server.sent()).toEqual(["HEADERS 1", 'DATA 1 "ok" END_STREAM', "end"]);
    expect(server.pass(5_000).sent()).toEqual([]);
    server.wire.drain();
    // Frames of a client that reads: at a socket that is closed already they would make the system drop the rest.
    for (let at = 0; at < 4; at++) expect(server.receive(windowUpdate(0, 1)).pass(750).sent()).toEqual([]);
    expect(server.pass(250).sent()).toEqual(["destroy"]);
  });

  it("is cut after 60 s when the client does not read its last answer", () => {
    const server = drained().receive(ping("draining", flags.ack));
    server.wire.isReading = false;
    server.streams[0]?.respond();
    server.wire.settle();
    server.sent();
    expect(server.pass(59_750).sent()).toEqual([]);
    expect(server.pass(250).sent()).toEqual(["destroy"]);
  });

  it("is closed within a second although the peer does not close", () => {
    const server = new ScriptedServer().open().receive(windowUpdate(0, 0));
    server.sent();
    expect(
      server
        .receive(many(1_000, data(1, "x")))
        .pass(750)
        .sent(),
    ).toEqual([]);
    expect(server.pass(250).sent()).toEqual(["destroy"]);
  });
});
