import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ListAuditEventsRequestSchema } from "#gen/patwarden/v1/audit_pb.js";
import { auditService } from "../src/api/audit.js";
import type { AuditStore } from "../src/audit/audit-store.js";
import {
  type Checkpoint,
  checkpointKey,
  checkpointKeyLabel,
  signCheckpoint,
  signStatement,
} from "../src/audit/chain.js";
import { type ExportParts, exportAuditTrail } from "../src/audit/export.js";
import { verifyAuditTrail } from "../src/audit/verify.js";
import type { ServiceCaller } from "../src/callers/caller.js";
import { Rights } from "../src/callers/rights.js";
import { readCheckpoints } from "../src/cli/audit.js";
import { auditCheckpoint, auditEvent, auditPending, auditSeal, createAuditStore } from "../src/database/audit.js";
import { type Database, openPglite } from "../src/database/database.js";
import { type AuditFacts, auditEventUuid, newAuditEvent } from "../src/domain/audit-event.js";
import { Failure } from "../src/domain/errors.js";
import type { SubjectName } from "../src/domain/identifier.js";
import { newTokenId } from "../src/domain/ids.js";
import { PepperRing } from "../src/domain/pepper.js";
import type { CallContext } from "../src/transport/service.js";
import { testTime } from "./kit/token.js";

let database: Database;
let store: AuditStore;

beforeAll(async () => {
  database = await openPglite(undefined);
  await database.migrate();
  store = createAuditStore(database);
});
afterAll(() => database.close());
beforeEach(async () => {
  for (const table of [auditEvent, auditSeal, auditPending, auditCheckpoint]) await database.orm.delete(table);
});

async function append(over: Partial<AuditFacts> = {}) {
  const event = newAuditEvent({ time: testTime, actor: "service:shop", action: "token.created", ...over });
  await store.append(event);
  return event;
}

/** Appends this many events and seals them. */
async function appendSealed(count: number): Promise<void> {
  for (let index = 0; index < count; index++) await append();
  await store.sealNext(count);
}

async function checkpoint(): Promise<Checkpoint> {
  const last = await store.lastSeal();
  if (!last) throw new Error("nothing is sealed");
  return { ...last, time: testTime };
}

describe("ListAuditEvents", () => {
  const found = newTokenId();
  const secretSha256 = createHash("sha256").update("pw_pat_found").digest("hex");
  const service = (name: string, over: Partial<ServiceCaller> = {}): ServiceCaller => ({
    kind: "service",
    name,
    permissions: new Set(["admin"]),
    ...over,
  });

  const list = (request: MessageInitShape<typeof ListAuditEventsRequestSchema>, caller = service("shop")) =>
    auditService({
      events: store,
      findTokenBySecretSha256: async (sha256) =>
        Buffer.from(sha256).toString("hex") === secretSha256 ? found : undefined,
      store: { get: async () => undefined },
      rights: new Rights({ permissions: { check: async () => [false] }, relations: {} as never }),
      pageTokenKeys,
      subjectTypes: { user: "user", organization: "organization" },
    }).listAuditEvents(create(ListAuditEventsRequestSchema, request), {
      caller,
      call: {} as CallContext, // the handler does not use it
    });
  const pageTokenKeys = [randomBytes(32)];

  it("shows the whole event, with its hashes once it is sealed", async () => {
    const event = await append({ subject: "user:alice", tokenId: found, clientIp: "192.0.2.1", details: { a: "b" } });
    const shown = {
      id: event.id,
      time: timestampFromDate(testTime),
      actor: "service:shop",
      action: "token.created",
      subject: "user:alice",
      tokenId: found,
      clientIp: "192.0.2.1",
      outcome: "ok",
      details: { a: "b" },
    };
    expect((await list({})).events).toMatchObject([{ ...shown, previousHash: "", hash: "" }]);
    await store.sealNext(1);
    const { events } = await list({});
    expect(events).toMatchObject([{ ...shown, previousHash: "0".repeat(64) }]);
    expect(events[0]?.hash).toMatch(/^[0-9a-f]{64}$/);
  });

  it("pages through everything once, and only with its own page tokens", async () => {
    const ids: string[] = [];
    for (let index = 0; index < 5; index++) ids.unshift((await append()).id);
    const first = await list({ pageSize: 2 });
    const second = await list({ pageSize: 1, pageToken: first.nextPageToken });
    const third = await list({ pageToken: second.nextPageToken });
    expect([first, second, third].flatMap(({ events }) => events.map(({ id }) => id))).toEqual(ids);
    expect(third.nextPageToken).toBe("");
    for (const [request, caller] of [
      [{ pageToken: "x" }],
      [{ pageToken: first.nextPageToken, actor: "service:shop" }],
      [{ pageToken: first.nextPageToken, secretSha256 }],
      [{ pageToken: first.nextPageToken }, service("other")],
    ] as const) {
      await expect(list(request, caller)).rejects.toMatchObject({ reason: "PAGE_TOKEN_INVALID" });
    }
  });

  it("finds the events of a secret's token by its hash, and none of an unknown one", async () => {
    const event = await append({ tokenId: found });
    await append({ tokenId: newTokenId() });
    const ids = async (request: MessageInitShape<typeof ListAuditEventsRequestSchema>) =>
      (await list(request)).events.map(({ id }) => id);
    expect(await ids({ secretSha256 })).toEqual([event.id]);
    expect(await ids({ secretSha256: secretSha256.toUpperCase(), tokenId: found })).toEqual([event.id]);
    expect(await ids({ secretSha256, tokenId: newTokenId() })).toEqual([]);
    expect(await ids({ secretSha256: "0".repeat(64) })).toEqual([]);
  });

  it("shows a narrowed service nothing but its subjects", async () => {
    const event = await append({ subject: "organization:acme" });
    await append({ subject: "user:alice" });
    await append();
    const { events } = await list({}, service("acme", { subjects: ["organization:acme"] }));
    expect(events.map(({ id }) => id)).toEqual([event.id]);
  });

  it("reports everything that is wrong with a request at once", async () => {
    const refused = list({
      tokenId: "tok_x",
      subject: "team:a",
      organization: "user:alice",
      actor: "a\nb",
      actions: ["token.made"],
      secretSha256: "00",
      startTime: { seconds: 10n, nanos: 0 },
      endTime: { seconds: 10n, nanos: 0 },
      pageSize: 1001,
    });
    const failure = await Promise.resolve(refused).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Failure);
    expect(failure instanceof Failure && failure.violations.map(({ field }) => field)).toEqual([
      "token_id",
      "subject",
      "organization",
      "actor",
      "actions[0]",
      "secret_sha256",
      "end_time",
      "page_size",
    ]);
  });
});

