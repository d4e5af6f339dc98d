import { describe, expect, it } from "vitest";
import { createLogger } from "../telemetry/log.js";
import type { KeptCheckpoint } from "./audit-store.js";
import { checkpointKey, type Place, verifyCheckpoint } from "./chain.js";
import { createSealer, type SealerOptions } from "./sealer.js";

const key = checkpointKey(Buffer.alloc(32, 7));
const now = () => new Date("2026-03-01T12:00:00.123Z");
const place = (position: number, fill = position): Place => ({ position, hash: Buffer.alloc(32, fill) });

interface Line {
  readonly level: string;
  readonly msg: string;
  readonly checkpoint?: string;
}

type Store = SealerOptions["store"];

/** Returns a sealer on a store of the given functions, with its log lines and the stored checkpoints. */
function sealerOver(
  store: Omit<Store, "keepCheckpoint"> & Partial<Pick<Store, "keepCheckpoint">>,
  over: Partial<SealerOptions> = {},
) {
  const lines: Line[] = [];
  const kept: KeptCheckpoint[] = [];
  const keepCheckpoint: Store["keepCheckpoint"] = async (checkpoint) => void kept.push(checkpoint);
  const log = createLogger({ destination: { write: (line) => lines.push(JSON.parse(line)) } });
  const sealer = createSealer({
    store: { keepCheckpoint, ...store },
    log,
    key,
    clock: { now },
    looksPerCheckpoint: 2,
    batch: 10,
    ...over,
  });
  return { sealer, lines, kept };
}

/** Returns a function that gives the answers in turn, and then the last one forever. */
function inTurn<T>(...answers: readonly (T | Error)[]): () => Promise<T> {
  let asked = 0;
  return async () => {
    const answer = answers[Math.min(asked++, answers.length - 1)] as T | Error; // there is at least one
    if (answer instanceof Error) throw answer;
    return answer;
  };
}

describe("the sealer", () => {
  it("goes on until nothing waits", async () => {
    const limits: number[] = [];
    const counts = inTurn(10, 10, 3);
    const { sealer } = sealerOver({
      sealNext: (limit) => {
        limits.push(limit);
        return counts();
      },
      lastSeal: async () => undefined,
    });
    await sealer.look();
    expect(limits).toEqual([10, 10, 10]);
  });

  it("writes a signed checkpoint in its first run, and in every n-th one after it, if the chain has grown", async () => {
    const { sealer, lines, kept } = sealerOver({
      sealNext: async () => 0,
      lastSeal: inTurn(place(3), place(3), place(8)),
    });
    const attested = () => lines.map(({ checkpoint }) => verifyCheckpoint([key], checkpoint ?? "")?.position);
    await sealer.look();
    expect(attested()).toEqual([3]);
    await sealer.look();
    await sealer.look();
    expect(attested()).toEqual([3]);
    await sealer.look();
    await sealer.look();
    expect(attested()).toEqual([3, 8]);
    expect(verifyCheckpoint([key], lines[1]?.checkpoint ?? "")).toMatchObject({ ...place(8), time: now() });
    expect(kept).toEqual(
      lines.map(({ checkpoint }, index) => ({ position: [3, 8][index], time: now(), statement: checkpoint })),
    );
  });

  it.each<[string, Place | undefined, RegExp]>([
    ["shorter", place(2), /REMOVED/],
    ["empty", undefined, /REMOVED/],
    ["another one", place(3, 9), /REWRITTEN/],
  ])("attests no chain that has become %s, and says so", async (_, then, message) => {
    const { sealer, lines } = sealerOver(
      { sealNext: async () => 0, lastSeal: inTurn<Place | undefined>(place(3), then) },
      { looksPerCheckpoint: 1 },
    );
    await sealer.look();
    await sealer.look();
    expect(lines.map(({ level, checkpoint }) => [level, checkpoint !== undefined])).toEqual([
      ["info", true],
      ["error", false],
    ]);
    expect(lines[1]?.msg).toMatch(message);
  });

  it("logs no checkpoint that it could not store, and tries again in the next run", async () => {
    const refused: Error[] = [new Error("gone")];
    const { sealer, lines } = sealerOver({
      sealNext: async () => 0,
      lastSeal: async () => place(3),
      async keepCheckpoint() {
        const error = refused.pop();
        if (error) throw error;
      },
    });
    await sealer.look();
    expect(lines.map(({ level }) => level)).toEqual(["warn"]);
    await sealer.look();
    expect(lines.map(({ checkpoint }) => checkpoint !== undefined)).toEqual([false, true, false]);
  });

  it("logs once that sealing fails, and once that it works again", async () => {
    const { sealer, lines } = sealerOver({
      sealNext: inTurn(new Error("gone"), new Error("gone"), 0),
      lastSeal: inTurn<Place | undefined>(new Error("gone"), undefined),
    });
    for (let look = 0; look < 5; look++) await sealer.look();
    expect(lines.map(({ level }) => level)).toEqual(["warn", "info"]);
  });

  it("looks again and again until it is stopped, whatever happens, and lets the last look end", async () => {
    let asked = 0;
    let ended = 0;
    let third = (): void => undefined;
    const often = new Promise<void>((resolve) => {
      third = resolve;
    });
    const { sealer } = sealerOver(
      {
        async sealNext() {
          if (++asked === 3) third();
          await new Promise((resolve) => setImmediate(resolve));
          ended++;
          throw new Error("gone");
        },
        lastSeal: async () => undefined,
      },
      { intervalMs: 1 },
    );
    sealer.start();
    sealer.start();
    await often;
    await sealer.stop();
    expect([asked, ended]).toEqual([3, 3]);
  });
});
