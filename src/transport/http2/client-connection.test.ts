import { describe, expect, it } from "vitest";
import {
  data,
  goaway,
  headers,
  ping,
  responseHead,
  rst,
  ScriptedClient,
} from "../../../test/transport/http2/script.js";
import { budgets } from "./budgets.js";
import { errorCodes, flags } from "./frames.js";

const answerTo = (id: number): Buffer => headers(id, responseHead, { end: true });

describe("a server that falls silent", () => {
  it("is asked for a sign of life once, then left without a word (grpc-dart#834)", () => {
    const client = new ScriptedClient().open();
    client.start();
    client.sent();
    expect(client.pass(750).sent()).toEqual([]);
    expect(client.pass(250).sent()).toEqual(["PING"]);
    expect(client.pass(750).sent()).toEqual([]);
    expect(client.pass(250).sent()).toEqual(["destroy"]);
    expect([client.closures, client.calls]).toEqual([["dead"], ["reset 1 INTERNAL_ERROR connection"]]);
  });

  it("is noticed by calls that each end sooner", () => {
    const client = new ScriptedClient().open();
    const sent: string[] = [];
    for (let count = 0; count < 10; count++) {
      const stream = client.start();
      client.connection.resetStream(stream, errorCodes.cancel);
      client.pass(250);
      sent.push(...client.sent());
    }
    expect(sent.filter((frame) => frame === "PING")).toHaveLength(1);
    expect(client.closures).toEqual(["dead"]);
  });

  it("is left alone while nobody asks it, and after it has answered", () => {
    const client = new ScriptedClient().open();
    expect(client.pass(60_000).sent()).toEqual([]);
    client.start();
    client.receive(answerTo(1)).sent();
    expect(client.pass(60_000).sent()).toEqual([]);
  });

  it("but answers pings is asked again only after it has sent a message, or after five minutes", () => {
    const client = new ScriptedClient().open();
    client.start();
    const pings = (ms: number): number => {
      let count = 0;
      for (let passed = 0; passed < ms; passed += 250) {
        for (const frame of client.pass(250).sent()) {
          if (frame !== "PING") continue;
          count++;
          client.receive(ping("anybody?", flags.ack));
        }
      }
      return count;
    };
    expect(pings(290_000)).toBe(1);
    expect(pings(20_000)).toBe(1);
    client.receive(headers(1, responseHead));
    expect(pings(10_000)).toBe(1);
    expect(client.closures).toEqual([]);
  });
});

describe("the end of a client's connection", () => {
  it("comes before ids do: no more begin, those in use finish (grpc-java#1809)", () => {
    const client = new ScriptedClient().open();
    Object.assign(client.connection, { nextId: 1_610_612_735 });
    client.start();
    expect([client.calls, client.connection.hasRoom]).toEqual([["leaving"], false]);
    client.sent();
    client.receive(answerTo(1_610_612_735));
    expect(client.sent()).toEqual(["GOAWAY 0 NO_ERROR", "end"]);
  });

  it("follows GOAWAY once the calls that it covers are done; a second one may cover fewer", () => {
    const client = new ScriptedClient().open();
    for (let count = 0; count < 3; count++) client.start();
    client.sent();
    client.receive(goaway(2 ** 31 - 1), goaway(3));
    expect(client.calls).toEqual(["leaving", "reset 5 NO_ERROR unprocessed"]);
    expect(client.connection.hasRoom).toBe(false);
    client.receive(answerTo(1));
    expect(client.sent()).toEqual([]);
    client.receive(answerTo(3));
    expect(client.sent()).toEqual(["GOAWAY 0 NO_ERROR", "end"]);
  });

  it("follows GOAWAY that covers more than the one before at once", () => {
    const client = new ScriptedClient().open();
    client.start();
    client.sent();
    client.receive(goaway(1), goaway(3));
    expect(client.sent()).toEqual(["GOAWAY 0 PROTOCOL_ERROR", "end"]);
  });

  it("takes a second at most, when the server does not read (grpc-go#7371)", () => {
    const client = new ScriptedClient().open();
    client.start();
    client.wire.isReading = false;
    client.connection.goodbye(client.wire.now);
    expect(client.calls).toEqual(["reset 1 INTERNAL_ERROR connection"]);
    expect(client.pass(1_000).sent().at(-1)).toBe("destroy");
  });

  it("waits for calls in use when the connection is retired", () => {
    const client = new ScriptedClient().open();
    client.start();
    client.sent();
    client.connection.retire(client.wire.now);
    expect([client.connection.hasRoom, client.sent()]).toEqual([false, []]);
    expect(client.receive(answerTo(1)).sent()).toEqual(["GOAWAY 0 NO_ERROR", "end"]);
  });
});

it("answers PING in one write with the calls that an answer brings", () => {
  const client = new ScriptedClient().open();
  client.start();
  client.wire.take();
  client.connection.receive(Buffer.concat([answerTo(1), ping()]), client.wire.now);
  expect(client.wire.chunks).toEqual([]);
  client.start();
  expect(client.wire.chunks).toHaveLength(1);
  expect(client.sent()).toEqual(["PING ACK", "HEADERS 3", 'DATA 3 "" END_STREAM']);
});

it("waits with calls while the server allows none more (grpc-node#1969)", () => {
  const client = new ScriptedClient().open([3, 1]);
  const first = client.start();
  expect(client.connection.hasRoom).toBe(false);
  client.connection.resetStream(first, errorCodes.cancel);
  expect(client.connection.hasRoom).toBe(true);
});

describe("calls that all end at their deadlines while the server is slow", () => {
  /** Starts so many calls. */
  const calling = (count: number) => {
    const client = new ScriptedClient().open();
    const streams = Array.from({ length: count }, () => client.start());
    client.sent();
    return { client, streams };
  };

  it("may be answered late, however many were stopped since (nghttp2#2597)", () => {
    const { client, streams } = calling(1_001);
    for (const stream of streams.slice(0, -1)) client.connection.resetStream(stream, errorCodes.cancel);
    client.wire.settle();
    client.sent();
    client.receive(headers(1, responseHead), data(1, "late"), headers(1, responseHead, { end: true }));
    expect([client.sent(), client.closures]).toEqual([[], []]);
    client.receive(answerTo(2_001));
    expect(client.calls).toContain("head 2001 200 end");
  });

  it("may be reset by the server, which has the same deadline: each was a call of ours", () => {
    const count = budgets.resets.burst + 100;
    const { client } = calling(count);
    client.receive(...Array.from({ length: count }, (_, at) => rst(1 + 2 * at)));
    expect([client.sent(), client.closures, client.connection.active]).toEqual([[], [], 0]);
  });
});
