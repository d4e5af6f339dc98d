import { describe, expect, it } from "vitest";
import { maxFieldListSize } from "../../../src/transport/http2/budgets.js";
import { flags, frameTypes } from "../../../src/transport/http2/frames.js";
import { preface } from "../../../src/transport/http2/preface.js";
import {
  block,
  continuation,
  data,
  frame,
  framesOf,
  goaway,
  headers,
  type Pair,
  ping,
  responseHead,
  rst,
  ScriptedClient,
  settings,
  settingsAck,
  textOf,
  windowUpdate,
} from "./script.js";

const zeros = (length: number) => Buffer.alloc(length);
/** The last id of a client's GOAWAY is 0, since there is no push (golang/go#80759). */
const closes = (code: string) => [`GOAWAY 0 ${code}`, "end"];
const head = headers(1, responseHead);
const trailers = headers(1, block(["grpc-status", "0"]), { end: true });

/** Returns a client with calls on streams 1, 3, … whose requests have been sent. */
function calling(calls = 1, isEnd = true): ScriptedClient {
  const client = new ScriptedClient().open();
  for (let count = 0; count < calls; count++) client.start(isEnd);
  client.wire.take();
  return client;
}

type Row = readonly [what: string, octets: readonly Uint8Array[], sent: readonly string[], calls: readonly string[]];

const answered = ["head 1 200", "data 1 ok", "trailers 1 grpc-status=0"];
const broken = ["reset 1 PROTOCOL_ERROR fault"];
const lost = ["reset 1 INTERNAL_ERROR connection"];

