import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { onReadyForQuery } from "./watched-socket.js";

const message = (type: string, body: string): Buffer => {
  const bytes = Buffer.alloc(5 + body.length);
  bytes.write(type, 0);
  bytes.writeUInt32BE(4 + body.length, 1);
  bytes.write(body, 5);
  return bytes;
};

describe("onReadyForQuery", () => {
  it("tells every answered query, however the messages are cut into chunks", () => {
    const anyMessage = fc.tuple(
      fc.constantFrom("Z", "T", "D", "C", "S"),
      fc.string({ unit: "binary-ascii", maxLength: 20 }),
    );
    fc.assert(
      fc.property(
        fc.array(anyMessage, { maxLength: 20 }),
        fc.array(fc.integer({ min: 1, max: 9 })),
        (messages, cuts) => {
          const stream = Buffer.concat(messages.map(([type, body]) => message(type, body)));
          let told = 0;
          const follow = onReadyForQuery(() => told++);
          let at = 0;
          for (const cut of cuts) {
            follow(stream.subarray(at, at + cut));
            at += cut;
          }
          follow(stream.subarray(at));
          expect(told).toBe(messages.filter(([type]) => type === "Z").length);
        },
      ),
    );
  });

  it("is not misled by a Z within a message, and waits for the whole of it", () => {
    let told = 0;
    const follow = onReadyForQuery(() => told++);
    follow(message("D", "ZZZZZ\0\0\0\x05I"));
    const ready = message("Z", "I");
    follow(ready.subarray(0, -1));
    expect(told).toBe(0);
    follow(ready.subarray(-1));
    expect(told).toBe(1);
  });
});
