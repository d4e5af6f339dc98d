// Prints a token of each user u0 … u999, a line each, after bringing the token table to a million rows (the first time).
// --pepper prints the pepper that they are made with.
import { createHash } from "node:crypto";
import postgres from "postgres";
import { newSecretId, newTokenId, toUuid } from "../dist/token/ids.js";
import { PepperRing } from "../dist/token/pepper.js";

const users = 1000;
const rows = 1_000_000;
const pepper = createHash("sha256").update("patwarden bench").digest();

if (process.argv.includes("--pepper")) {
  console.log(pepper.toString("base64"));
} else {
  // The same secrets at every call: those of the first one are in the database.
  let drawn = 0;
  const random = (length) => createHash("sha512").update(`bench ${drawn++}`).digest().subarray(0, length);
  const ring = new PepperRing("pw", [{ version: 1, key: pepper, active: true }], random);
  const minted = Array.from({ length: users }, () => ring.mint("pat"));
  const sql = postgres(process.env.DATABASE_URL, { max: 1, onnotice() {} });
  const [{ count }] = await sql`select count(*)::int as count from token`;
  if (count < rows) await fill(sql, minted);
  await sql.end();
  console.log(minted.map(({ text }) => text).join("\n"));
}

async function fill(sql, minted) {
  await sql.unsafe(`
    insert into token (id, kind, subject, name, description, grant_rules, allowed_cidrs, metadata, claims, created_at, created_by)
      select gen_random_uuid(), 'pat', 'user:u' || i % ${users}, 'bench', '', '{"full": true}', '{}', '{}', '{}', now(), 'service:bench'
      from generate_series(1, ${rows - users}) i;
    insert into token_secret (id, token_id, digest, pepper_version, hint, created_at)
      select gen_random_uuid(), id, sha256(id::text::bytea), 1, 'pw_pat_...0000', now() from token;`);
  const tokens = minted.map((secret, user) => ({ id: toUuid(newTokenId()), user, secret }));
  await sql`insert into token ${sql(
    tokens.map(({ id, user }) => ({
      id,
      kind: "pat",
      subject: `user:u${user}`,
      name: "bench",
      description: "",
      grant_rules: { full: true },
      allowed_cidrs: [],
      metadata: {},
      claims: {},
      created_at: new Date(),
      created_by: "service:bench",
    })),
  )}`;
  await sql`insert into token_secret ${sql(
    tokens.map(({ id, secret }) => ({
      id: toUuid(newSecretId()),
      token_id: id,
      digest: secret.digest,
      pepper_version: 1,
      hint: secret.hint,
      created_at: new Date(),
    })),
  )}`;
  await sql.unsafe("vacuum analyze token; ");
  await sql.unsafe("vacuum analyze token_secret");
}
