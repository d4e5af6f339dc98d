import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { preface } from "../../../src/transport/http2/preface.js";
import {
  block,
  continuation,
  data,
  frame,
  framesOf,
  goaway,
  headers,
  ping,
  request,
  requestWith,
  responseHead,
  rst,
  ScriptedClient,
  ScriptedServer,
  settings,
  settingsAck,
  textOf,
  windowUpdate,
} from "./script.js";

/** Where to cut, as parts of the whole. */
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });

function pieces(octets: Buffer, places: readonly number[]): readonly Buffer[] {
  const offsets = places.map((place) => Math.floor(place * octets.length)).sort((a, b) => a - b);
  return [0, ...offsets].map((from, at) => octets.subarray(from, offsets[at] ?? octets.length));
}
const singles = (octets: Buffer): readonly Buffer[] => Array.from(octets, (octet) => Buffer.of(octet));

/** Streams that the sequence begins with. */
const id = fc.constantFrom(1, 3, 5);
const end = fc.boolean();
const path = fc.constantFrom("/echo", "/echo/5000", "/wait", "/wait-on", "/early", "/hold", "");
const added = (value: string) => Buffer.concat([Buffer.of(0x40, 1, 0x78, value.length), Buffer.from(value, "latin1")]);
const odd = fc.uint8Array({ maxLength: 12 }).map(Buffer.from);

/** A request on the next id, with an entry of the table of fields, or a reference to one. */
const newRequest = fc.record({ path, end, entry: fc.constantFrom("", "short", "x".repeat(100), "refer") });

/** Frames that are right, or break no more than their stream. */
const goodFrame = fc.oneof(
  fc.tuple(id, fc.string({ maxLength: 20 }), end).map(([id, text, end]) => data(id, text, { end })),
  fc.tuple(id, fc.nat(300), fc.nat(255)).map(([id, size, padding]) => data(id, Buffer.alloc(size), { padding })),
  fc.tuple(id, fc.nat(16_384)).map(([id, size]) => data(id, Buffer.alloc(size))),
  fc.tuple(id, fc.constantFrom(1, 9000, 0, 2 ** 31 - 1)).map(([id, by]) => windowUpdate(id, by)),
  fc.constantFrom(settings(), settings([1, 0]), settings([4, 70_000]), settings([1, 9], [3, 2])),
  fc.tuple(fc.integer({ min: 10, max: 255 }), fc.nat(255), id, odd).map((frameParts) => frame(...frameParts)),
);

/** Frames that end the connection, at least in some states. */
const badFrame = fc.oneof(
  id.map((id) => headers(id, block(["a", "b"]), { end: true })),
  fc.tuple(id, end).map(([id, end]) => headers(id, responseHead, { end })),
  id.map((id) => headers(id, request.subarray(0, 4), { more: true, end: true })),
  fc.tuple(id, end).map(([id, more]) => continuation(id, request.subarray(4), more)),
  id.map((id) => rst(id)),
  fc.constantFrom(ping(), settingsAck, goaway(1), settings([5, 1]), data(0, "x"), data(9, "x"), windowUpdate(0, 0)),
  fc.tuple(fc.nat(9), fc.nat(255), fc.nat(8), odd).map((frameParts) => frame(...frameParts)),
  odd,
);

const sequence = fc
  .tuple(
    fc.array(newRequest, { minLength: 3, maxLength: 3 }),
    fc.array(
      fc.oneof(
        { weight: 3, arbitrary: newRequest },
        { weight: 15, arbitrary: goodFrame },
        { weight: 1, arbitrary: badFrame },
      ),
      { maxLength: 40, size: "max" },
    ),
  )
  .map(([first, others]) => {
    let next = -1;
    const octets = [...first, ...others].map((frame) => {
      if (Buffer.isBuffer(frame)) return frame;
      next += 2;
      const { path, end, entry } = frame;
      const more = entry === "" ? Buffer.alloc(0) : entry === "refer" ? Buffer.of(0xbe) : added(entry);
      // The first request adds the entry that others refer to.
      const fields = Buffer.concat([requestWith({ ":path": path }), next === 1 ? added("first") : more]);
      if (entry !== "short") return headers(next, fields, { end });
      return Buffer.concat([
        headers(next, fields.subarray(0, 9), { end, more: true }),
        continuation(next, fields.subarray(9)),
      ]);
    });
    return Buffer.concat(octets);
  });

interface Outcome {
  readonly octets: string;
  readonly calls: readonly string[];
  readonly closures: readonly string[];
  readonly ends: readonly string[];
}

const outcomeOf = (end: ScriptedServer | ScriptedClient): Outcome => {
  expect(end.failures).toEqual([]);
  return { octets: end.wire.take().toString("hex"), calls: end.calls, closures: end.closures, ends: end.wire.ends };
};

function serverAfter(chunks: readonly Buffer[]): Outcome {
  const server = new ScriptedServer();
  for (const chunk of chunks) server.receive(chunk);
  return outcomeOf(server);
}

