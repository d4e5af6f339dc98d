import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import {
  block,
  data,
  goaway,
  headers,
  type Pair,
  responseHead,
  rst,
  ScriptedClient,
} from "../../../test/transport/http2/script.js";
import { type CallOwner, ClientCall } from "./client-call.js";
import { ClientMethod } from "./client-method.js";
import { ClientStream, maxAnswerLength } from "./client-stream.js";
import { prefixOf } from "./messages.js";

/** Keeps what the call was told: messages as text, and its end. */
class KeptCall extends ClientCall {
  readonly told: (string | { readonly code: number; readonly text: string })[] = [];

  protected onMessage(message: Buffer, _octets: number): void {
    this.told.push(message.toString());
  }

  protected onEnd(code: number, text: string): void {
    this.told.push({ code, text });
  }
}

const methods = { unary: methodOf(false), streams: methodOf(true) };

function methodOf(streams: boolean): ClientMethod {
  return new ClientMethod({ path: "/test.Service/Method", streams, tls: false, authorities: ["test:1"], metadata: [] });
}

/** Starts a call on stream 1 of a scripted client, whose request has been sent. */
function calling({ streams = false, deadline = 1e6, isEnd = true } = {}) {
  const client = new ScriptedClient().open();
  const asked: ClientCall[] = [];
  const owner: CallOwner = {
    ended: () => undefined,
    sendAgain(call) {
      asked.push(call);
      return false;
    },
  };
  const call = new KeptCall({
    method: streams ? methods.streams : methods.unary,
    request: Buffer.from("question"),
    deadline,
  });
  call.owner = owner;
  const stream = new ClientStream(client.connection, call);
  call.stream = stream;
  const [head] = call.method.heads;
  if (!head) throw new Error("no head");
  client.connection.start(stream, head.block(1_000), client.wire.now);
  client.connection.sendData(stream, prefixOf(8), call.request, isEnd);
  client.wire.settle();
  client.sent();
  return { client, call, stream, asked };
}

const message = (text: string | Buffer, flag = 0): Buffer => {
  const octets = Buffer.from(text);
  const prefix = Buffer.from(prefixOf(octets.length));
  prefix[0] = flag;
  return Buffer.concat([prefix, octets]);
};
const grpcHead = (...more: Pair[]): Buffer =>
  headers(1, block([":status", "200"], ["content-type", "application/grpc"], ...more));
const fields = (...list: Pair[]): Buffer => headers(1, block(...list), { end: true });
const ok = fields(["grpc-status", "0"]);
const alone = (...list: Pair[]): Buffer =>
  headers(1, block([":status", "200"], ["content-type", "application/grpc"], ...list), { end: true });
/** More fields than are read. */
const tooMany = Array.from({ length: 130 }, (): Pair => ["a", "b"]);
const yes = data(1, message("yes"));