/** Octets that a server sends while stream 1, whose request has ended, is in use; what it gets, and what is called. */
const rows: Readonly<Record<string, readonly Row[]>> = {
  "4, frames": [
    ["an unknown type", [frame(0xbe, 0xff, 1, zeros(9))], [], []],
    ["16,385 octets", [data(1, zeros(16_385)).subarray(0, 9)], closes("FRAME_SIZE_ERROR"), lost],
    [
      "CONTINUATION",
      [headers(1, responseHead.subarray(0, 0), { more: true }), continuation(1, responseHead), trailers],
      [],
      ["head 1 200", "trailers 1 grpc-status=0"],
    ],
    ["PING inside a block", [headers(1, responseHead, { more: true }), ping()], closes("PROTOCOL_ERROR"), lost],
    ["an undecodable block", [headers(1, Buffer.of(0x80))], closes("COMPRESSION_ERROR"), lost],
  ],
  "5.1, streams": [
    ["HEADERS on one that we did not open", [headers(3, responseHead)], closes("PROTOCOL_ERROR"), lost],
    ["HEADERS on an even one", [headers(2, responseHead)], closes("PROTOCOL_ERROR"), lost],
    ["DATA on one that we did not open", [data(3, "x")], closes("PROTOCOL_ERROR"), lost],
    ["RST_STREAM on one that we did not open", [rst(3)], closes("PROTOCOL_ERROR"), lost],
    ["WINDOW_UPDATE on an even one", [windowUpdate(2, 1)], closes("PROTOCOL_ERROR"), lost],
    [
      "DATA after the end",
      [head, trailers, data(1, "x")],
      ["RST_STREAM 1 STREAM_CLOSED"],
      ["head 1 200", "trailers 1 grpc-status=0"],
    ],
    [
      "HEADERS after the end",
      [head, trailers, head],
      closes("STREAM_CLOSED"),
      ["head 1 200", "trailers 1 grpc-status=0"],
    ],
    [
      "WINDOW_UPDATE and RST_STREAM after the end",
      [head, trailers, windowUpdate(1, 1), rst(1)],
      [],
      ["head 1 200", "trailers 1 grpc-status=0"],
    ],
    ["RST_STREAM", [rst(1, 7)], [], ["reset 1 REFUSED_STREAM peer"]],
    ["RST_STREAM after the head", [head, rst(1, 0)], [], ["head 1 200", "reset 1 NO_ERROR peer"]],
    [
      "anything after our reset",
      [data(1, "x"), head, data(1, "x"), trailers, rst(1)],
      ["RST_STREAM 1 PROTOCOL_ERROR"],
      broken,
    ],
  ],
  "6, frames": [
    [
      "PUSH_PROMISE",
      [frame(frameTypes.pushPromise, flags.endHeaders, 1, Buffer.concat([Buffer.of(0, 0, 0, 2), responseHead]))],
      closes("PROTOCOL_ERROR"),
      lost,
    ],
    ["ENABLE_PUSH 1", [settings([2, 1])], closes("PROTOCOL_ERROR"), lost],
    ["ENABLE_PUSH 0", [settings([2, 0])], ["SETTINGS ACK"], []],
    ["MAX_FRAME_SIZE 0 (CVE-2026-33814)", [settings([5, 0])], closes("PROTOCOL_ERROR"), lost],
    ["INITIAL_WINDOW_SIZE above", [settings([4, 2 ** 31])], closes("FLOW_CONTROL_ERROR"), lost],
    ["SETTINGS of five octets", [frame(frameTypes.settings, 0, 0, zeros(5))], closes("FRAME_SIZE_ERROR"), lost],
    ["an acknowledgement that nobody asked for", [settingsAck], closes("PROTOCOL_ERROR"), lost],
    ["PING", [ping("12345678")], ["PING ACK"], []],
    ["an acknowledgement of PING that nobody asked for", [ping("12345678", flags.ack)], [], []],
    ["PING of seven octets", [ping("1234567")], closes("FRAME_SIZE_ERROR"), lost],
    ["WINDOW_UPDATE of 0 on the connection", [windowUpdate(0, 0)], closes("PROTOCOL_ERROR"), lost],
    ["WINDOW_UPDATE above", [windowUpdate(0, 2 ** 31 - 1)], closes("FLOW_CONTROL_ERROR"), lost],
    ["WINDOW_UPDATE of 0 on a stream", [windowUpdate(1, 0)], ["RST_STREAM 1 PROTOCOL_ERROR"], broken],
    ["DATA on stream 0", [data(0, "x")], closes("PROTOCOL_ERROR"), lost],
    [
      "padding as long as the payload",
      [head, frame(frameTypes.data, flags.padded, 1, Buffer.of(1))],
      closes("PROTOCOL_ERROR"),
      ["head 1 200", ...lost],
    ],
    ["GOAWAY on a stream", [goaway(1, 0, 1)], closes("PROTOCOL_ERROR"), lost],
  ],
  "8, answers": [
    ["head, DATA, trailers", [head, data(1, "ok"), trailers], [], answered],
    [
      "trailers alone",
      [headers(1, block([":status", "200"], ["grpc-status", "5"]), { end: true })],
      [],
      ["head 1 200 end"],
    ],
    ["padding", [head, data(1, "ok", { padding: 9 }), trailers], [], answered],
    [
      "1xx before the head",
      [headers(1, block([":status", "100"])), headers(1, block([":status", "103"])), head, data(1, "ok"), trailers],
      [],
      answered,
    ],
    ["1xx that ends", [headers(1, block([":status", "100"]), { end: true })], ["RST_STREAM 1 PROTOCOL_ERROR"], broken],
    [
      "1xx after the head",
      [head, headers(1, block([":status", "100"]))],
      ["RST_STREAM 1 PROTOCOL_ERROR"],
      ["head 1 200", ...broken],
    ],
    ["DATA before the head", [data(1, "x")], ["RST_STREAM 1 PROTOCOL_ERROR"], broken],
    ["DATA after 1xx", [headers(1, block([":status", "100"])), data(1, "x")], ["RST_STREAM 1 PROTOCOL_ERROR"], broken],
    [
      "a second head that does not end",
      [head, headers(1, block(["a", "b"]))],
      ["RST_STREAM 1 PROTOCOL_ERROR"],
      ["head 1 200", ...broken],
    ],
    [
      ":status in trailers",
      [head, headers(1, responseHead, { end: true })],
      ["RST_STREAM 1 PROTOCOL_ERROR"],
      ["head 1 200", ...broken],
    ],
    ["an end by DATA", [head, data(1, "ok", { end: true })], [], ["head 1 200", "data 1 ok end"]],
    [
      "content-length 2",
      [headers(1, block([":status", "200"], ["content-length", "2"])), data(1, "ok"), trailers],
      [],
      answered,
    ],
    [
      "content-length 3",
      [headers(1, block([":status", "200"], ["content-length", "3"])), data(1, "ok", { end: true })],
      ["RST_STREAM 1 PROTOCOL_ERROR"],
      ["head 1 200", ...broken],
    ],
  ],
};

