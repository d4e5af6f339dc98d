import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AuditEvent, type AuditEventId, newAuditEvent } from "../domain/audit-event.js";
import type { SubjectName } from "../domain/identifier.js";
import {
  type Checkpoint,
  chainStart,
  checkpointKey,
  checkpointShape,
  kindOfStatement,
  type Place,
  type SealedEvent,
  seal,
  signCheckpoint,
  signStatement,
  verifyChain,
  verifyCheckpoint,
  verifyStatement,
} from "./chain.js";

const time = new Date("2026-03-01T12:00:00.123Z");

function event(over: Partial<AuditEvent> = {}): AuditEvent {
  return {
    ...newAuditEvent({ time, actor: "service:shop", action: "token.created", details: { a: "1", b: "2" } }),
    ...over,
  };
}

/** Builds a chain. Anyone who can write to the database can do this too: only checkpoints prove which chain is real. */
function chainOf(events: readonly AuditEvent[]): readonly SealedEvent[] {
  let hash = chainStart;
  return events.map((entry, index) => {
    const previousHash = hash;
    hash = seal(previousHash, entry);
    return { position: index + 1, previousHash, hash, event: entry };
  });
}

const chain = chainOf(Array.from({ length: 5 }, () => event()));
const at = (position: number): SealedEvent => {
  const entry = chain[position - 1];
  if (!entry) throw new Error(`no position ${position}`);
  return entry;
};
const checkpoint = (position: number): Checkpoint => ({ position, hash: at(position).hash, time });
const checkpointPlace = (position: number): Place => ({ position, hash: at(position).hash });

describe("the hash of an event", () => {
  it("is that of version 1 forever", () => {
    const fixed: AuditEvent = {
      id: "aud_01h455vb4pex5vsknk084sn02q" as AuditEventId,
      time,
      actor: "user:alice",
      action: "token.revoked",
      subject: undefined,
      tokenId: undefined,
      organization: undefined,
      clientIp: undefined,
      outcome: "ok",
      details: { z: "1", a: "é" },
    };
    expect(Buffer.from(seal(chainStart, fixed)).toString("hex")).toBe(
      "9c120e2a62872eacc7de2d25a05fc1452363dcb915e8e459b9cde44c96e1b609",
    );
  });

  it("does not depend on the order of details, which a database does not keep", () => {
    const one = event({ details: { a: "1", b: "2" } });
    expect(seal(chainStart, { ...one, details: { b: "2", a: "1" } })).toEqual(seal(chainStart, one));
  });

  it("does not depend on the organization, which only lists use", () => {
    const one = event();
    const listed = { ...one, organization: "organization:acme" as SubjectName };
    expect(seal(chainStart, listed)).toEqual(seal(chainStart, one));
  });

  it("differs with every fact, and where text moves from one to another", () => {
    const one = event({ subject: "user:alice" });
    const others: readonly AuditEvent[] = [
      { ...one, id: event().id },
      { ...one, time: new Date(time.getTime() + 1) },
      { ...one, actor: "service:shop2" },
      { ...one, action: "token.revoked" },
      { ...one, subject: undefined },
      { ...one, subject: undefined, clientIp: "user:alice" },
      { ...one, subject: "" },
      { ...one, outcome: "refused" },
      { ...one, details: { a: "1" } },
      { ...one, details: { a: "1", b: "3" } },
      { ...one, details: { a: "1,b", "": "2" } },
    ];
    const hashes = [one, ...others].map((entry) => Buffer.from(seal(chainStart, entry)).toString("hex"));
    expect(new Set(hashes).size).toBe(hashes.length);
  });
});