describe("the answer to a unary call", () => {
  it("is its message once the trailers have said 0, and not before", () => {
    const { client, call } = calling();
    client.receive(grpcHead(), yes);
    expect(call.told).toEqual([]);
    client.receive(ok);
    expect(call.told).toEqual(["yes", { code: 0, text: "" }]);
    expect(client.connection.active).toBe(0);
    expect(client.sent()).toEqual([]);
  });

  it("is a copy: the octets of a chunk are used again", () => {
    const { client, call } = calling();
    const chunk = Buffer.concat([grpcHead(), yes]);
    client.connection.receive(chunk, 0);
    chunk.fill(0);
    client.receive(ok);
    expect(call.told[0]).toBe("yes");
  });

  /** Everything but a message and then 0: each is an error, and never an answer. */
  it.each<[what: string, octets: Buffer[], code: number, text: RegExp]>([
    [
      "a message, then another status",
      [grpcHead(), yes, fields(["grpc-status", "7"], ["grpc-message", "no%20%C3%A9"])],
      7,
      /^no é$/,
    ],
    ["a message, then OpenFGA's own code", [grpcHead(), yes, fields(["grpc-status", "2000"])], 2000, /^$/],
    ["a message, then a code that is none", [grpcHead(), yes, fields(["grpc-status", "17"])], 2, /^$/],
    ["a message, then a status that is no number", [grpcHead(), yes, fields(["grpc-status", "OK"])], 2, /^$/],
    ["a message, then 00", [grpcHead(), yes, fields(["grpc-status", "00"])], 2, /^$/],
    ["a message, then -0", [grpcHead(), yes, fields(["grpc-status", "-0"])], 2, /^$/],
    ["a message, then an empty status", [grpcHead(), yes, fields(["grpc-status", ""])], 2, /^$/],
    [
      "a message, then two statuses",
      [grpcHead(), yes, fields(["grpc-status", "0"], ["grpc-status", "0"])],
      2,
      /two of grpc-status/,
    ],
    [
      "a message, then 0 and 7",
      [grpcHead(), yes, fields(["grpc-status", "0"], ["grpc-status", "7"])],
      2,
      /two of grpc-status/,
    ],
    ["a message, then trailers without status", [grpcHead(), yes, fields(["a", "b"])], 2, /without gRPC status/],
    ["status 0 in the head only", [grpcHead(["grpc-status", "0"]), yes, fields(["a", "b"])], 2, /without gRPC status/],
    [
      "a message whose DATA ends the stream (grpc-node#2004)",
      [grpcHead(), data(1, message("yes"), { end: true })],
      13,
      /without trailers/,
    ],
    [
      "a message, then an empty DATA that ends the stream (grpc-dart#829)",
      [grpcHead(), yes, data(1, "", { end: true })],
      13,
      /without trailers/,
    ],
    [
      "a message, then RST_STREAM of NO_ERROR (grpc-node#2569)",
      [grpcHead(), yes, rst(1, 0)],
      13,
      /RST_STREAM with code 0/,
    ],
    ["a message, then RST_STREAM of INTERNAL_ERROR", [grpcHead(), yes, rst(1, 2)], 13, /RST_STREAM with code 2/],
    ["a message, then RST_STREAM of REFUSED_STREAM", [grpcHead(), yes, rst(1, 7)], 14, /RST_STREAM with code 7/],
    ["RST_STREAM of CANCEL", [rst(1, 8)], 1, /RST_STREAM with code 8/],
    ["RST_STREAM of ENHANCE_YOUR_CALM", [rst(1, 11)], 8, /RST_STREAM/],
    ["RST_STREAM of an unknown code", [rst(1, 99)], 2, /RST_STREAM/],
    ["a message, then the end of the connection", [grpcHead(), yes, data(0, "x")], 14, /connection was lost/],
    ["a message, then GOAWAY that does not know the call", [grpcHead(), yes, goaway(0)], 14, /not looked at/],
    ["two messages", [grpcHead(), yes, yes, ok], 12, /two messages/],
    [
      "two messages in one frame",
      [grpcHead(), data(1, Buffer.concat([message("yes"), message("yes")])), ok],
      12,
      /two messages/,
    ],
    ["no message", [grpcHead(), ok], 12, /no message/],
    ["0 without a message in one HEADERS", [alone(["grpc-status", "0"])], 12, /no message/],
    ["an error in one HEADERS (nghttp2#588)", [alone(["grpc-status", "5"], ["grpc-message", "gone"])], 5, /^gone$/],
    ["a message cut in its prefix", [grpcHead(), data(1, "\0\0\0"), ok], 13, /inside a message/],
    ["a message cut behind its prefix", [grpcHead(), data(1, prefixOf(3)), ok], 13, /inside a message/],
    [
      "a message cut in its text (grpc-java#3264)",
      [grpcHead(), data(1, message("yes").subarray(0, 7)), ok],
      13,
      /inside a message/,
    ],
    ["a message, then a part of one", [grpcHead(), yes, data(1, "\0"), ok], 13, /inside a message/],
    [
      "a compressed message without encoding (grpc/grpc#6454)",
      [grpcHead(), data(1, message(gzipSync("yes"), 1)), ok],
      13,
      /compressed/,
    ],
    [
      "a compressed message, though none was asked for",
      [grpcHead(["grpc-encoding", "gzip"]), data(1, message(gzipSync("yes"), 1)), ok],
      13,
      /compressed/,
    ],
    ["a flag that is none", [grpcHead(), data(1, message("yes", 2)), ok], 13, /flag/],
    ["a message that is announced too long", [grpcHead(), data(1, prefixOf(maxAnswerLength + 1))], 8, /longer/],
    ["a message without a head", [yes, ok], 13, /rule of HTTP/],
    [
      "another content-type",
      [headers(1, block([":status", "200"], ["content-type", "text/html"])), yes, ok],
      2,
      /text\/html/,
    ],
    ["no content-type", [headers(1, responseHead), yes, ok], 2, /without gRPC status/],
    [
      "application/grpcx",
      [headers(1, block([":status", "200"], ["content-type", "application/grpcx"])), yes, ok],
      2,
      /grpcx/,
    ],
    [
      "HTTP 401 with 0",
      [
        headers(1, block([":status", "401"], ["content-type", "application/grpc"], ["grpc-status", "0"]), {
          end: true,
        }),
      ],
      16,
      /HTTP status 401/,
    ],
    [
      "HTTP 503 with a message and 0",
      [headers(1, block([":status", "503"], ["content-type", "application/grpc"])), yes, ok],
      14,
      /HTTP status 503/,
    ],
    [
      "HTTP 404 with a text (grpc-node#2722)",
      [headers(1, block([":status", "404"])), data(1, "not here", { end: true })],
      12,
      /HTTP status 404.*: not here/,
    ],
    ["HTTP 100 that ends", [headers(1, block([":status", "100"]), { end: true })], 13, /rule of HTTP/],
    [
      "two :status",
      [headers(1, block([":status", "200"], [":status", "200"], ["content-type", "application/grpc"])), yes, ok],
      13,
      /rule of HTTP/,
    ],
    [
      "trailers that do not end the stream",
      [grpcHead(), yes, headers(1, block(["grpc-status", "0"]))],
      13,
      /rule of HTTP/,
    ],
    [
      "a pseudo-field in trailers",
      [grpcHead(), yes, fields([":status", "200"], ["grpc-status", "0"])],
      13,
      /rule of HTTP/,
    ],
    ["a shorter body than content-length says", [grpcHead(["content-length", "9"]), yes, ok], 13, /rule of HTTP/],
    ["a longer one", [grpcHead(["content-length", "3"]), yes, ok], 13, /rule of HTTP/],
    [
      "trailers too long to read, with 0 before",
      [grpcHead(), yes, fields(["grpc-status", "0"], ...tooMany)],
      8,
      /too long/,
    ],
    ["a head too long to read", [grpcHead(...tooMany), yes, ok], 8, /too long/],
  ])("is not %s", (_what, octets, code, text) => {
    const whole = calling();
    whole.client.receive(...octets);
    expect(whole.call.told).toEqual([{ code, text: expect.stringMatching(text) }]);
    expect(whole.client.connection.streams.live.size).toBe(0);
    // The same however the octets are cut.
    const cut = calling();
    for (const octet of Buffer.concat(octets)) cut.client.receive(Buffer.of(octet));
    expect(cut.call.told).toEqual(whole.call.told);
  });

  it("is taken from any frames", () => {
    const octets = Buffer.concat([grpcHead(), ...[...message("yes")].map((octet) => data(1, Buffer.of(octet))), ok]);
    const { client, call } = calling();
    client.receive(octets);
    expect(call.told).toEqual(["yes", { code: 0, text: "" }]);
  });

  it("may be empty", () => {
    const { client, call } = calling();
    client.receive(grpcHead(), data(1, message("")), ok);
    expect(call.told).toEqual(["", { code: 0, text: "" }]);
  });

  it("is what came before RST_STREAM (grpc-go#834)", () => {
    const { client, call } = calling();
    client.receive(grpcHead(), yes, ok, rst(1, 0));
    expect(call.told).toEqual(["yes", { code: 0, text: "" }]);
  });

  it("stands when it comes before the end of the request, which is then stopped", () => {
    const { client, call } = calling({ isEnd: false });
    client.receive(grpcHead(), yes, ok);
    expect(call.told).toEqual(["yes", { code: 0, text: "" }]);
    expect(client.sent()).toEqual(["RST_STREAM 1 NO_ERROR"]);
  });

  it("may come after answers of status 1xx, with another type of gRPC's", () => {
    const { client, call } = calling();
    const head = headers(1, block([":status", "200"], ["content-type", "application/grpc+proto; a=b"]));
    client.receive(headers(1, block([":status", "103"])), head, yes, ok);
    expect(call.told[0]).toBe("yes");
  });

  it("may be longer than the window of a stream", () => {
    const { client, call } = calling();
    const long = message("x".repeat(maxAnswerLength));
    client.receive(grpcHead());
    for (let at = 0; at < long.length; at += 16_384) client.receive(data(1, long.subarray(at, at + 16_384)));
    client.receive(ok);
    expect(call.told).toEqual(["x".repeat(maxAnswerLength), { code: 0, text: "" }]);
  });

  it.each([
    ["GOAWAY below it", [goaway(0)]],
    ["REFUSED_STREAM", [rst(1, 7)]],
  ])("is asked for again after %s, unless the server has answered", (_what, octets) => {
    const unseen = calling();
    unseen.client.receive(...octets);
    expect(unseen.asked).toEqual([unseen.call]);
    const seen = calling();
    seen.client.receive(grpcHead(), ...octets);
    expect(seen.asked).toEqual([]);
    expect(seen.call.told).toMatchObject([{ code: 14 }]);
  });

  it("is asked for again when the connection was lost before the call was sent, and not after it", () => {
    const sent = calling();
    sent.client.connection.ended(1);
    expect([sent.asked, sent.call.told]).toMatchObject([[], [{ code: 14 }]]);
    const { client, asked } = calling();
    const call = new KeptCall({ method: methods.unary, request: Buffer.alloc(0), deadline: 1e6 });
    call.owner = { ended: () => undefined, sendAgain: (again) => asked.push(again) > 0 };
    client.connection.start(new ClientStream(client.connection, call), block([":path", "/"]), 1);
    client.connection.ended(1);
    expect(asked).toEqual([call]);
  });

  it("is not asked for again when our own goodbye has sent the call", () => {
    const { client, asked } = calling();
    const call = new KeptCall({ method: methods.unary, request: Buffer.alloc(0), deadline: 1e6 });
    call.owner = { ended: () => undefined, sendAgain: (again) => asked.push(again) > 0 };
    client.connection.start(new ClientStream(client.connection, call), block([":path", "/"]), 1);
    client.connection.goodbye(1);
    expect(client.sent()).toContain("HEADERS 3");
    expect([asked, call.told]).toMatchObject([[], [{ code: 14 }]]);
  });
});

