import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { expect, it } from "vitest";
import { migrationsFolder } from "../../src/database/migrations.js";
import type { TokenRow } from "../../src/database/token-table.js";

const run = (database: PGlite, name: string) =>
  database.exec(readFileSync(join(migrationsFolder, `${name}.sql`), "utf8"));

it("S8 older tokens get the names of those who made, changed or rotated them from the audit trail", async () => {
  const database = await PGlite.create();
  try {
    await run(database, "0000_tokens");
    await run(database, "0001_doors");
    const [waiting, approved, silent] = [1, 2, 3].map((n) => `00000000-0000-7000-8000-00000000000${n}`);
    for (const [id, approval, decided] of [
      [waiting, "pending", null],
      [approved, "approved", "user:carol"],
      [silent, null, null],
    ]) {
      const decidedAt = decided && new Date();
      await database.query(
        `insert into token (id, kind, subject, generation, name, description, grant_rules, allowed_cidrs, metadata, claims, created_at, created_by,
           self_rotate, revision, approval, decided_by, decided_at, decision_comment)
         values ($1, 'pat', 'user:x', 1, 'n', '', '{"full":true}', '{}', '{}', '{}', now(), 'user:alice', false, 1, $2, $3, $4, $5)`,
        [id, approval, decided, decidedAt, decided && ""],
      );
    }
    let event = 0;
    for (const id of [waiting, approved]) {
      for (const [actor, action, details] of [
        ["user:alice", "token.created", { via: "service:web" }],
        ["user:bob", "token.updated", {}],
        ["user:bob", "token.rotated", {}],
        ["user:dave", "token.suspended", {}],
      ]) {
        await database.query(
          `insert into audit_event (id, at, actor, action, token_id, outcome, details) values ($1, now(), $2, $3, $4, 'ok', $5)`,
          [`00000000-0000-7000-9000-00000000000${event++}`, actor, action, id, JSON.stringify(details)],
        );
      }
    }
    await run(database, "0002_who_had_a_hand");
    const { rows } = await database.query("select contributors, holders from token order by id");
    const names = ["service:web", "user:alice", "user:bob"];
    expect(rows).toEqual([
      { contributors: names, holders: names },
      { contributors: [], holders: names },
      { contributors: [], holders: [] },
    ]);
  } finally {
    await database.close();
  }
});

it("S8 older approvals get their service from the audit trail", async () => {
  const database = await PGlite.create();
  try {
    const names = ["0000_tokens", "0001_doors", "0002_who_had_a_hand", "0003_final_marks"];
    for (const name of names) await run(database, name);
    const [through, direct] = [1, 2].map((n) => `00000000-0000-7000-8000-00000000000${n}`);
    const [first, last] = [new Date("2026-01-01T00:00:00Z"), new Date("2026-01-02T00:00:00Z")];
    for (const id of [through, direct]) {
      await database.query(
        `insert into token (id, kind, subject, generation, name, description, grant_rules, allowed_cidrs, metadata, claims, created_at, created_by,
           self_rotate, revision, approval, decided_by, decided_at, decision_comment)
         values ($1, 'pat', 'user:x', 1, 'n', '', '{"full":true}', '{}', '{}', '{}', now(), 'user:alice', false, 1, 'approved', 'user:bob', $2, '')`,
        [id, last],
      );
    }
    for (const [event, [id, at, details]] of [
      [through, first, { via: "service:old" }] as const,
      [through, last, { via: "service:web" }] as const,
      [direct, last, {}] as const,
    ].entries()) {
      await database.query(
        `insert into audit_event (id, at, actor, action, token_id, outcome, details) values ($1, $2, 'user:bob', 'token.approved', $3, 'ok', $4)`,
        [`00000000-0000-7000-9000-00000000000${event}`, at, id, JSON.stringify(details)],
      );
    }
    await run(database, "0006_who_approved_through");
    const { rows } = await database.query("select decided_via from token order by id");
    expect(rows).toEqual([{ decided_via: "service:web" }, { decided_via: null }]);
  } finally {
    await database.close();
  }
});

it("older approved tokens show, when they are widened, what they may do now", async () => {
  const database = await PGlite.create();
  try {
    const { entries } = JSON.parse(readFileSync(join(migrationsFolder, "meta", "_journal.json"), "utf8"));
    const tags: readonly string[] = entries.map(({ tag }: { readonly tag: string }) => tag);
    const added = tags.indexOf("0010_what_was_approved");
    for (const tag of tags.slice(0, added)) await run(database, tag);
    const decided = new Date("2026-01-02T03:04:05.678Z");
    for (const [index, [approval, expires]] of (
      [
        ["approved", new Date("2027-01-01T00:00:00Z")],
        ["approved", null],
        ["pending", null],
      ] as const
    ).entries()) {
      await database.query(
        `insert into token (id, kind, subject, generation, name, description, grant_rules, allowed_cidrs, metadata, claims, created_at, created_by,
           self_rotate, revision, approval, decided_by, decided_at, decision_comment, expires_at)
         values ($1, 'pat', 'user:x', 1, 'n', '', '{"full":true}', '{10.0.0.0/8}', '{}', '{}', now(), 'user:alice', false, 1, $2, $3, $4, $5, $6)`,
        [
          `00000000-0000-7000-8000-00000000000${index}`,
          approval,
          ...(approval === "approved" ? ["user:bob", decided, "ok"] : [null, null, null]),
          expires,
        ],
      );
    }
    for (const tag of tags.slice(added)) await run(database, tag);
    const { rows } = await database.query<TokenRow>("select * from token order by id");
    const approved = {
      grant: { full: true },
      allowedCidrs: ["10.0.0.0/8"],
      selfRotate: false,
      by: "user:bob",
      time: decided.toISOString(),
      comment: "ok",
    };
    expect(rows.map((row) => row.approved)).toEqual([
      { ...approved, expireTime: "2027-01-01T00:00:00.000Z" },
      approved,
      null,
    ]);
  } finally {
    await database.close();
  }
});
