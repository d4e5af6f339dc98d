import { describe, expect, it } from "vitest";
import { type Database, databaseTime } from "./database.js";
import { schemaIsCurrent } from "./migrations.js";
import { createRevocationStore } from "./postgres-revocation-store.js";

/** Answers each statement without a row, as none of these does. */
const rowless = {
  orm: { select: () => ({ from: async () => [] }) },
  urgent: async () => [],
} as unknown as Database; // has what is used here

describe("S9 a statement that always has a row", () => {
  const store = createRevocationStore(rowless);
  it.each<[string, () => Promise<unknown>]>([
    ["the leases that a revocation waits for", () => store.leases()],
    ["what changed", () => store.news(7)],
    ["the database's clock", () => databaseTime(rowless)],
    ["the migrations that have been run", () => schemaIsCurrent(rowless)],
  ])("is no answer without it: %s", async (_, ask) => {
    await expect(ask()).rejects.toMatchObject({ reason: "DATABASE_UNAVAILABLE" });
  });
});
