import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { followMessages, WatchedSockets } from "./watched-socket.js";

const message = (type: string, body: string): Buffer => {
  const bytes = Buffer.alloc(5 + body.length);
  bytes.write(type, 0);
  bytes.writeUInt32BE(4 + body.length, 1);
  bytes.write(body, 5);
  return bytes;
};

describe("followMessages", () => {
  it("tells every message, however the messages are cut into chunks", () => {
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
          const told: string[] = [];
          const follow = followMessages((type) => told.push(String.fromCharCode(type)));
          let at = 0;
          for (const cut of cuts) {
            follow(stream.subarray(at, at + cut));
            at += cut;
          }
          follow(stream.subarray(at));
          expect(told).toEqual(messages.map(([type]) => type));
        },
      ),
    );
  });

  it("is not misled by a Z within a message, and waits for the whole of it", () => {
    const told: number[] = [];
    const follow = followMessages((type) => told.push(type));
    follow(message("D", "ZZZZZ\0\0\0\x05I"));
    const ready = message("Z", "I");
    follow(ready.subarray(0, -1));
    expect(told).toEqual([68]);
    follow(ready.subarray(-1));
    expect(told).toEqual([68, 90]);
  });
});

describe("WatchedSockets", () => {
  it("leaves no socket open when it closes, and none that is asked for later: they would keep the process", async () => {
    const silent = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const target = { host: ["127.0.0.1"], port: [(silent.address() as AddressInfo).port] };
    const sockets = new WatchedSockets();
    const early = sockets.open(target, 60_000);
    await once(early, "connect");
    sockets.close();
    await once(early, "close");
    await once(sockets.open(target, 60_000), "close");
    silent.close();
  });
});
