import { createLocalJWKSet, jwtVerify } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import { keySetMaxAgeMs, longestLifetimeMs, reloadMs } from "./key-schedule.js";
import { rotateSigningKeys } from "./rotation.js";
import { newSigningKey } from "./signing-key.js";
import type { SigningAlgorithm, SigningKeyStore, StoredSigningKey } from "./signing-key-store.js";
import { SigningKeys, type SigningKeysOptions } from "./signing-keys.js";

const issuer = "https://patwarden.example.com";
const sealKeys = [new Uint8Array(32).fill(1)];

/** One for all replicas of a test. */
class TestStore implements SigningKeyStore {
  keys: readonly StoredSigningKey[] = [];
  reads = 0;
  down = false;

  async list() {
    this.reads++;
    if (this.down) throw new Error("the database is down");
    return this.keys;
  }

  async change(decide: Parameters<SigningKeyStore["change"]>[0]) {
    const { add, remove = [] } = decide(this.keys) ?? {};
    const kept = this.keys.filter(({ kid }) => !remove.includes(kid));
    this.keys = [...kept, ...(add ? [add] : [])].toSorted((a, b) => a.signsFrom.getTime() - b.signsFrom.getTime());
    return this.keys;
  }
}

describe("the signing keys", () => {
  let store: TestStore;
  let nowMs: number;
  let problems: unknown[];
  /** The times before the first use of a key, and after the first use of the next key. */
  const leadMs = 2 * keySetMaxAgeMs + reloadMs;
  const minutes = (count: number): number => count * 60_000;
  const now = (): Date => new Date(nowMs);
  beforeEach(() => {
    store = new TestStore();
    nowMs = Date.parse("2026-03-01T12:00:00.400Z");
    problems = [];
  });

  const replica = (over: Partial<SigningKeysOptions> = {}) =>
    new SigningKeys({
      store,
      sealKeys,
      algorithm: "ES256",
      issuer,
      clock: { now },
      monotonicMs: () => nowMs,
      onFailure: (error) => problems.push(error),
      ...over,
    });
  const rotate = (compromised = false, algorithm: SigningAlgorithm = "ES256") =>
    rotateSigningKeys({ store, sealKeys, algorithm, now: now(), compromised });
  const sign = (keys: SigningKeys) => {
    const iat = Math.floor(nowMs / 1000);
    return keys.sign({ iss: issuer, sub: "user:alice", iat, exp: iat + longestLifetimeMs / 1000 });
  };
  const verified = async (jwt: string, by: SigningKeys) => {
    const keySet = createLocalJWKSet(await by.published());
    return (await jwtVerify(jwt, keySet, { issuer, typ: "at+jwt", currentDate: now() })).protectedHeader;
  };
  const kidsOf = async (keys: SigningKeys) => (await keys.published()).keys.map(({ kid }) => kid);

  it.each<[SigningAlgorithm, readonly string[]]>([
    ["ES256", ["alg", "crv", "kid", "kty", "use", "x", "y"]],
    ["RS256", ["alg", "e", "kid", "kty", "n", "use"]],
  ])("sign by %s, and show nothing private", async (algorithm, members) => {
    const keys = replica({ algorithm });
    await keys.start();
    const { keys: published } = await keys.published();
    expect(published.map((jwk) => Object.keys(jwk).sort())).toEqual([members]);
    const header = await verified(await sign(keys), keys);
    expect(header).toEqual({ alg: algorithm, typ: "at+jwt", kid: published[0]?.kid });
  });

  it("are kept in no form that the database could use", async () => {
    await replica().start();
    const [stored] = store.keys;
    expect(Buffer.from(stored?.sealedKey ?? []).toString("latin1")).not.toContain("PRIVATE");
    await expect(replica({ sealKeys: [new Uint8Array(32)] }).start()).rejects.toThrow(
      `PEPPER_MISMATCH: signing key ${stored?.kid} was sealed under a pepper that is not configured; configure that pepper again, or replace the keys by \`patwarden keys rotate-signing --compromised\``,
    );
    // One row's key under the name of another.
    store.keys = [{ ...(stored as StoredSigningKey), kid: "other" }];
    await expect(replica().start()).rejects.toThrow("PEPPER_MISMATCH");
  });

  it("still open after a change of peppers, and by the new one alone after the next start", async () => {
    const jwt = await sign(replica());
    await rotate();
    const next = new Uint8Array(32);
    const kept = store.keys;
    const changing = replica({ sealKeys: [next, ...sealKeys] });
    await verified(jwt, changing);
    expect(store.keys).toEqual(kept);
    await changing.start();
    const unsealed = ({ kid, signsFrom }: StoredSigningKey) => ({ kid, signsFrom });
    expect(store.keys.map(unsealed)).toEqual(kept.map(unsealed));
    await verified(jwt, replica({ sealKeys: [next] }));
    const sealed = store.keys;
    await changing.start();
    expect(store.keys).toEqual(sealed);
  });

  it("begin with one key that replicas which start together share", async () => {
    const replicas = [replica(), replica(), replica()];
    await Promise.all(replicas.map((each) => each.start()));
    expect(store.keys).toHaveLength(1);
    for (const signer of replicas) for (const shower of replicas) await verified(await sign(signer), shower);
  });

  it("are read once for all concurrent requests, and again after ten seconds", async () => {
    const keys = replica();
    await Promise.all([keys.published(), keys.published(), sign(keys)]);
    expect(store.reads).toBe(1);
    nowMs += reloadMs - 1;
    await keys.published();
    expect(store.reads).toBe(1);
    nowMs += 1;
    await Promise.all([keys.published(), sign(keys)]);
    expect(store.reads).toBe(2);
  });

  it("O5 verify throughout a rotation, with the keys of either replica and those that a verifier kept", async () => {
    const replicas = [replica(), replica()] as const;
    await Promise.all(replicas.map((each) => each.start()));
    const [old] = store.keys;
    const lives: { readonly jwt: string; readonly until: number; readonly kid: string }[] = [];
    const kept: { readonly keys: ReturnType<typeof createLocalJWKSet>; readonly until: number }[] = [];
    let next = "";
    for (let step = 0; step < 40; step++) {
      if (step === 2) next = (await rotate()).kid;
      const signer = replicas[step % 2];
      if (!signer) throw new Error("no replica");
      const jwt = await sign(signer);
      lives.push({ jwt, until: nowMs + longestLifetimeMs, kid: (await verified(jwt, signer)).kid ?? "" });
      for (const each of replicas) {
        kept.push({ keys: createLocalJWKSet(await each.published()), until: nowMs + keySetMaxAgeMs });
      }
      for (const { jwt: living } of lives.filter(({ until }) => until - 1_000 > nowMs)) {
        for (const { keys } of kept.filter(({ until }) => until >= nowMs)) {
          await jwtVerify(living, keys, { issuer, currentDate: now() });
        }
      }
      nowMs += minutes(0.7);
    }
    expect(new Set(lives.map(({ kid }) => kid))).toEqual(new Set([old?.kid, next]));
    expect(await kidsOf(replicas[0])).toEqual([next]);
    await replicas[0].sweep();
    expect(store.keys.map(({ kid }) => kid)).toEqual([next]);
  });

  it("return when a rotation takes effect, and refuse another until the next key signs", async () => {
    const keys = replica();
    await keys.start();
    const [old] = store.keys;
    const rotation = await rotate(false, "RS256");
    expect(rotation).toEqual({
      kid: expect.any(String),
      algorithm: "RS256",
      signsFrom: new Date(nowMs + leadMs),
      previous: [{ kid: old?.kid, publishedUntil: new Date(nowMs + 2 * leadMs) }],
    });
    nowMs += leadMs - 1;
    await expect(rotate()).rejects.toThrow(`the next key signs from ${rotation.signsFrom.toISOString()}`);
    expect((await verified(await sign(keys), keys)).kid).toBe(old?.kid);
    expect(await kidsOf(keys)).toEqual([old?.kid, rotation.kid]);
    nowMs += 1;
    expect((await verified(await sign(keys), keys)).kid).toBe(rotation.kid);
    expect((await rotate()).previous.map(({ kid }) => kid)).toEqual([old?.kid, rotation.kid]);
    await keys.sweep();
    expect(store.keys).toHaveLength(3);
  });

  it("that are compromised are withdrawn at once, those that wait too", async () => {
    const keys = replica();
    await keys.start();
    const jwt = await sign(keys);
    await rotate();
    const { kid, signsFrom, previous } = await rotate(true);
    expect([signsFrom, previous]).toEqual([now(), []]);
    nowMs += reloadMs;
    expect(await kidsOf(keys)).toEqual([kid]);
    expect((await verified(await sign(keys), keys)).kid).toBe(kid);
    await expect(verified(jwt, keys)).rejects.toThrow("no applicable key");
    expect(await keys.made(jwt)).toBe(false);
  });

  it("can be compromised where no pepper opens them", async () => {
    await replica().start();
    const { kid } = await rotateSigningKeys({
      store,
      sealKeys: [new Uint8Array(32)],
      algorithm: "ES256",
      now: now(),
      compromised: true,
    });
    expect(await kidsOf(replica({ sealKeys: [new Uint8Array(32)] }))).toEqual([kid]);
  });

  it("are still published while the database is down, for as long as a JWT may live", async () => {
    const keys = replica();
    await keys.start();
    const kids = await kidsOf(keys);
    store.down = true;
    const { reads } = store;
    nowMs += reloadMs + longestLifetimeMs - 1;
    for (let ask = 0; ask < 5; ask++) expect(await kidsOf(keys)).toEqual(kids);
    nowMs += 1;
    await expect(keys.published()).rejects.toThrow("the database is down");
    expect([store.reads - reads, problems.length]).toEqual([1, 1]);
    store.down = false;
    nowMs += 1_000;
    expect(await kidsOf(keys)).toEqual(kids);
  });

  it("know the JWTs that they made, ended ones too, and no others", async () => {
    const keys = replica();
    const jwt = await sign(keys);
    nowMs += longestLifetimeMs;
    expect(await keys.made(jwt)).toBe(true);
    const [header = "", payload = "", signature = ""] = jwt.split(".");
    const otherPayload = Buffer.from(JSON.stringify({ iss: issuer, sub: "user:bob" })).toString("base64url");
    const none = Buffer.from(JSON.stringify({ alg: "none", typ: "at+jwt" })).toString("base64url");
    const elsewhere = new TestStore();
    const foreign = replica({ store: elsewhere });
    const texts = [
      await sign(foreign),
      `${header}.${otherPayload}.${signature}`,
      `${none}.${payload}.`,
      `${header}.${payload}.`,
      `${header}.${payload}`,
      await keys.sign({ iss: "https://elsewhere.example", sub: "user:alice" }),
      "",
      "pw_pat_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2SRGIA",
      "..",
    ];
    for (const text of texts) expect(await keys.made(text)).toBe(false);
  });

  it("have different kids of 43 characters", async () => {
    const [one, other] = await Promise.all([1, 2].map(() => newSigningKey("ES256", sealKeys, now())));
    expect(one?.kid).toMatch(/^[\w-]{43}$/);
    expect(other?.kid).not.toBe(one?.kid);
  });
});
