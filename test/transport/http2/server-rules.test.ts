import { describe, expect, it } from "vitest";
import { maxFieldListSize } from "../../../src/transport/http2/budgets.js";
import { type errorCodes, flags, frameTypes, maxStreamId } from "../../../src/transport/http2/frames.js";
import { preface } from "../../../src/transport/http2/preface.js";
import {
  block,
  continuation,
  data,
  Fields,
  frame,
  framesOf,
  goaway,
  headers,
  ping,
  request,
  requestFields,
  requestWith,
  rst,
  ScriptedServer,
  settings,
  settingsAck,
  windowUpdate,
} from "./script.js";

/** An answer to stream 1. */
const served = ["HEADERS 1", 'DATA 1 "ok" END_STREAM'];
/** An error of the connection, before any stream was handled. */
const closes = (code: keyof typeof errorCodes | string, lastId = 0) => [`GOAWAY ${lastId} ${code}`, "end"];
const whole = (id = 1) => headers(id, request, { end: true });
const open = (id = 1) => headers(id, request);
const waiting = (id = 1) => headers(id, requestWith({ ":path": "/wait" }), { end: true });
/** Stream 1 as both ends have ended it, as its answer ended it early, as the client and as we have reset it. */
const served1 = whole();
const early1 = headers(1, requestWith({ ":path": "/early" }));
const reset1 = Buffer.concat([open(), rst(1)]);
const faulty1 = headers(1, requestWith({ ":path": "" }));
const zeros = (length: number) => Buffer.alloc(length);

type Row = readonly [what: string, octets: readonly Uint8Array[], sent: readonly string[]];