describe("a deadline", () => {
  it("ends the call with 4 and stops the stream once; what comes later is dropped", () => {
    const { client, call } = calling();
    client.receive(grpcHead(), yes);
    call.onDeadline();
    client.wire.settle();
    expect(client.sent()).toEqual(["RST_STREAM 1 CANCEL"]);
    client.receive(ok);
    expect(call.told).toEqual([{ code: 4, text: "the deadline has passed" }]);
    expect(client.sent()).toEqual([]);
  });

  it.each([
    ["RST_STREAM of CANCEL", rst(1, 8)],
    ["status 1", alone(["grpc-status", "1"])],
  ])("makes 4 of the server's %s behind it", (_what, octets) => {
    const { client, call } = calling({ deadline: 100 });
    client.wire.now = 100;
    client.receive(octets);
    expect(call.told).toMatchObject([{ code: 4 }]);
  });

  it.each([false, true])(
    "makes 4 of an answer that is read after it: the process may have been stopped (stream: %s)",
    (streams) => {
      const { client, call } = calling({ deadline: 100, streams });
      client.receive(grpcHead());
      client.wire.now = 100;
      client.receive(...(streams ? [] : [yes]), ok);
      expect(call.told).toEqual([{ code: 4, text: "the deadline has passed" }]);
    },
  );

  it("leaves an HTTP error what it is, whose body does not end", () => {
    const { client, call } = calling();
    client.receive(headers(1, block([":status", "503"])));
    call.onDeadline();
    expect(call.told).toMatchObject([{ code: 14 }]);
  });
});

