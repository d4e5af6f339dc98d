import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createSigningKeyStore, signingKey } from "../../src/database/signing-key.js";
import type { SigningKeyStore, StoredSigningKey } from "../../src/exchange/signing-key-store.js";
import { engines, type Opened } from "../kit/engines.js";
import { testTime } from "../kit/token.js";

const key = (kid: string, seconds: number): StoredSigningKey => ({
  kid,
  algorithm: "ES256",
  sealedKey: Buffer.from(`sealed ${kid}`),
  signsFrom: new Date(testTime.getTime() + seconds * 1000),
});

describe.each(engines)("the store of signing keys on $name", ({ available, open }) => {
  describe.skipIf(!available)("", () => {
    let opened: Opened;
    let store: SigningKeyStore;
    beforeAll(async () => {
      opened = await open();
      await opened.database.migrate();
      store = createSigningKeyStore(opened.database);
    });
    afterAll(() => opened.close());
    beforeEach(async () => {
      await opened.database.orm.delete(signingKey);
    });

    const kids = (keys: readonly StoredSigningKey[]) => keys.map(({ kid }) => kid);

    it("returns keys as they were written, ordered by when they sign", async () => {
      await store.change(() => ({ add: key("b", 2) }));
      const written = await store.change(() => ({ add: key("a", 1) }));
      expect(kids(written)).toEqual(["a", "b"]);
      const [first] = await store.list();
      expect(first).toEqual({ ...key("a", 1), sealedKey: expect.any(Uint8Array) });
      expect(Buffer.from(first?.sealedKey ?? []).toString()).toBe("sealed a");
    });

    it("removes some keys and adds one in one step, or changes nothing", async () => {
      await store.change(() => ({ add: key("a", 1) }));
      await store.change(() => ({ add: key("b", 2) }));
      expect(kids(await store.change((keys) => ({ add: key("c", 0), remove: kids(keys) })))).toEqual(["c"]);
      expect(kids(await store.change(() => undefined))).toEqual(["c"]);
      await expect(
        store.change(() => {
          throw new Error("refused");
        }),
      ).rejects.toThrow("refused");
      expect(kids(await store.list())).toEqual(["c"]);
    });

    it("lets one of several processes that start together make the first key", async () => {
      const names = Array.from({ length: 10 }, (_, index) => `key-${index}`);
      const seen = await Promise.all(
        names.map((kid) => store.change((keys) => (keys.length === 0 ? { add: key(kid, 0) } : undefined))),
      );
      expect(new Set(seen.map((keys) => keys.length))).toEqual(new Set([1]));
      expect(new Set(seen.flatMap(kids)).size).toBe(1);
    });
  });
});