/** RFC 9113, by section: octets that a client sends once the connection is open, and what it gets. */
const rows: Readonly<Record<string, readonly Row[]>> = {
  "4.1 frames": [
    ["an unknown type", [frame(0xbe, 0xff, 0, zeros(100)), whole()], served],
    ["an unknown type on a stream", [open(), frame(0xbe, 0, 1, zeros(9)), data(1, "", { end: true })], served],
    ["undefined flags", [frame(frameTypes.ping, 0xfe, 0, zeros(8))], ["PING ACK"]],
    ["the reserved bit", [frame(frameTypes.headers, flags.endHeaders | flags.endStream, 2 ** 31 + 1, request)], served],
  ],
  "4.2 lengths": [
    ["16,384 octets", [open(), data(1, zeros(16_384), { end: true })], served],
    [
      "16,385 octets, of which only the header has come",
      [open(), data(1, zeros(16_385)).subarray(0, 9)],
      closes("FRAME_SIZE_ERROR", 1),
    ],
    [
      "an unknown frame of 16,385 octets",
      [frame(0xbe, 0, 0, zeros(16_385)).subarray(0, 9)],
      closes("FRAME_SIZE_ERROR"),
    ],
  ],
  "4.3, 6.10 header blocks": [
    [
      "CONTINUATION",
      [headers(1, request.subarray(0, 3), { end: true, more: true }), continuation(1, request.subarray(3))],
      served,
    ],
    ["PING in between", [headers(1, request, { more: true }), ping()], closes("PROTOCOL_ERROR")],
    ["an unknown frame in between", [headers(1, request, { more: true }), frame(0xbe, 0, 1)], closes("PROTOCOL_ERROR")],
    ["HEADERS in between", [headers(1, request, { more: true }), whole(3)], closes("PROTOCOL_ERROR")],
    [
      "CONTINUATION of another stream",
      [headers(1, request, { more: true }), continuation(3, zeros(0))],
      closes("PROTOCOL_ERROR"),
    ],
    ["CONTINUATION alone", [continuation(1, request)], closes("PROTOCOL_ERROR")],
    ["CONTINUATION after the end", [open(), continuation(1, request)], closes("PROTOCOL_ERROR", 1)],
    ["an undecodable block", [headers(1, Buffer.of(0xbe))], closes("COMPRESSION_ERROR")],
    ["undecodable trailers", [open(), headers(1, Buffer.of(0x80), { end: true })], closes("COMPRESSION_ERROR", 1)],
    [
      "an undecodable block on a closed stream",
      [faulty1, headers(1, Buffer.of(0x80))],
      ["RST_STREAM 1 PROTOCOL_ERROR", ...closes("COMPRESSION_ERROR")],
    ],
  ],
  "5.1 idle streams": [
    ["DATA", [data(1, "x")], closes("PROTOCOL_ERROR")],
    ["RST_STREAM", [rst(1)], closes("PROTOCOL_ERROR")],
    ["WINDOW_UPDATE", [windowUpdate(1, 1)], closes("PROTOCOL_ERROR")],
    ["DATA on an even id", [data(2, "x")], closes("PROTOCOL_ERROR")],
    ["PRIORITY", [frame(frameTypes.priority, 0, 1, zeros(5)), whole()], served],
  ],
  "5.1 half-closed streams": [
    ["DATA", [waiting(), data(1, "x")], ["RST_STREAM 1 STREAM_CLOSED"]],
    ["HEADERS", [waiting(), whole()], ["RST_STREAM 1 STREAM_CLOSED"]],
    ["RST_STREAM", [waiting(), rst(1)], []],
    ["WINDOW_UPDATE and PRIORITY", [waiting(), windowUpdate(1, 1), frame(frameTypes.priority, 0, 1, zeros(5))], []],
  ],
  "5.1 streams that ended on both sides": [
    ["DATA", [served1, data(1, "x")], [...served, "RST_STREAM 1 STREAM_CLOSED"]],
    ["HEADERS", [served1, whole()], [...served, ...closes("STREAM_CLOSED", 1)]],
    ["WINDOW_UPDATE", [served1, windowUpdate(1, 1)], served],
    ["WINDOW_UPDATE of 0", [served1, windowUpdate(1, 0)], served],
    ["RST_STREAM", [served1, rst(1)], served],
    ["PRIORITY", [served1, frame(frameTypes.priority, 0, 1, zeros(5))], served],
  ],
  "5.1 streams that the client has reset": [
    ["DATA", [reset1, data(1, "x")], ["RST_STREAM 1 STREAM_CLOSED"]],
    ["HEADERS", [reset1, whole()], closes("STREAM_CLOSED", 1)],
    ["WINDOW_UPDATE", [reset1, windowUpdate(1, 1)], []],
    ["RST_STREAM", [reset1, rst(1)], []],
  ],
  "5.1 streams that we have reset (nghttp2#2597)": [
    [
      "for a fault",
      [faulty1, data(1, "x"), headers(1, request, { end: true }), rst(1), windowUpdate(1, 1)],
      ["RST_STREAM 1 PROTOCOL_ERROR"],
    ],
    [
      "after an early answer",
      [early1, data(1, "x"), data(1, "y", { end: true })],
      ["HEADERS 1 END_STREAM", "RST_STREAM 1 NO_ERROR"],
    ],
    [
      "after an early answer, with trailers",
      [early1, headers(1, block(["a", "b"]), { end: true })],
      ["HEADERS 1 END_STREAM", "RST_STREAM 1 NO_ERROR"],
    ],
  ],
  "5.1.1 ids": [
    ["an even one", [whole(2)], closes("PROTOCOL_ERROR")],
    ["a lower one", [whole(5), whole(3)], ["HEADERS 5", 'DATA 5 "ok" END_STREAM', ...closes("PROTOCOL_ERROR", 5)]],
    [
      "DATA on a lower one",
      [whole(5), data(3, "x")],
      ["HEADERS 5", 'DATA 5 "ok" END_STREAM', "RST_STREAM 3 STREAM_CLOSED"],
    ],
    [
      "the highest one, which is the last",
      [whole(maxStreamId)],
      [`HEADERS ${maxStreamId}`, `DATA ${maxStreamId} "ok" END_STREAM`, `GOAWAY ${maxStreamId} NO_ERROR`, "PING"],
    ],
  ],
  "5.3, 6.3 priorities": [
    ["four octets", [open(), frame(frameTypes.priority, 0, 1, zeros(4))], ["RST_STREAM 1 FRAME_SIZE_ERROR"]],
    ["stream 0", [frame(frameTypes.priority, 0, 0, zeros(5))], closes("PROTOCOL_ERROR")],
    [
      "a stream that depends on itself",
      [open(), frame(frameTypes.priority, 0, 1, Buffer.of(0, 0, 0, 1, 9))],
      ["RST_STREAM 1 PROTOCOL_ERROR"],
    ],
    [
      "HEADERS that depend on themselves",
      [headers(1, request, { dependsOn: 1, end: true })],
      ["RST_STREAM 1 PROTOCOL_ERROR"],
    ],
    ["HEADERS that depend on another", [headers(1, request, { dependsOn: 7, end: true })], served],
    ["PRIORITY_UPDATE (RFC 9218)", [frame(0x10, 0, 0, Buffer.from("\0\0\0\x01u=1")), whole()], served],
    ["the field", [headers(1, requestWith({}, ["priority", "u=1"]), { end: true })], served],
  ],
  "6.1 DATA": [
    ["padding", [open(), data(1, "abc", { padding: 255, end: true })], served],
    ["padding of no octets", [open(), data(1, "abc", { padding: 0, end: true })], served],
    ["stream 0", [data(0, "x")], closes("PROTOCOL_ERROR")],
    [
      "padding as long as the payload",
      [open(), frame(frameTypes.data, flags.padded, 1, Buffer.of(3, 0, 0))],
      closes("PROTOCOL_ERROR", 1),
    ],
    ["padding of a frame of no octets", [open(), frame(frameTypes.data, flags.padded, 1)], closes("PROTOCOL_ERROR", 1)],
    [
      "more than the stream's window",
      [headers(1, requestWith({ ":path": "/hold" })), ...Array<Buffer>(4).fill(data(1, zeros(16_384)))],
      ["RST_STREAM 1 FLOW_CONTROL_ERROR"],
    ],
  ],
  "6.2 HEADERS": [
    ["padding", [headers(1, request, { padding: 255, end: true })], served],
    ["stream 0", [headers(0, request)], closes("PROTOCOL_ERROR")],
    [
      "padding longer than the payload",
      [frame(frameTypes.headers, flags.padded | flags.endHeaders, 1, Buffer.of(3, 0x82, 0x82))],
      closes("PROTOCOL_ERROR"),
    ],
    [
      "no room for the padding's length",
      [frame(frameTypes.headers, flags.padded | flags.endHeaders, 1)],
      closes("FRAME_SIZE_ERROR"),
    ],
    [
      "no room for a priority",
      [frame(frameTypes.headers, flags.priority | flags.endHeaders, 1, zeros(4))],
      closes("FRAME_SIZE_ERROR"),
    ],
    [
      "no room for both",
      [frame(frameTypes.headers, flags.padded | flags.priority | flags.endHeaders, 1, zeros(5))],
      closes("FRAME_SIZE_ERROR"),
    ],
    ["trailers", [open(), data(1, "x"), headers(1, block(["a", "b"]), { end: true })], served],
    ["trailers that do not end", [open(), headers(1, block(["a", "b"]))], ["RST_STREAM 1 PROTOCOL_ERROR"]],
    [
      "a pseudo-field in trailers",
      [open(), headers(1, block([":path", "/"]), { end: true })],
      ["RST_STREAM 1 PROTOCOL_ERROR"],
    ],
    [
      "an invalid field in trailers (envoy#10646)",
      [open(), headers(1, block(["A", "b"]), { end: true })],
      ["RST_STREAM 1 PROTOCOL_ERROR"],
    ],
    [
      "a connection field in trailers",
      [open(), headers(1, block(["te", "chunked"]), { end: true })],
      ["RST_STREAM 1 PROTOCOL_ERROR"],
    ],
  ],
  "6.4 RST_STREAM": [
    ["three octets", [open(), frame(frameTypes.rstStream, 0, 1, zeros(3))], closes("FRAME_SIZE_ERROR", 1)],
    ["stream 0", [rst(0)], closes("PROTOCOL_ERROR")],
    ["an unknown code", [open(), rst(1, 0xffff_ffff), whole(3)], ["HEADERS 3", 'DATA 3 "ok" END_STREAM']],
  ],
  "6.5 SETTINGS": [
    ["an acknowledgement each", [settings(), settings([1, 4096], [1, 0], [0xfe, 3])], ["SETTINGS ACK", "SETTINGS ACK"]],
    [
      "an acknowledgement with a payload",
      [frame(frameTypes.settings, flags.ack, 0, zeros(6))],
      closes("FRAME_SIZE_ERROR"),
    ],
    ["five octets", [frame(frameTypes.settings, 0, 0, zeros(5))], closes("FRAME_SIZE_ERROR")],
    ["on a stream", [frame(frameTypes.settings, 0, 1)], closes("PROTOCOL_ERROR")],
    ["an acknowledgement on a stream", [frame(frameTypes.settings, flags.ack, 1)], closes("PROTOCOL_ERROR")],
    ["an acknowledgement that nobody asked for", [settingsAck], closes("PROTOCOL_ERROR")],
    ["ENABLE_PUSH 1", [settings([2, 1])], ["SETTINGS ACK"]],
    ["ENABLE_PUSH 2", [settings([2, 2])], closes("PROTOCOL_ERROR")],
    ["MAX_FRAME_SIZE below", [settings([5, 16_383])], closes("PROTOCOL_ERROR")],
    ["MAX_FRAME_SIZE 0 (CVE-2026-33814)", [settings([5, 0])], closes("PROTOCOL_ERROR")],
    ["MAX_FRAME_SIZE least and most", [settings([5, 16_384], [5, 2 ** 24 - 1])], ["SETTINGS ACK"]],
    ["MAX_FRAME_SIZE above", [settings([5, 2 ** 24])], closes("PROTOCOL_ERROR")],
    ["INITIAL_WINDOW_SIZE most", [settings([4, 2 ** 31 - 1])], ["SETTINGS ACK"]],
    ["INITIAL_WINDOW_SIZE above", [settings([4, 2 ** 31])], closes("FLOW_CONTROL_ERROR")],
    [
      "a window that passes 2^31-1 by it (h2-py#113)",
      [waiting(), windowUpdate(1, 2 ** 31 - 1 - 65_535), settings([4, 65_536])],
      closes("FLOW_CONTROL_ERROR", 1),
    ],
    ["a window of just 2^31-1 by it", [waiting(), windowUpdate(1, 1), settings([4, 2 ** 31 - 2])], ["SETTINGS ACK"]],
    ["the largest ids and values", [frame(frameTypes.settings, 0, 0, Buffer.alloc(6, 0xff))], ["SETTINGS ACK"]],
  ],
  "6.6, 6.8 PUSH_PROMISE and GOAWAY": [
    [
      "PUSH_PROMISE",
      [open(), frame(frameTypes.pushPromise, flags.endHeaders, 1, zeros(4))],
      closes("PROTOCOL_ERROR", 1),
    ],
    ["GOAWAY on a stream", [goaway(0, 0, 1)], closes("PROTOCOL_ERROR")],
    ["GOAWAY of seven octets", [frame(frameTypes.goaway, 0, 0, zeros(7))], closes("FRAME_SIZE_ERROR")],
    ["GOAWAY without a call", [goaway(0)], closes("NO_ERROR")],
    [
      "GOAWAY while a call runs",
      [open(), goaway(0), data(1, "x", { end: true })],
      [...served, ...closes("NO_ERROR", 1)],
    ],
    ["GOAWAY with an unknown code and text", [open(), frame(frameTypes.goaway, 0, 0, Buffer.alloc(99, 0xff))], []],
  ],
  "6.7 PING": [
    ["the same octets back", [ping("12345678")], ["PING ACK"]],
    ["an acknowledgement that nobody asked for", [ping("12345678", flags.ack)], []],
    ["seven octets", [ping("1234567")], closes("FRAME_SIZE_ERROR")],
    ["nine octets, acknowledged", [ping("123456789", flags.ack)], closes("FRAME_SIZE_ERROR")],
    ["on a stream", [frame(frameTypes.ping, 0, 1, zeros(8))], closes("PROTOCOL_ERROR")],
  ],
  "6.9 WINDOW_UPDATE": [
    ["0 on the connection", [windowUpdate(0, 0)], closes("PROTOCOL_ERROR")],
    ["0 on a stream", [waiting(), windowUpdate(1, 0)], ["RST_STREAM 1 PROTOCOL_ERROR"]],
    ["three octets", [frame(frameTypes.windowUpdate, 0, 0, zeros(3))], closes("FRAME_SIZE_ERROR")],
    [
      "three octets on a stream",
      [waiting(), frame(frameTypes.windowUpdate, 0, 1, zeros(3))],
      closes("FRAME_SIZE_ERROR", 1),
    ],
    ["a connection window of 2^31-1, as nginx grants it", [windowUpdate(0, 2 ** 31 - 1 - 65_535), whole()], served],
    ["a connection window above", [windowUpdate(0, 2 ** 31 - 65_535)], closes("FLOW_CONTROL_ERROR")],
    ["a connection window far above", [windowUpdate(0, 2 ** 31 - 1)], closes("FLOW_CONTROL_ERROR")],
    ["a stream window of 2^31-1", [waiting(), windowUpdate(1, 2 ** 31 - 1 - 65_535)], []],
    ["a stream window above", [waiting(), windowUpdate(1, 2 ** 31 - 65_535)], ["RST_STREAM 1 FLOW_CONTROL_ERROR"]],
    ["the reserved bit", [frame(frameTypes.windowUpdate, 0, 0, Buffer.of(0x80, 0, 0, 0))], closes("PROTOCOL_ERROR")],
  ],
};