describe("audit verify", () => {
  const verify = (checkpoints: readonly Checkpoint[] = []) =>
    verifyAuditTrail({ store, checkpoints, keys: noKeys, progress: () => undefined, pageSize: 2 });
  /** A chain that was never cut is verified without any secret. */
  const noKeys = (): never => expect.fail("asked for keys");

  it("accepts an intact chain, also when it has grown and events wait", async () => {
    expect(await verify()).toEqual({ ok: true, last: undefined });
    await appendSealed(4);
    const attested = await checkpoint();
    await appendSealed(3);
    await append();
    expect(await verify([attested])).toEqual({ ok: true, last: await store.lastSeal() });
  });

  it("names the position of a removed entry, and of a cut end", async () => {
    await appendSealed(5);
    const attested = await checkpoint();
    await database.orm.delete(auditSeal).where(eq(auditSeal.position, 5));
    const cut =
      "the audit chain is broken at position 5: the chain ends before this position, but a checkpoint attests position 5";
    expect(await verify([attested])).toEqual({ ok: false, problem: cut });
    await database.orm.delete(auditSeal).where(eq(auditSeal.position, 3));
    const removed = "the audit chain is broken at position 3: the position is missing; the next one is 4";
    expect(await verify([attested])).toEqual({ ok: false, problem: removed });
  });

  it("names an event that was inserted outside the chain", async () => {
    await appendSealed(5);
    const stranger = await append();
    await database.orm.delete(auditPending).where(eq(auditPending.eventId, auditEventUuid(stranger.id)));
    expect(await verify()).toEqual({ ok: false, problem: expect.stringContaining(stranger.id) });
  });
});