describe.each(Object.entries(rows))("RFC 9113 §%s:", (_, list) => {
  it.each(list)("%s", (_, octets, sent, calls) => {
    const client = calling().receive(...octets);
    expect(client.sent()).toEqual(sent);
    expect(client.calls).toEqual(calls);
    expect(client.failures).toEqual([]);
  });
});

describe("the head of an answer", () => {
  it.each<[string, readonly Pair[]]>([
    ["without :status", [["a", "b"]]],
    ["without fields", []],
    [
      "with two :status",
      [
        [":status", "200"],
        [":status", "200"],
      ],
    ],
    [
      "with :status after another field",
      [
        ["a", "b"],
        [":status", "200"],
      ],
    ],
    ["with an empty :status", [[":status", ""]]],
    ["with :status of two digits", [[":status", "20"]]],
    ["with :status of four digits", [[":status", "2000"]]],
    ["with :status 000", [[":status", "000"]]],
    [
      "with :path",
      [
        [":status", "200"],
        [":path", "/"],
      ],
    ],
    [
      "with an unknown pseudo-field",
      [
        [":status", "200"],
        [":x", "y"],
      ],
    ],
    [
      "with an upper-case name",
      [
        [":status", "200"],
        ["A", "b"],
      ],
    ],
    [
      "with a line break",
      [
        [":status", "200"],
        ["grpc-message", "a\r\nb"],
      ],
    ],
    [
      "with connection",
      [
        [":status", "200"],
        ["connection", "close"],
      ],
    ],
    [
      "with transfer-encoding",
      [
        [":status", "200"],
        ["transfer-encoding", "chunked"],
      ],
    ],
    [
      "with two content-length",
      [
        [":status", "200"],
        ["content-length", "1"],
        ["content-length", "1"],
      ],
    ],
  ])("%s is malformed", (_, fields) => {
    const client = calling().receive(headers(1, block(...fields)), trailers);
    expect(client.calls).toEqual(broken);
    expect(client.sent()).toEqual(["RST_STREAM 1 PROTOCOL_ERROR"]);
  });
});