describe.each(Object.entries(rows))("RFC 9113 §%s:", (_, list) => {
  it.each(list)("%s", (_, octets, sent) => {
    const server = new ScriptedServer();
    server.open().receive(...octets);
    expect(server.sent()).toEqual(sent);
    expect(server.failures).toEqual([]);
  });
});

describe("RFC 9113 §8: a request", () => {
  const outcome = (fields: Uint8Array, ...more: readonly Uint8Array[]) =>
    new ScriptedServer()
      .open()
      .receive(headers(1, fields, { end: more.length === 0 }), ...more, whole(3))
      .sent()[0];

  it.each<[string, Uint8Array]>([
    ["with te: trailers", requestWith({}, ["te", "trailers"])],
    ["with expect", requestWith({}, ["expect", "100-continue"])],
    ["with scheme https", requestWith({ ":scheme": "https" })],
    ["with a host that is the authority", requestWith({}, ["host", "localhost"])],
    ["with a host alone", block(...requestFields.slice(0, 3), ["host", "localhost"])],
    ["with neither", block(...requestFields.slice(0, 3))],
    ["with another method", requestWith({ ":method": "DELETE" })],
    ["with content-length 0", requestWith({}, ["content-length", "0"])],
    ["with a name of JavaScript", requestWith({}, ["__proto__", "x"], ["constructor", "y"])],
    ["with octets above ASCII", requestWith({}, ["x", "\xe9\xff"])],
  ])("%s is served", (_, fields) => {
    expect(outcome(fields)).toBe("HEADERS 1");
  });

  const without = (missing: string) => block(...requestFields.filter(([name]) => name !== missing));
  it.each<[string, Uint8Array]>([
    ["without fields", Buffer.alloc(0)],
    ["without :method", without(":method")],
    ["without :scheme", without(":scheme")],
    ["without :path", without(":path")],
    ["with two :method", requestWith({}, [":method", "POST"])],
    ["with two :scheme", block(...requestFields, [":scheme", "http"])],
    ["with two :path", block(...requestFields, [":path", "/echo"])],
    ["with two :authority", block(...requestFields, [":authority", "localhost"])],
    ["with an empty :method", requestWith({ ":method": "" })],
    ["with an empty :path", requestWith({ ":path": "" })],
    ["with a :path without a slash (CVE-2026-33186)", requestWith({ ":path": "echo" })],
    ["with a :path that is a URL", requestWith({ ":path": "http://localhost/echo" })],
    ["with another scheme", requestWith({ ":scheme": "ftp" })],
    ["with CONNECT", requestWith({ ":method": "CONNECT" })],
    ["with :status", block(...requestFields, [":status", "200"])],
    ["with :protocol", block(...requestFields, [":protocol", "websocket"])],
    ["with a pseudo-field after another", block(...requestFields.slice(0, 3), ["a", "b"], [":authority", "localhost"])],
    ["with an empty name (CVE-2019-9516)", requestWith({}, ["", "x"])],
    ["with an upper-case name", requestWith({}, ["X-A", "b"])],
    ["with a colon in a name", requestWith({}, ["a:b", "c"])],
    ["with a space in a name", requestWith({}, ["a b", "c"])],
    ["with a line feed in a value", requestWith({}, ["a", "b\nc"])],
    ["with a carriage return in a value", requestWith({}, ["a", "b\rc"])],
    ["with NUL in a value", requestWith({}, ["a", "b\0c"])],
    ["with a space before a value (envoy#28285)", requestWith({}, ["a", " b"])],
    ["with a tab behind a value", requestWith({}, ["a", "b\t"])],
    ["with a line feed in :path", requestWith({ ":path": "/echo\n" })],
    ["with connection", requestWith({}, ["connection", "close"])],
    ["with keep-alive", requestWith({}, ["keep-alive", "5"])],
    ["with proxy-connection", requestWith({}, ["proxy-connection", "keep-alive"])],
    ["with transfer-encoding", requestWith({}, ["transfer-encoding", "chunked"])],
    ["with upgrade", requestWith({}, ["upgrade", "h2c"])],
    ["with te: gzip", requestWith({}, ["te", "gzip"])],
    ["with te: trailers, gzip", requestWith({}, ["te", "trailers, gzip"])],
    ["with two host", requestWith({}, ["host", "localhost"], ["host", "localhost"])],
    ["with a host that differs", requestWith({}, ["host", "elsewhere"])],
    ["with a content-length of no digits", requestWith({}, ["content-length", "+0"])],
    ["with an empty content-length", requestWith({}, ["content-length", ""])],
    ["with two content-length", requestWith({}, ["content-length", "0"], ["content-length", "0"])],
    ["with two content-length in one", requestWith({}, ["content-length", "0, 0"])],
    ["with a content-length but no body", requestWith({}, ["content-length", "1"])],
  ])("%s is malformed, and ends alone", (_, fields) => {
    const server = new ScriptedServer();
    server.open().receive(headers(1, fields, { end: true }), whole(3));
    expect(server.sent()).toEqual(["RST_STREAM 1 PROTOCOL_ERROR", "HEADERS 3", 'DATA 3 "ok" END_STREAM']);
    expect(server.calls).toEqual(["head 3 /echo end"]);
  });

  const body = requestWith({}, ["content-length", "3"]);
  it.each<[string, readonly Uint8Array[], string]>([
    ["just so long", [data(1, "abc", { end: true })], "HEADERS 1"],
    [
      "just so long, in parts and padded",
      [data(1, "a", { padding: 9 }), data(1, "bc"), data(1, "", { end: true })],
      "HEADERS 1",
    ],
    ["just so long, then trailers", [data(1, "abc"), headers(1, block(["a", "b"]), { end: true })], "HEADERS 1"],
    ["too short", [data(1, "ab", { end: true })], "RST_STREAM 1 PROTOCOL_ERROR"],
    [
      "too short, then trailers",
      [data(1, "ab"), headers(1, block(["a", "b"]), { end: true })],
      "RST_STREAM 1 PROTOCOL_ERROR",
    ],
    ["too long, without an end", [data(1, "abcd")], "RST_STREAM 1 PROTOCOL_ERROR"],
    ["short of octets that are padding", [data(1, "", { padding: 2, end: true })], "RST_STREAM 1 PROTOCOL_ERROR"],
  ])("whose content-length is 3 and whose body is %s", (_, octets, sent) => {
    expect(outcome(body, ...octets)).toBe(sent);
  });
});