describe("--checkpoint", () => {
  const peppers = [
    { version: 2, key: randomBytes(32), active: true },
    { version: 1, key: randomBytes(32), active: false },
  ] as const;
  const tokens = { brand: "pw", peppers };
  const lineBy = (pepper: Uint8Array, position: number): string => {
    const ring = new PepperRing("pw", [{ version: 1, key: pepper, active: true }]);
    const seed = ring.deriveKey(checkpointKeyLabel);
    return signCheckpoint(checkpointKey(seed), { position, hash: randomBytes(32), time: testTime });
  };
  const read = async (...sources: string[]) => (await readCheckpoints(sources, tokens)).map(({ position }) => position);

  it("accepts one line, and every line of a log, signed by any of the peppers", async () => {
    const directory = mkdtempSync(join(tmpdir(), "patwarden-audit-"));
    try {
      const file = join(directory, "log");
      const logged = [lineBy(peppers[1].key, 3), lineBy(randomBytes(32), 4), lineBy(peppers[0].key, 5)];
      writeFileSync(file, ["{}", ...logged.map((checkpoint) => JSON.stringify({ checkpoint })), "x"].join("\n"));
      expect(await read(lineBy(peppers[0].key, 9), file)).toEqual([9, 3, 5]);
      writeFileSync(file, "nothing\n");
      await expect(read(file)).rejects.toThrow("it contains no checkpoint");
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });

  it("refuses checkpoints that prove nothing", async () => {
    await expect(read(lineBy(randomBytes(32), 4))).rejects.toThrow("no pepper of this configuration signed it");
    await expect(read("/nowhere/at/all")).rejects.toThrow("ENOENT");
  });
});

describe("audit export", () => {
  /** Exports until `onPause` returns false; returns what was written and reported. */
  async function run(over: Partial<ExportParts>, onPause: (pauses: number) => Promise<boolean> = async () => false) {
    const stop = new AbortController();
    const lines: { readonly position: number; readonly id?: string }[] = [];
    const problems: string[] = [];
    let pauses = 0;
    await exportAuditTrail({
      store,
      from: 1,
      follow: false,
      pageSize: 2,
      signal: stop.signal,
      async write(text) {
        lines.push(
          ...text
            .trimEnd()
            .split("\n")
            .map((line) => JSON.parse(line)),
        );
      },
      async pause() {
        if (!(await onPause(++pauses))) stop.abort();
      },
      onProblem: (problem) => problems.push(problem),
      ...over,
    });
    return { lines, problems, positions: lines.map(({ position }) => position) };
  }

  it("writes one object a line, in the names of the API, from a position to the end", async () => {
    await appendSealed(4);
    const tokenId = newTokenId();
    const event = await append({ tokenId, details: { a: "line\nbreak" } });
    await store.sealNext(1);
    await append();
    const { lines, positions, problems } = await run({ from: 2 });
    expect(positions).toEqual([2, 3, 4, 5]);
    expect(problems).toEqual([]);
    const last = await checkpoint();
    expect(lines.at(-1)).toEqual({
      position: 5,
      id: event.id,
      time: "2026-03-01T12:00:00.123Z",
      actor: "service:shop",
      action: "token.created",
      token_id: tokenId,
      outcome: "ok",
      details: { a: "line\nbreak" },
      previous_hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      hash: Buffer.from(last.hash).toString("hex"),
    });
  });

  it("writes only the events of an organization, and reports gaps of all", async () => {
    const organization = "organization:acme" as SubjectName;
    await appendSealed(3);
    const event = await append({ organization });
    await append({ organization: "organization:acme2" as SubjectName });
    await store.sealNext(2);
    const { lines, problems } = await run({ organization });
    expect(lines.map(({ position, id }) => [position, id])).toEqual([[4, event.id]]);
    expect(problems).toEqual([]);
  });

  it("follows what is added, through a database that does not answer, each event once", async () => {
    await appendSealed(3);
    let down = 0;
    const flaky: ExportParts["store"] = {
      ...store,
      readSealed: async (from, limit) => {
        if (down-- > 0) throw new Failure("DATABASE_UNAVAILABLE");
        return store.readSealed(from, limit);
      },
    };
    const { positions, problems } = await run({ store: flaky, follow: true }, async (pauses) => {
      if (pauses === 1) {
        await appendSealed(2);
        down = 2;
      }
      return pauses < 5;
    });
    expect(positions).toEqual([1, 2, 3, 4, 5]);
    expect(problems).toEqual([
      "the database did not answer; try again; waiting; will continue at position 4",
      "the database answers again",
    ]);
  });

  it("fails when it does not follow, and when a defect is the reason", async () => {
    const failing = (error: Error): ExportParts["store"] => ({
      ...store,
      readSealed: () => Promise.reject(error),
    });
    await expect(run({ store: failing(new Failure("DATABASE_UNAVAILABLE")) })).rejects.toThrow("did not answer");
    await expect(run({ store: failing(new Error("defect")), follow: true })).rejects.toThrow("defect");
  });

  it("begins after a cut, and reports it", async () => {
    await appendSealed(4);
    const { position, time, hash } = await checkpoint();
    await store.keepCheckpoint({ position, time, statement: "" });
    await store.cut(position, signStatement(checkpointKey(randomBytes(32)), { kind: "cut", position, time, hash }));
    await store.deleteBefore(position, 10);
    const empty = await run({});
    expect([empty.positions, empty.problems]).toEqual([[], ["positions 1 to 4 were deleted by the retention"]]);
    await appendSealed(2);
    const { positions, problems } = await run({ from: 3 });
    expect([positions, problems]).toEqual([[5, 6], ["positions 3 to 4 were deleted by the retention"]]);
    expect(await run({ from: 5 })).toMatchObject({ positions: [5, 6], problems: [] });
  });

  it("reports missing positions and deleted events, and goes on", async () => {
    await appendSealed(4);
    await database.orm.delete(auditSeal).where(eq(auditSeal.position, 2));
    const { event } = (await store.readSealed(3, 1))[0] ?? {};
    if (event) await database.orm.delete(auditEvent).where(eq(auditEvent.id, auditEventUuid(event.id)));
    const { positions, problems, lines } = await run({});
    expect(positions).toEqual([1, 3, 4]);
    expect(problems).toEqual(["positions 2 to 2 are missing", "the event at position 3 was deleted"]);
    expect(lines[1]?.id).toBeUndefined();
  });
});
