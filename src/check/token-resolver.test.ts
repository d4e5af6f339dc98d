import { describe, expect, it } from "vitest";
import { Failure } from "../failure/failure.js";
import type { ResolvedToken } from "../store/token-store.js";
import { PepperRing } from "../token/pepper.js";
import { encodeSecret } from "../token/secret.js";
import { TokenResolver } from "./token-resolver.js";

const peppers = new PepperRing("pw", [{ version: 1, key: Buffer.alloc(32, 1), active: true }]);

function setUp(rows: ReadonlyMap<string, ResolvedToken>, fault?: unknown) {
  const reads: number[] = [];
  const resolver = new TokenResolver({
    brand: "pw",
    peppers,
    store: {
      resolve: async (digests) => {
        if (fault) throw fault;
        return digests.map((digest) => rows.get(Buffer.from(digest).toString("hex")));
      },
    },
    onLookup: (digests) => reads.push(digests),
  });
  return { resolver, reads };
}

const rowOf = (id: string) => ({ token: { id } }) as unknown as ResolvedToken; // nobody looks further here
const key = (digest: Uint8Array) => Buffer.from(digest).toString("hex");

describe("TokenResolver", () => {
  it("reads nothing for garbage and guesses", async () => {
    const { resolver, reads } = setUp(new Map());
    const guess = encodeSecret("pw", "pat", Buffer.alloc(32, 7));
    expect(await resolver.resolve(["", "x", "\ud800", guess])).toEqual([
      { kind: "malformed" },
      { kind: "malformed" },
      { kind: "malformed" },
      { kind: "unknown" },
    ]);
    expect(reads).toEqual([]);
  });

  it("reads once for all that could be ours, and keeps the order", async () => {
    const [first, second, deleted] = [peppers.mint("pat"), peppers.mint("oat"), peppers.mint("pat")];
    const rows = new Map([
      [key(first.digest), rowOf("1")],
      [key(second.digest), rowOf("2")],
    ]);
    const { resolver, reads } = setUp(rows);
    const found = await resolver.resolve([second.text, "garbage", deleted.text, first.text]);
    expect(found).toEqual([
      { kind: "known", resolved: rowOf("2") },
      { kind: "malformed" },
      { kind: "unknown" },
      { kind: "known", resolved: rowOf("1") },
    ]);
    expect(reads).toEqual([3]);
  });

  it("RV-10 turns a database that does not answer into a failure of those that needed it, never into unknown", async () => {
    const down = new Failure("DATABASE_UNAVAILABLE");
    const { resolver } = setUp(new Map(), down);
    expect(await resolver.resolve(["garbage", peppers.mint("pat").text])).toEqual([
      { kind: "malformed" },
      { kind: "failed", failure: down },
    ]);
    const { resolver: broken } = setUp(new Map(), new TypeError("defect"));
    const [resolution] = await broken.resolve([peppers.mint("pat").text]);
    expect(resolution).toMatchObject({ kind: "failed", failure: { reason: "INTERNAL" } });
  });
});