describe("the table of fields belongs to the connection: a block is decoded", () => {
  const added = Buffer.concat([Buffer.of(0x40), Buffer.from("\x01a\x01b")]);
  const addingRequest = (path: string) => Buffer.concat([requestWith({ ":path": path }), added]);
  /** A request that refers to the field that the other one has added. */
  const referring = (id: number) => headers(id, Buffer.concat([request, Buffer.of(0xbe)]), { end: true });

  it.each<[string, (server: ScriptedServer) => void]>([
    ["of a malformed request", (server) => server.receive(headers(1, addingRequest("")))],
    ["of a closed stream", (server) => server.receive(faulty1, headers(1, added, { end: true }))],
    ["of a refused stream", (server) => server.receive(waiting(1), headers(3, addingRequest("/wait")))],
    ["of trailers", (server) => server.receive(open(), headers(1, added, { end: true }))],
    ["of trailers that are malformed", (server) => server.receive(open(), headers(1, added))],
    [
      "of a list that is too large",
      (server) => server.receive(headers(1, Buffer.concat([Buffer.alloc(129, 0x82), added]))),
    ],
  ])("%s", (_, act) => {
    const server = new ScriptedServer({ concurrentStreams: 1 });
    server.open();
    act(server);
    server.receive(rst(1), referring(5));
    expect(server.sent()).toContain("HEADERS 5");
    expect(server.streams.at(-1)?.head?.fields.map(({ name, value }) => [name, value])).toEqual([["a", "b"]]);
  });

  it("of a stream after the last GOAWAY", () => {
    const server = new ScriptedServer();
    server.open().receive(waiting(1));
    server.connection.drain(server.wire.now);
    server.pass(6_000);
    server.sent();
    server.receive(headers(3, addingRequest("/echo"), { end: true }), headers(5, Buffer.of(0xbe), { end: true }));
    expect(server.sent()).toEqual([]);
    server.receive(headers(7, Buffer.of(0xbf), { end: true }));
    expect(server.sent()).toEqual(["GOAWAY 1 COMPRESSION_ERROR", "end"]);
  });
});