describe("a chain", () => {
  it("is right as it was written, whole, growing and empty", async () => {
    expect(await verifyChain(chain, [checkpoint(2), checkpoint(5)])).toEqual({
      ok: true,
      last: { position: 5, hash: at(5).hash },
    });
    expect(await verifyChain(chain, [checkpoint(3)])).toMatchObject({ ok: true });
    expect(await verifyChain([])).toEqual({ ok: true, last: undefined });
  });

  it("is right from a cut on whose seal is left; checkpoints from before the cut are ignored", async () => {
    const bare = { ...at(3), event: undefined };
    const last = { position: 5, hash: at(5).hash };
    expect(await verifyChain([bare, at(4), at(5)], [checkpoint(1), checkpoint(5)], checkpoint(3))).toEqual({
      ok: true,
      last,
    });
    expect(await verifyChain([bare], [], checkpoint(3))).toEqual({ ok: true, last: checkpointPlace(3) });
  });

  it.each<[string, readonly SealedEvent[], Place | undefined, number, string]>([
    ["no cut", chain.slice(2), undefined, 1, "missing"],
    ["only its event left there", chain.slice(3), checkpoint(3), 3, "missing"],
    ["nothing left at all", [], checkpoint(3), 3, "ends before"],
    ["another seal there", [{ ...at(3), hash: at(2).hash }, at(4)], checkpoint(3), 3, "another hash"],
    ["another hash in the cut", chain.slice(2), { position: 3, hash: at(2).hash }, 3, "another hash"],
    ["an event altered behind it", [at(3), { ...at(4), event: event() }], checkpoint(3), 4, "changed"],
    ["the next one removed", [at(3), at(5)], checkpoint(3), 4, "missing"],
    ["a next one that follows something else", [at(3), { ...at(5), position: 4 }], checkpoint(3), 4, "does not match"],
    ["a cut at an earlier place", chain.slice(2), checkpoint(1), 1, "missing"],
  ])("whose beginning was deleted shows %s", async (_, entries, cut, position, why) => {
    expect(await verifyChain(entries, [], cut)).toEqual({ ok: false, position, why: expect.stringContaining(why) });
  });

  it("does not accept a checkpoint as a cut: an old log would be enough to remove the beginning", async () => {
    expect(await verifyChain(chain.slice(2), [checkpoint(2)])).toMatchObject({ ok: false, position: 1 });
    expect(await verifyChain(chain.slice(2), [checkpoint(3)])).toMatchObject({ ok: false, position: 1 });
  });

  const stranger = chainOf(Array.from({ length: 5 }, () => event()));
  it.each<[string, readonly SealedEvent[], number, string]>([
    ["an altered event", chain.with(2, { ...at(3), event: event({ actor: "service:other" }) }), 3, "changed"],
    ["a removed event", chain.with(2, { ...at(3), event: undefined }), 3, "deleted"],
    ["a removed entry", chain.toSpliced(2, 1), 3, "missing"],
    ["the first entry removed", chain.slice(1), 1, "missing"],
    [
      "a removed entry with the rest renumbered",
      chain.toSpliced(2, 1).map((entry, index) => ({ ...entry, position: index + 1 })),
      3,
      "does not match",
    ],
    ["two entries reordered", chain.with(2, at(4)).with(3, at(3)), 3, "missing"],
    [
      "two events swapped",
      chain.with(2, { ...at(3), event: at(4).event }).with(3, { ...at(4), event: at(3).event }),
      3,
      "changed",
    ],
    ["an entry twice", chain.toSpliced(3, 0, at(3)), 3, "twice"],
    ["an inserted entry", chain.toSpliced(2, 0, { ...at(3), event: event() }), 3, "changed"],
    ["its end cut off", chain.slice(0, 3), 4, "ends before"],
    ["everything cut off", [], 1, "ends before"],
    [
      "its end written again",
      chainOf([...chain.slice(0, 4).flatMap((entry) => entry.event ?? []), event()]),
      5,
      "another hash",
    ],
    ["all of it written again", stranger, 2, "another hash"],
  ])("shows %s", async (_, entries, position, why) => {
    expect(await verifyChain(entries, [checkpoint(2), checkpoint(5)])).toEqual({
      ok: false,
      position,
      why: expect.stringContaining(why),
    });
  });

  it("shows any change of a hash at its position", async () => {
    const entryChange = fc.record({ at: fc.integer({ min: 0, max: 4 }), bit: fc.integer({ min: 0, max: 255 }) });
    await fc.assert(
      fc.asyncProperty(
        entryChange,
        fc.constantFrom("previousHash" as const, "hash" as const),
        async (change, field) => {
          const entry = at(change.at + 1);
          const bytes = Uint8Array.from(entry[field]);
          bytes[change.bit >> 3] = (bytes[change.bit >> 3] ?? 0) ^ (1 << (change.bit & 7));
          const verdict = await verifyChain(chain.with(change.at, { ...entry, [field]: bytes }));
          expect(verdict).toMatchObject({ ok: false, position: change.at + 1 });
        },
      ),
    );
  });

  it("is broken where two checkpoints attest different hashes", async () => {
    const verdict = await verifyChain(chain, [checkpoint(2), { ...checkpoint(2), hash: at(3).hash }]);
    expect(verdict).toMatchObject({ ok: false, position: 2 });
  });
});

describe("a checkpoint", () => {
  const key = checkpointKey(Buffer.alloc(32, 7));
  const line = signCheckpoint(key, checkpoint(5));

  it("is one line that any of the keys verifies, anywhere in a text", () => {
    expect(verifyCheckpoint([checkpointKey(randomBytes(32)), key], line)).toEqual({
      kind: "checkpoint",
      ...checkpoint(5),
    });
    expect([...`{"checkpoint":"${line}","msg":"x"}`.matchAll(checkpointShape)].map(([text]) => text)).toEqual([line]);
    expect(signCheckpoint(checkpointKey(Buffer.alloc(32, 7)), checkpoint(5))).toBe(line);
  });

  it("differs from a cut, and neither is accepted as the other", () => {
    const cut = signStatement(key, { ...checkpoint(5), kind: "cut" });
    expect(verifyStatement([key], cut)).toEqual({ kind: "cut", ...checkpoint(5) });
    expect(verifyCheckpoint([key], cut)).toBeUndefined();
    expect([kindOfStatement(line), kindOfStatement(cut)]).toEqual(["checkpoint", "cut"]);
    expect([kindOfStatement(""), kindOfStatement("AAAA")]).toEqual([undefined, undefined]);
    const relabelled = `${line.startsWith("AQ") ? "Ag" : ""}${line.slice(2)}`;
    expect(kindOfStatement(relabelled)).toBe("cut");
    expect(verifyStatement([key], relabelled)).toBeUndefined();
    expect([...cut.matchAll(checkpointShape)]).toEqual([]);
  });

  it("is not verified with another key, nor when a single character differs", () => {
    expect(verifyCheckpoint([checkpointKey(randomBytes(32))], line)).toBeUndefined();
    const variants = [...line].flatMap((character, index) =>
      ["A", "B", "_", "="]
        .filter((other) => other !== character)
        .map((other) => line.slice(0, index) + other + line.slice(index + 1)),
    );
    for (const variant of ["", `${line}=`, ` ${line}`, `${line}A`, line.slice(1), ...variants])
      expect(verifyCheckpoint([key], variant), variant).toBeUndefined();
  });
});
