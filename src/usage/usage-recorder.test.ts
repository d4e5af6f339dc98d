import { describe, expect, it } from "vitest";
import { Failure } from "../domain/errors.js";
import type { ActionName, SubjectName } from "../domain/identifier.js";
import { newSecretId, newTokenId } from "../domain/ids.js";
import type { LastUseStore, TokenUse } from "../domain/last-use-store.js";
import { createLogger } from "../telemetry/log.js";
import { UsageRecorder, type UsageRecorderOptions } from "./usage-recorder.js";
import type { UsageBatch } from "./usage-store.js";

type Outcome = "stored" | "refused" | "stored, and the answer is lost" | "lost before it was stored";

/** Makes a store that behaves like the real one, with these faults in turn, and collects the results. */
function setUp(outcomes: readonly Outcome[] = [], over: Partial<UsageRecorderOptions> = {}) {
  const stored = new Map<string, number>();
  const sent: { readonly replica: string; readonly sequence: number }[] = [];
  const totals = { decisions: 0, units: 0 };
  const lines: { readonly level: string; readonly msg: string; readonly decisions?: number }[] = [];
  const uses: TokenUse[] = [];
  let lost = 0;
  const lastUses: LastUseStore = {
    async move(moved) {
      uses.push(...moved);
      return new Set(moved.map(({ secretId }) => secretId));
    },
  };
  const recorder = new UsageRecorder({
    store: {
      async add(replica, sequence, batch: UsageBatch) {
        sent.push({ replica, sequence });
        const outcome = outcomes[sent.length - 1] ?? "stored";
        await new Promise((resolve) => setImmediate(resolve));
        if (outcome === "refused") throw new Failure("DATABASE_UNAVAILABLE");
        if (outcome !== "lost before it was stored" && (stored.get(replica) ?? 0) < sequence) {
          stored.set(replica, sequence);
          for (const { count, units } of batch.counts) {
            totals.decisions += count;
            totals.units += units;
          }
        }
        if (outcome !== "stored") throw new Failure("OUTCOME_UNKNOWN");
      },
      sweep: async () => undefined,
    },
    lastUses,
    log: createLogger({ destination: { write: (line) => lines.push(JSON.parse(line)) } }),
    flushIntervalMs: 3_600_000,
    onLost: () => lost++,
    ...over,
  });
  return { recorder, sent, totals, lines, uses, lost: () => lost };
}

const token = {
  id: newTokenId(),
  secretId: newSecretId(),
  kind: "pat" as const,
  subject: "user:alice" as SubjectName,
  organization: undefined,
};
const question = { action: "viewer" as ActionName, usageUnits: undefined, usageId: "", clientAddress: undefined };

