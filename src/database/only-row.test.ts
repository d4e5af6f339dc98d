import { describe, expect, it } from "vitest";
import type { SubjectName } from "../domain/identifier.js";
import { tokenIdFromUuid } from "../domain/ids.js";
import { noPolicy } from "../domain/policy.js";
import { createAuditStore } from "./audit.js";
import { type Database, databaseTime } from "./database.js";
import { schemaIsCurrent } from "./migrations.js";
import { createPolicyStore } from "./policy.js";
import { createRevocationStore } from "./revocation.js";
import { createSubjectStore } from "./subject.js";
import { createTokenStore } from "./token.js";

/** Answers its statements with these rows, one answer after the other, and then without a row. */
function answering(...answers: readonly (readonly unknown[])[]): Database {
  const left = [...answers];
  const statement: object = new Proxy(
    {},
    {
      get: (_, name) =>
        name === "then" ? (answer: (rows: readonly unknown[]) => void) => answer(left.shift() ?? []) : () => statement,
    },
  );
  const written = () => statement;
  const client = { unsafe: () => ({ execute: async () => left.shift() ?? [] }) };
  const transaction = (work: (transaction: unknown) => unknown) => work(orm);
  const orm = { select: written, insert: written, transaction, session: { client } };
  const urgent = async () => left.shift() ?? [];
  const scan = (read: (by: unknown) => unknown) => read(orm);
  return { orm, patient: orm, scan, urgent } as unknown as Database; // it has all that is used here
}

const rowless = answering();
const now = new Date("2026-03-01T12:00:00Z");

describe("S9 a statement that always has a row", () => {
  it.each<[string, () => Promise<unknown>]>([
    ["the leases that a revocation waits for", () => createRevocationStore(rowless).leases()],
    ["what changed", () => createRevocationStore(rowless).changesSince(7)],
    ["the database's clock", () => databaseTime(rowless)],
    ["whether migrations have been run", () => schemaIsCurrent(rowless)],
    ["the last migration that has been run", () => schemaIsCurrent(answering([{ value: true }]))],
    ["whether another process seals the trail", () => createAuditStore(rowless).sealNext(9)],
    ["whether another process cuts the trail", () => createAuditStore(rowless).deleteBefore(7, 9)],
    [
      "how many tokens live of a subject",
      () => createSubjectStore(rowless).countLiveTokens("user:a" as SubjectName, now),
    ],
    [
      "a subject that is changed",
      () => createSubjectStore(answering([])).change("user:a" as SubjectName, now, () => undefined),
    ],
    [
      "what is around a token that is changed",
      () => {
        // The row of the token alone, which is a null in each of its columns.
        const row = new Proxy({}, { get: () => null });
        return createTokenStore(answering([row])).change(
          tokenIdFromUuid("01890a5d-ac96-774b-bcce-b302099a8057"),
          () => undefined,
        );
      },
    ],
    ["a policy that is changed", () => createPolicyStore(answering([])).change("user", now, () => undefined)],
    ["how many tokens there are", () => createTokenStore(rowless).count({}, now)],
    [
      "how many tokens a policy blocks",
      () =>
        createTokenStore(rowless).countBlocked(
          {},
          { before: noPolicy, after: { ...noPolicy, blockAll: true } },
          { most: 1 },
          now,
        ),
    ],
  ])("is no answer without it: %s", async (_, ask) => {
    await expect(ask()).rejects.toMatchObject({ reason: "DATABASE_UNAVAILABLE" });
  });
});
