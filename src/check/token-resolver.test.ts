import { describe, expect, it } from "vitest";
import { resolvedToken } from "../../test/kit/token.js";
import { Failure } from "../domain/errors.js";
import { PepperRing } from "../domain/pepper.js";
import { encodeSecret, sha256Of } from "../domain/secret.js";
import type { ResolvedToken } from "../domain/token-store.js";
import { type KnownTokens, TokenResolver } from "./token-resolver.js";

const peppers = new PepperRing("pw", [{ version: 1, key: Buffer.alloc(32, 1), active: true }]);

function setUp(rows: ReadonlyMap<string, ResolvedToken>, fault?: unknown, known?: KnownTokens) {
  const reads: number[] = [];
  const resolver = new TokenResolver({
    brand: "pw",
    peppers,
    store: {
      async resolve(digests) {
        if (fault) throw fault;
        return { tokens: digests.map((digest) => rows.get(Buffer.from(digest).toString("hex"))), asOf: 7 };
      },
    },
    ...(known && { known }),
    onLookup: (digests) => reads.push(digests),
  });
  const resolve = (...texts: string[]) => Promise.all(texts.map((text) => resolver.resolve(text)));
  return { resolver, resolve, reads };
}

const key = (digest: Uint8Array) => Buffer.from(digest).toString("hex");

describe("TokenResolver", () => {
  it("reads nothing for garbage and guesses", async () => {
    const { resolve, reads } = setUp(new Map());
    const guess = encodeSecret("pw", "pat", Buffer.alloc(32, 7));
    expect(await resolve("", "x", "\ud800", guess)).toEqual([
      { kind: "malformed" },
      { kind: "malformed" },
      { kind: "malformed" },
      { kind: "unknown" },
    ]);
    expect(reads).toEqual([]);
  });

  it("reads once for all lookups of the same time, equal secrets once, and answers each", async () => {
    const [first, second, deleted] = [peppers.mint("pat"), peppers.mint("oat"), peppers.mint("pat")];
    const [one, two] = [resolvedToken(), resolvedToken()];
    const rows = new Map([
      [key(first.digest), one],
      [key(second.digest), two],
    ]);
    const { resolve, reads } = setUp(rows);
    expect(await resolve(second.text, "garbage", deleted.text, first.text, second.text)).toEqual([
      { kind: "known", token: two },
      { kind: "malformed" },
      { kind: "unknown" },
      { kind: "known", token: one },
      { kind: "known", token: two },
    ]);
    expect(reads).toEqual([3]);
  });

  it("starts another read for lookups that come after the first was sent", async () => {
    const secret = peppers.mint("pat");
    const { resolve, reads } = setUp(new Map([[key(secret.digest), resolvedToken()]]));
    const first = resolve(secret.text);
    await new Promise((resolved) => setImmediate(resolved));
    await Promise.all([first, resolve(secret.text)]);
    expect(reads).toEqual([1, 1]);
  });

  it("refuses further lookups when the queue is full", async () => {
    const { resolve } = setUp(new Map());
    const texts = Array.from({ length: 10_001 }, () => peppers.mint("pat").text);
    const kinds = (await resolve(...texts)).map((each) => (each.kind === "failed" ? each.failure.reason : each.kind));
    expect(kinds.filter((kind) => kind === "OVERLOADED")).toHaveLength(1);
    expect(kinds.filter((kind) => kind === "unknown")).toHaveLength(10_000);
  });

  it("S6 answers each caller at its deadline, while others wait on, and keeps records that come later", async () => {
    const secret = peppers.mint("pat");
    const token = resolvedToken();
    let release: () => void = () => undefined;
    const silence = new Promise<void>((resolve) => {
      release = resolve;
    });
    const kept: string[] = [];
    const resolver = new TokenResolver({
      brand: "pw",
      peppers,
      store: {
        async resolve() {
          await silence;
          return { tokens: [token], asOf: 7 };
        },
      },
      known: { get: () => undefined, keep: (sha256) => kept.push(sha256), seen: 0 },
    });
    const patient = resolver.resolve(secret.text);
    // Callers that wait to the end get the record.
    const end = setTimeout(release, 5_000);
    const hurried = await resolver.resolve(secret.text, { deadline: performance.now() + 20 });
    expect(hurried).toMatchObject({ kind: "failed", failure: { reason: "DEADLINE_EXCEEDED" } });
    expect(kept).toEqual([]);
    clearTimeout(end);
    release();
    expect(await patient).toEqual({ kind: "known", token });
    expect(kept).toContain(sha256Of(secret.text));
  });

  it("serves known records at once, and offers the records that it read, with their epoch", async () => {
    const [kept, fresh] = [peppers.mint("pat"), peppers.mint("pat")];
    const [one, two] = [resolvedToken(), resolvedToken()];
    const offered: unknown[] = [];
    const { resolver, reads } = setUp(new Map([[key(fresh.digest), two]]), undefined, {
      get: (sha256) => (sha256 === sha256Of(kept.text) ? one : undefined),
      keep: (...offer) => offered.push(offer),
      seen: 7,
    });
    expect(resolver.resolve(kept.text)).toEqual({ kind: "known", token: one });
    expect(await resolver.resolve(fresh.text)).toEqual({ kind: "known", token: two });
    expect(offered).toEqual([[sha256Of(fresh.text), two, 7]]);
    expect(reads).toEqual([1]);
  });

  it("fails when the database has gone back to an older epoch than was seen before the read", async () => {
    const secret = peppers.mint("pat");
    const known: KnownTokens = { get: () => undefined, keep: () => expect.unreachable(), seen: 8 };
    const { resolve } = setUp(new Map([[key(secret.digest), resolvedToken()]]), undefined, known);
    expect(await resolve(secret.text)).toMatchObject([{ kind: "failed", failure: { reason: "DATABASE_UNAVAILABLE" } }]);
  });

  it("RV-10 returns a failure when the database does not answer and is needed, never unknown", async () => {
    const down = new Failure("DATABASE_UNAVAILABLE");
    const { resolve } = setUp(new Map(), down);
    expect(await resolve("garbage", peppers.mint("pat").text)).toEqual([
      { kind: "malformed" },
      { kind: "failed", failure: down },
    ]);
    const { resolve: broken } = setUp(new Map(), new TypeError("defect"));
    const [resolution] = await broken(peppers.mint("pat").text);
    expect(resolution).toMatchObject({ kind: "failed", failure: { reason: "INTERNAL" } });
  });
});