describe("the usage recorder", () => {
  it("US-1 counts each decision once, whatever happens to the batches that carry it", async () => {
    const faults: readonly Outcome[] = [
      "refused",
      "stored, and the answer is lost",
      "lost before it was stored",
      "stored, and the answer is lost",
      "stored, and the answer is lost",
    ];
    const { recorder, totals, sent } = setUp(faults);
    let made = 0;
    for (let flush = 0; flush < 10; flush++) {
      for (let call = 0; call < 10 + flush; call++, made++) recorder.record(token, question, "ALLOWED");
      await recorder.flush();
    }
    await recorder.stop();
    expect(totals).toEqual({ decisions: made, units: made });
    expect(new Set(sent.map(({ replica }) => replica)).size).toBe(1);
    const sequences = sent.map(({ sequence }) => sequence);
    expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
  });

  it("US-4 is exact while decisions are made all the time", async () => {
    const { recorder, totals } = setUp(["refused", "stored, and the answer is lost"]);
    let made = 0;
    for (let turn = 0; turn < 200; turn++) {
      for (let call = 0; call < 50; call++, made++)
        recorder.record(token, question, call % 2 ? "ALLOWED" : "NOT_PERMITTED");
      if (turn % 7 === 0) void recorder.flush();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await recorder.stop();
    expect(totals).toEqual({ decisions: made, units: made / 2 });
  });

  it("writes the decisions that were there when it began, and leaves the rest to the next flush", async () => {
    let sent = 0;
    const { recorder } = setUp([], {
      store: {
        async add() {
          // There is always another decision.
          if (++sent < 10) recorder.record(token, question, "ALLOWED");
        },
        sweep: async () => undefined,
      },
    });
    recorder.record(token, question, "ALLOWED");
    await recorder.flush();
    expect(sent).toBe(1);
    await recorder.flush();
    expect(sent).toBe(2);
  });

  it("writes early when many kinds wait, but not while the database refuses", async () => {
    const { recorder, sent } = setUp(["refused"], { limits: { many: 10, max: 1_000 } });
    const use = (count: number) => {
      for (let index = 0; index < count; index++) {
        recorder.record(token, { ...question, action: `a${sent.length} ${index}` as ActionName }, "ALLOWED");
      }
    };
    use(11);
    await recorder.flush();
    expect(sent).toHaveLength(1);
    use(30);
    await new Promise((resolve) => setImmediate(resolve));
    expect(sent).toHaveLength(1);
    // The timer.
    await recorder.flush();
    expect(sent.map(({ sequence }) => sequence)).toEqual([1, 1, 2]);
    use(11);
    await expect.poll(() => sent.length).toBe(4);
    await recorder.stop();
  });

  it("reports lost decisions when more wait than it can hold", async () => {
    const { recorder, lost, totals } = setUp(["refused"], { limits: { many: 1, max: 2 } });
    for (const action of ["a", "b", "c", "c", "a"])
      recorder.record(token, { ...question, action: action as ActionName }, "ALLOWED");
    expect(lost()).toBe(2);
    await recorder.stop();
    expect(totals.decisions).toBe(3);
  });

  it("logs once that it cannot write, and at its end how many decisions are lost", async () => {
    const { recorder, lines } = setUp(Array.from({ length: 9 }, () => "refused" as const));
    for (let flush = 0; flush < 3; flush++) {
      recorder.record(token, question, "ALLOWED");
      await recorder.flush();
    }
    expect(lines.map(({ level }) => level)).toEqual(["warn"]);
    await recorder.stop();
    expect(lines.map(({ level, decisions }) => [level, decisions])).toEqual([
      ["warn", undefined],
      ["error", 3],
    ]);
  });

  it("RV-8 records only allowed calls as uses", async () => {
    const { recorder, uses } = setUp();
    for (const reason of ["TOKEN_REVOKED", "NOT_PERMITTED", "NETWORK_NOT_ALLOWED"] as const) {
      recorder.record(token, question, reason);
    }
    await recorder.stop();
    expect(uses).toEqual([]);
    const { recorder: another, uses: allowed } = setUp();
    another.record(token, question, "ALLOWED");
    await another.stop();
    expect(allowed.map(({ secretId }) => secretId)).toEqual([token.secretId]);
  });

  it("LU-4 writes the first use at once", async () => {
    const { recorder, uses } = setUp();
    recorder.start();
    recorder.record(token, question, "ALLOWED");
    await expect.poll(() => uses.length).toBe(1);
    await recorder.stop();
    expect(uses).toHaveLength(1);
  });

  it("LU-1 needs few writes for many uses, and no call waits for a slow write", async () => {
    let finish = (): void => undefined;
    const slow = new Promise<void>((resolve) => {
      finish = resolve;
    });
    let writes = 0;
    const { recorder, totals } = setUp([], {
      lastUses: {
        async move(moved) {
          writes++;
          await slow;
          return new Set(moved.map(({ secretId }) => secretId));
        },
      },
    });
    recorder.start();
    recorder.record(token, question, "ALLOWED");
    await expect.poll(() => writes).toBe(1);
    for (let call = 0; call < 200; call++) recorder.record(token, question, "ALLOWED");
    await recorder.flush();
    expect([writes, totals.decisions]).toEqual([1, 201]);
    finish();
    await recorder.stop();
    // The last of the 200.
    expect(writes).toBe(2);
  });

  it("LU-6 ends although a use cannot be stored", async () => {
    let moves = 0;
    const { recorder } = setUp([], {
      lastUses: {
        async move() {
          moves++;
          return new Set();
        },
      },
    });
    recorder.record(token, question, "ALLOWED");
    await recorder.stop();
    expect(moves).toBe(1);
  });

  it("LU-3 records no uses where they are turned off", async () => {
    const { recorder, totals } = setUp([], { lastUses: undefined });
    recorder.record(token, question, "ALLOWED");
    await recorder.stop();
    expect(totals.decisions).toBe(1);
  });
});
