import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { expect, it } from "vitest";
import { migrationsFolder } from "../../src/database/migrations.js";

it("older events belong to the organization of their token, also of a deleted one, of their policy or subject", async () => {
  const database = await PGlite.create();
  try {
    const { entries } = JSON.parse(readFileSync(join(migrationsFolder, "meta", "_journal.json"), "utf8"));
    const tags: readonly string[] = entries.map(({ tag }: { readonly tag: string }) => tag);
    const run = (tag: string) => database.exec(readFileSync(join(migrationsFolder, `${tag}.sql`), "utf8"));
    const added = tags.indexOf("0008_audit_of_organizations");
    for (const tag of tags.slice(0, added)) await run(tag);
    const uuid = (n: number) => `00000000-0000-7000-8000-0000000000${String(n).padStart(2, "0")}`;
    const [own, bound, free, gone] = [1, 2, 3, 4].map(uuid);
    for (const [id, kind, subject, organization] of [
      [own, "oat", "organization:acme", null],
      [bound, "pat", "user:alice", "organization:beta"],
      [free, "pat", "user:alice", null],
    ]) {
      await database.query(
        `insert into token (id, kind, subject, generation, organization, name, description, grant_rules, allowed_cidrs, metadata, claims,
           created_at, created_by, self_rotate, revision)
         values ($1, $2, $3, 1, $4, 'n', '', '{"full":true}', '{}', '{}', '{}', now(), 'user:alice', false, 1)`,
        [id, kind, subject, organization],
      );
    }
    const events: readonly [string, string | null, string | undefined, object, string | null][] = [
      ["token.created", "organization:acme", own, {}, "organization:acme"],
      ["token.rotated", "user:alice", bound, {}, "organization:beta"],
      ["token.created", "user:alice", free, {}, null],
      ["token.created", "user:bob", gone, { "organization.after": "organization:gamma" }, "organization:gamma"],
      ["token.revoked", "user:bob", gone, {}, "organization:gamma"],
      ["policy.changed", null, undefined, { scope: "organization:delta" }, "organization:delta"],
      ["policy.loosened", null, undefined, { scope: "user" }, null],
      ["subject.disabled", "organization:gamma", undefined, {}, "organization:gamma"],
      ["subject.disabled", "user:alice", undefined, {}, null],
      ["access.refused", null, undefined, { method: "m" }, null],
    ];
    for (const [index, [action, subject, tokenId, details]] of events.entries()) {
      await database.query(
        `insert into audit_event (id, at, actor, action, subject, token_id, outcome, details)
         values ($1, now(), 'service:shop', $2, $3, $4, 'ok', $5)`,
        [uuid(index), action, subject, tokenId ?? null, JSON.stringify(details)],
      );
    }
    for (const tag of tags.slice(added)) await run(tag);
    const { rows } = await database.query<{ organization: string | null }>(
      "select organization from audit_event order by id",
    );
    expect(rows.map(({ organization }) => organization)).toEqual(events.map((event) => event[4]));
  } finally {
    await database.close();
  }
});