describe("a client's beginning", () => {
  it("is the preface, SETTINGS without push, and a wide window", () => {
    const octets = new ScriptedClient().wire.take();
    expect(octets.subarray(0, 24)).toEqual(preface);
    const frames = framesOf(octets.subarray(24));
    expect(frames.map(textOf)).toEqual(["SETTINGS", `WINDOW_UPDATE 0 ${2 ** 24 - 65_535}`]);
    // ENABLE_PUSH 0, INITIAL_WINDOW_SIZE 1 MiB, MAX_HEADER_LIST_SIZE
    const settingsHex = `00020000000000040010000000060000${maxFieldListSize.toString(16)}`;
    expect(frames[0]?.payload.toString("hex")).toBe(settingsHex);
  });

  it.each<[string, Uint8Array]>([
    ["PING", ping()],
    ["an acknowledgement", settingsAck],
    ["HTTP/1.1", Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n")],
    ["GOAWAY", goaway(0)],
  ])("must be followed by SETTINGS, not by %s", (_, octets) => {
    const client = new ScriptedClient();
    client.wire.take();
    expect(client.receive(octets).sent()).toEqual([
      expect.stringMatching(/^GOAWAY 0 (PROTOCOL|FRAME_SIZE)_ERROR$/),
      "end",
    ]);
    expect(client.calls).toEqual([]);
  });

  it("waits ten seconds for a server that accepts and says nothing (grpc-node#2785)", () => {
    const client = new ScriptedClient();
    client.wire.take();
    expect(client.pass(9_750).sent()).toEqual([]);
    expect(client.pass(250).sent()).toContain("end");
    expect(client.closures).toEqual(["hello"]);
  });

  it("ends with the server's SETTINGS, once", () => {
    const client = new ScriptedClient();
    expect(client.connection.hasRoom).toBe(false);
    client.receive(settings()).receive(settings(), settingsAck);
    expect(client.calls).toEqual(["opened"]);
    expect(client.connection.hasRoom).toBe(true);
  });
});

describe("MAX_CONCURRENT_STREAMS (grpc-node#1969, golang/go#20985)", () => {
  it("is kept, also when it falls below what runs", () => {
    const client = new ScriptedClient().open([3, 2]);
    client.start();
    expect(client.connection.hasRoom).toBe(true);
    client.start();
    expect(client.connection.hasRoom).toBe(false);
    client.receive(settings([3, 1]), rst(1));
    expect(client.connection.hasRoom).toBe(false);
    client.receive(rst(3));
    expect(client.connection.hasRoom).toBe(true);
  });

  it("may be 0 for a while", () => {
    const client = new ScriptedClient().open([3, 0]);
    expect(client.connection.hasRoom).toBe(false);
    client.receive(settings([3, 1]));
    expect(client.connection.hasRoom).toBe(true);
  });
});

describe("a server's GOAWAY", () => {
  it("ends at once the streams it has not looked at, and lets the others finish", () => {
    const client = calling(3).receive(goaway(3));
    expect(client.calls).toEqual(["reset 5 NO_ERROR unprocessed", "leaving"]);
    expect(client.connection.hasRoom).toBe(false);
    client.receive(head, trailers);
    expect(client.sent()).toEqual([]);
    client.receive(headers(3, responseHead), headers(3, block(["grpc-status", "0"]), { end: true }));
    expect(client.calls.slice(2)).toEqual([
      "head 1 200",
      "trailers 1 grpc-status=0",
      "head 3 200",
      "trailers 3 grpc-status=0",
    ]);
    expect(client.sent()).toEqual(["GOAWAY 0 NO_ERROR", "end"]);
    expect(client.closures).toEqual(["peer"]);
  });

  it("comes in two steps when the server drains, and may lower its id only", () => {
    const client = calling(2).receive(goaway(2 ** 31 - 1));
    expect(client.calls).toEqual(["leaving"]);
    client.receive(goaway(1));
    expect(client.calls[1]).toBe("reset 3 NO_ERROR unprocessed");
    client.receive(goaway(3));
    expect(client.sent()).toEqual(closes("PROTOCOL_ERROR"));
  });

  it("of too many pings says so (grpc/grpc#16210)", () => {
    const client = calling().receive(goaway(0, 11));
    expect(client.calls).toEqual(["reset 1 ENHANCE_YOUR_CALM unprocessed", "leaving"]);
    expect(client.sent()).toEqual(["GOAWAY 0 NO_ERROR", "end"]);
  });

  it("closes a connection without calls", () => {
    const client = new ScriptedClient().open().receive(goaway(0));
    expect(client.sent()).toEqual(["GOAWAY 0 NO_ERROR", "end"]);
  });
});

describe("a request whose body is not sent yet", () => {
  it("is ended after the whole answer, which stands (RFC 9113 §8.1)", () => {
    const client = calling(1, false).receive(head, data(1, "ok"), trailers);
    expect(client.calls).toEqual(answered);
    expect(client.sent()).toEqual(["RST_STREAM 1 NO_ERROR"]);
  });

  it("may be stopped by RST_STREAM(NO_ERROR) after the whole answer (grpc-go#834)", () => {
    const client = calling(1, false).receive(head, data(1, "ok"), trailers, rst(1, 0));
    expect(client.calls).toEqual(answered);
  });
});

describe("a server that is silent while a call waits", () => {
  const probed = () => {
    const client = calling();
    expect(client.pass(1_000).sent()).toEqual(["PING"]);
    return client;
  };

  it("is asked once, then given up: the call fails now (grpc-dart#829)", () => {
    const client = probed();
    expect(client.pass(750).sent()).toEqual([]);
    expect(client.pass(250).sent()).toEqual(["destroy"]);
    expect(client.calls).toEqual(lost);
    expect(client.closures).toEqual(["dead"]);
  });

  it("is asked a second time only after it has sent HEADERS or DATA: OpenFGA ends a connection at the fourth ping", () => {
    const client = probed();
    client.receive(ping("anybody?", flags.ack));
    expect(client.pass(30_000).sent()).toEqual([]);
    client.receive(head);
    expect(client.pass(1_000).sent()).toEqual(["PING"]);
  });

  it("is not asked when no call waits", () => {
    expect(new ScriptedClient().open().pass(300_000).sent()).toEqual([]);
  });
});

describe("HEADER_TABLE_SIZE below 4,096", () => {
  it("makes the next block say that our table is empty (haproxy#1498)", () => {
    const client = new ScriptedClient().open([1, 0]);
    client.start();
    client.start();
    const heads = framesOf(client.wire.take()).filter(({ type }) => type === "HEADERS");
    expect(heads.map(({ payload }) => payload[0])).toEqual([0x20, 0x83]);
  });
});