function clientAfter(chunks: readonly Buffer[]): Outcome {
  const client = new ScriptedClient().open();
  for (let count = 0; count < 3; count++) client.start(count > 0);
  for (const chunk of chunks) client.receive(chunk);
  return outcomeOf(client);
}

/** Frames of a server with calls on the streams 1, 3 and 5. */
const answers = fc
  .array(
    fc.oneof(
      { weight: 5, arbitrary: id.map((id) => headers(id, responseHead)) },
      { weight: 1, arbitrary: id.map((id) => headers(id, block([":status", "100"]))) },
      { weight: 15, arbitrary: goodFrame },
      { weight: 3, arbitrary: id.map((id) => headers(id, block(["grpc-status", "0"]), { end: true })) },
      { weight: 1, arbitrary: badFrame },
    ),
    { maxLength: 40, size: "max" },
  )
  .map((frames) => Buffer.concat(frames));

describe("the places where octets are cut make no difference", () => {
  it("to a server: it sends the same octets and makes the same calls", () => {
    fc.assert(
      fc.property(sequence, cuts, (octets, places) => {
        const whole = Buffer.concat([preface, settings(), settingsAck, octets]);
        const outcome = serverAfter([whole]);
        expect(serverAfter(pieces(whole, places))).toEqual(outcome);
        if (whole.length < 2_000) expect(serverAfter(singles(whole))).toEqual(outcome);
      }),
      { numRuns: 500 },
    );
  });

  it("to a client: it sends the same octets and makes the same calls", () => {
    fc.assert(
      fc.property(answers, cuts, (octets, places) => {
        const outcome = clientAfter([octets]);
        expect(clientAfter(pieces(octets, places))).toEqual(outcome);
        if (octets.length < 2_000) expect(clientAfter(singles(octets))).toEqual(outcome);
      }),
      { numRuns: 500 },
    );
  });

  it("to what a beginning of any octets gets", () => {
    const start = fc
      .tuple(fc.nat(preface.length), odd)
      .map(([length, octets]) => Buffer.concat([preface.subarray(0, length), octets]));
    const beginning = fc.oneof(
      start,
      odd,
      fc.constantFrom("GET / HTTP/1.1\r\n", "\x16\x03\x01\0", "PRI", "POS").map((text) => Buffer.from(text, "latin1")),
    );
    fc.assert(
      fc.property(beginning, (octets) => {
        expect(serverAfter(singles(octets))).toEqual(serverAfter([octets]));
      }),
    );
  });

  /** Returns what each stream gets, whatever the order among them and the sizes of frames. */
  function answersOf(octets: Buffer): ReadonlyMap<number, string> {
    const answers = new Map<number, string>();
    for (const frame of framesOf(octets)) {
      const isData = frame.type === "DATA";
      const line = isData ? frame.payload.toString("latin1") + (frame.flags & 1 ? " END" : "") : `[${textOf(frame)}]`;
      answers.set(frame.id, (answers.get(frame.id) ?? "") + line);
    }
    return answers;
  }

  it("to answers that wait for windows: each stream gets the same", () => {
    const step = fc.oneof(
      fc.tuple(fc.nat(5), fc.integer({ min: 1, max: 40 })).map(([at, by]) => windowUpdate(at * 2 + 1, by)),
      fc.integer({ min: 1, max: 40 }).map((by) => windowUpdate(0, by)),
      fc.nat(40).map((size) => settings([4, size])),
    );
    fc.assert(
      fc.property(
        fc.nat(30),
        fc.array(fc.nat(120), { minLength: 6, maxLength: 6 }),
        fc.array(step, { maxLength: 40 }),
        cuts,
        (window, sizes, steps, places) => {
          const requests = sizes.map((size, at) =>
            headers(at * 2 + 1, requestWith({ ":path": `/echo/${size}` }), { end: true }),
          );
          // More than all need at the end: what counts on the way is in which order windows grow and shrink.
          const last = [settings([4, 1000]), ...sizes.map((_, at) => windowUpdate(at * 2 + 1, 1000))];
          const whole = Buffer.concat([preface, settings([4, window]), settingsAck, ...requests, ...steps, ...last]);
          const server = (chunks: readonly Buffer[]) => {
            const server = new ScriptedServer();
            for (const chunk of chunks) server.receive(chunk);
            const { connection } = server;
            expect([connection.queuedOctets, connection.active, server.closures]).toEqual([0, 0, []]);
            return answersOf(server.wire.take());
          };
          const answers = server([whole]);
          expect(server(pieces(whole, places))).toEqual(answers);
          expect(server(singles(whole))).toEqual(answers);
          for (const [at, size] of sizes.entries())
            expect(answers.get(at * 2 + 1)).toBe(`[HEADERS ${at * 2 + 1}]${"a".repeat(size)} END`);
        },
      ),
    );
  });
});