describe("the preface", () => {
  it.each([1, 2, 5, 23])("may come in pieces of %d octets", (size) => {
    const server = new ScriptedServer();
    const octets = Buffer.concat([preface, settings()]);
    for (let at = 0; at < octets.length; at += size) server.receive(octets.subarray(at, at + size));
    expect(server.sent()).toEqual(["SETTINGS", "WINDOW_UPDATE 0 983041", "SETTINGS ACK"]);
  });

  it("is answered by our SETTINGS at once", () => {
    const server = new ScriptedServer().receive(preface);
    const [first] = framesOf(server.wire.take());
    expect(first?.payload.toString("hex")).toBe(
      // MAX_CONCURRENT_STREAMS 250, MAX_HEADER_LIST_SIZE, NO_RFC7540_PRIORITIES 1
      `0003000000fa00060000${maxFieldListSize.toString(16)}000900000001`,
    );
  });

  it.each<[string, Uint8Array, readonly string[]]>([
    ["PING first", Buffer.concat([preface, ping()]), closes("PROTOCOL_ERROR")],
    ["HEADERS first", Buffer.concat([preface, whole()]), closes("PROTOCOL_ERROR")],
    ["an acknowledgement first", Buffer.concat([preface, settingsAck]), closes("PROTOCOL_ERROR")],
    ["an unknown frame first", Buffer.concat([preface, frame(0xbe, 0, 0)]), closes("PROTOCOL_ERROR")],
    ["nonsense", Buffer.from("INVALID CONNECTION PREFACE\r\n\r\n"), closes("PROTOCOL_ERROR")],
    ["nonsense at its end", Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\rX"), closes("PROTOCOL_ERROR")],
    [
      "too long a frame first",
      Buffer.concat([preface, Buffer.of(0xff, 0xff, 0xff, 4, 0, 0, 0, 0, 0)]),
      closes("FRAME_SIZE_ERROR"),
    ],
  ])("followed by %s, or not one", (_, octets, sent) => {
    const server = new ScriptedServer().receive(octets);
    expect(server.sent()).toEqual(["SETTINGS", "WINDOW_UPDATE 0 983041", ...sent]);
  });

  it.each([
    "GET / HTTP/1.1\r\n",
    "POST /x HTTP/1.1\r\nhost: a\r\n\r\n",
    "HEAD",
    "PUT ",
    "DELETE ",
    "PATCH ",
    "OPTIONS",
    "CONNECT",
  ])("that is HTTP/1.1 is told so: %j", (text) => {
    const server = new ScriptedServer();
    for (const octet of Buffer.from(text)) server.receive(Buffer.of(octet));
    expect(server.wire.take().toString("latin1")).toMatch(/^HTTP\/1\.1 505 .*\r\nConnection: close\r\n.*gRPC/s);
    expect(server.wire.ends).toEqual(["end"]);
  });

  it("is not waited for: who says nothing is greeted, once", () => {
    const server = new ScriptedServer();
    server.connection.greetSilent(30);
    expect(server.sent()).toEqual([expect.stringContaining("SETTINGS"), expect.stringContaining("WINDOW_UPDATE")]);
    server.connection.greetSilent(30);
    expect(server.receive(preface, settings()).sent()).toEqual(["SETTINGS ACK"]);
    server.connection.greetSilent(30);
    expect(server.sent()).toEqual([]);
  });

  it.each([
    ["HTTP/1.1", Buffer.from("GET / HTTP/1.1\r\n")],
    ["TLS", Buffer.of(0x16, 3, 1, 2, 0)],
  ])("that is %s and comes after our SETTINGS is told in HTTP/2", (_, octets) => {
    const server = new ScriptedServer();
    server.connection.greetSilent(30);
    server.sent();
    server.receive(octets);
    expect(server.sent()).toEqual(["GOAWAY 0 HTTP11_REQUIRED", "end"]);
  });

  it("that has begun is waited for", () => {
    const server = new ScriptedServer().receive(preface.subarray(0, 3));
    server.connection.greetSilent(30);
    expect(server.sent()).toEqual([]);
  });

  it("that is TLS gets the same, which clients call a record of the wrong version", () => {
    const server = new ScriptedServer().receive(Buffer.of(0x16), Buffer.of(3, 1, 2, 0));
    expect(server.wire.take().toString("latin1")).toMatch(/^HTTP\/1\.1 505 .*gRPC/s);
    expect(server.wire.ends).toEqual(["end"]);
    expect(server.closures).toEqual(["hello"]);
  });

  it("must come within ten seconds, whatever else has", () => {
    for (const [octets, code] of [
      [[preface.subarray(0, 23)], "ENHANCE_YOUR_CALM"],
      [[preface], "ENHANCE_YOUR_CALM"],
      [[preface, settings()], "SETTINGS_TIMEOUT"],
    ] as const) {
      const server = new ScriptedServer().receive(...octets).pass(9_750);
      expect(server.sent()).not.toContain("end");
      expect(server.pass(250).sent()).toEqual([`GOAWAY 0 ${code}`, "end"]);
    }
    const silent = new ScriptedServer().pass(9_750);
    expect(silent.sent()).toEqual([]);
    expect(silent.pass(250).sent()).toContain("end");
  });
});

describe("HEADER_TABLE_SIZE below 4,096", () => {
  /** The first octets of the blocks of answers. */
  const blocksOf = (server: ScriptedServer) =>
    framesOf(server.wire.take())
      .filter(({ type }) => type === "HEADERS")
      .map(({ payload }) => payload[0]);

  it.each<[string, readonly (readonly [number, number])[]]>([
    ["0", [[1, 0]]],
    ["100", [[1, 100]]],
    ["4,095", [[1, 4095]]],
    [
      "0, then the default again",
      [
        [1, 0],
        [1, 4096],
      ],
    ],
  ])("%s makes the next block say that our table is empty, and no other", (_, entries) => {
    const server = new ScriptedServer().open(...entries).receive(whole(1), whole(3));
    expect(blocksOf(server)).toEqual([0x20, 0x88]);
  });

  it("in two frames before one block", () => {
    const server = new ScriptedServer().open([1, 0]).receive(settings([1, 4096]), whole(1), whole(3));
    expect(blocksOf(server)).toEqual([0x20, 0x88]);
  });

  it("while calls run", () => {
    const server = new ScriptedServer().open().receive(whole(1), settings([1, 0]), whole(3), whole(5));
    expect(blocksOf(server)).toEqual([0x88, 0x20, 0x88]);
  });

  it.each([4096, 65_536])("is not: %d", (size) => {
    expect(blocksOf(new ScriptedServer().open([1, size]).receive(whole()))).toEqual([0x88]);
  });
});

describe("the peer's windows", () => {
  const large = (octets: number, ...entries: readonly (readonly [number, number])[]) => {
    const server = new ScriptedServer().open(...entries).receive(waiting());
    const stream = server.streams[0];
    if (!stream) throw new Error("no stream");
    stream.answer = zeros(octets);
    stream.respond();
    server.wire.settle();
    return server;
  };

  it("are spent in frames of 16,384 octets, to the last octet (h2#80)", () => {
    const server = large(100_000);
    expect(server.sent()).toEqual(["HEADERS 1", ...Array(3).fill('DATA 1 "16384"'), 'DATA 1 "16383"']);
    server.receive(windowUpdate(1, 100_000));
    expect(server.sent()).toEqual([]);
    server.receive(windowUpdate(0, 1));
    expect(server.sent()).toEqual(['DATA 1 "\0"']);
    server.receive(windowUpdate(0, 100_000));
    expect(server.sent()).toEqual(['DATA 1 "16384"', 'DATA 1 "16384"', 'DATA 1 "1696" END_STREAM']);
  });

  it("of 0 let nothing out but HEADERS", () => {
    const server = large(3, [4, 0]);
    expect(server.sent()).toEqual(["HEADERS 1"]);
    server.receive(windowUpdate(1, 2));
    expect(server.sent()).toEqual(['DATA 1 "\0\0"']);
    server.receive(settings([4, 1]));
    expect(server.sent()).toEqual(["SETTINGS ACK", 'DATA 1 "\0" END_STREAM']);
  });

  it("may become negative (netty#4545)", () => {
    const server = large(70_000);
    server.sent();
    server.receive(settings([4, 0]), windowUpdate(0, 100_000), windowUpdate(1, 65_535));
    expect(server.sent()).toEqual(["SETTINGS ACK"]);
    server.receive(windowUpdate(1, 1));
    expect(server.sent()).toEqual(['DATA 1 "\0"']);
  });

  it("stop no empty frame", () => {
    expect(large(0, [4, 0]).sent()).toEqual(["HEADERS 1", 'DATA 1 "" END_STREAM']);
    const server = large(65_535);
    server.sent();
    server.receive(settings([4, 0]), waiting(3));
    const stream = server.streams[1];
    if (!stream) throw new Error("no stream");
    stream.answer = zeros(0);
    stream.respond();
    server.wire.settle();
    expect(server.sent()).toEqual(["SETTINGS ACK", "HEADERS 3", 'DATA 3 "" END_STREAM']);
  });
});

describe("concurrent streams", () => {
  it("are as many as announced; one more is refused, and may be tried again", () => {
    const server = new ScriptedServer({ concurrentStreams: 2 });
    server.open().receive(waiting(1), waiting(3), waiting(5), rst(1), whole(7));
    expect(server.sent()).toEqual(["RST_STREAM 5 REFUSED_STREAM", "HEADERS 7", 'DATA 7 "ok" END_STREAM']);
  });

  it("count while their handler runs, also after a reset (CVE-2023-44487, grpc-go#6703)", () => {
    const server = new ScriptedServer({ concurrentStreams: 1 });
    server.open().receive(headers(1, requestWith({ ":path": "/wait-on" })), rst(1), whole(3));
    expect(server.sent()).toEqual(["RST_STREAM 3 REFUSED_STREAM"]);
    server.streams[0]?.release();
    expect(server.receive(whole(5)).sent()).toEqual(["HEADERS 5", 'DATA 5 "ok" END_STREAM']);
  });
});

describe("a defect", () => {
  it("ends its connection, not the process (CVE-2026-48068)", () => {
    const server = new ScriptedServer();
    server.open().receive(headers(1, requestWith({ ":path": "/throw" })));
    expect(server.sent()).toEqual(["GOAWAY 1 INTERNAL_ERROR", "end"]);
    expect(server.failures).toEqual([new Error("a handler threw")]);
    expect(server.closures).toEqual(["internal"]);
  });
});

describe("the blocks that we send", () => {
  it("are the fields that were given", () => {
    const server = new ScriptedServer().open([1, 0]).receive(whole(1));
    const [head] = framesOf(server.wire.take());
    expect(new Fields().of(head?.payload ?? zeros(0))).toEqual([[":status", "200"]]);
  });
});