describe("a stream of answers", () => {
  it("gives each message at once, and its end", () => {
    const { client, call } = calling({ streams: true });
    client.receive(grpcHead(), data(1, Buffer.concat([message("a"), message("b"), message("c").subarray(0, 3)])));
    expect(call.told).toEqual(["a", "b"]);
    client.receive(data(1, message("c").subarray(3)), ok);
    expect(call.told).toEqual(["a", "b", "c", { code: 0, text: "" }]);
  });

  it.each<[what: string, octets: Buffer[], code: number]>([
    ["another status", [fields(["grpc-status", "4004"])], 4004],
    ["DATA that ends it", [data(1, message("b"), { end: true })], 13],
    ["a part of a message", [data(1, "\0"), ok], 13],
    ["RST_STREAM", [rst(1, 0)], 13],
  ])("is not complete after %s", (_what, octets, code) => {
    const { client, call } = calling({ streams: true });
    client.receive(grpcHead(), data(1, message("a")), ...octets);
    expect(call.told[0]).toBe("a");
    expect(call.told.at(-1)).toMatchObject({ code });
  });

  it("may be empty", () => {
    const { client, call } = calling({ streams: true });
    client.receive(grpcHead(), ok);
    expect(call.told).toEqual([{ code: 0, text: "" }]);
  });

  it("gets credit for what was taken only, and all of it", () => {
    const { client, call, stream } = calling({ streams: true });
    const one = message("x".repeat(16_379));
    client.receive(grpcHead());
    for (let sent = 0; sent < 64; sent++) client.receive(data(1, one));
    expect(stream.receiveWindow).toBe(0);
    expect(client.sent().filter((frame) => frame.startsWith("WINDOW_UPDATE 1"))).toEqual([]);
    for (let taken = 0; taken < 64; taken++) call.credit(one.length);
    expect([stream.receiveWindow, stream.uncredited]).toEqual([1024 * 1024, 0]);
  });

  it("gets credit inside a message that is longer than the window, each octet once", () => {
    let owed = 0;
    class CreditedCall extends KeptCall {
      protected override onMessage(_message: Buffer, octets: number): void {
        owed += octets;
      }
    }
    const { client, stream } = calling({ streams: true });
    const call = new CreditedCall({ method: methods.streams, request: Buffer.alloc(0), deadline: 1e6 });
    Object.assign(stream, { call });
    const long = message("x".repeat(3 * 1024 * 1024));
    client.receive(grpcHead());
    for (let at = 0; at < long.length; at += 16_384) client.receive(data(1, long.subarray(at, at + 16_384)));
    call.stream = stream;
    expect(stream.receiveWindow + stream.uncredited + owed).toBe(1024 * 1024);
  });
});
