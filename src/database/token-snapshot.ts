import { and, inArray, isNotNull, lte, sql } from "drizzle-orm";
import { noPolicy } from "../domain/policy.js";
import type { SecretRecord, TokenRecord, TokenWithSecrets } from "../domain/token.js";
import type { TokenContext, TokenSnapshot } from "../domain/token-store.js";
import type { Transaction } from "./change.js";
import { readLastUses } from "./last-use.js";
import { effectivePolicy, policy, policyOfText } from "./policy.js";
import { subject, subjectFacts } from "./subject-table.js";
import { secretRecord, type TokenRow, tokenRecord, tokenSecret } from "./token-table.js";

/** All columns except the digest. */
const shownSecret = {
  id: tokenSecret.id,
  tokenId: tokenSecret.tokenId,
  pepperVersion: tokenSecret.pepperVersion,
  hint: tokenSecret.hint,
  createdAt: tokenSecret.createdAt,
  retiresAt: tokenSecret.retiresAt,
  ended: tokenSecret.ended,
};

/** The secrets that are shown: two live ones, and the last five that ended. */
const secretsShown = 7;

type Reader = Pick<Transaction, "select">;
type Owner = Pick<TokenRecord, "kind" | "subject" | "organization">;

/** Returns the scopes of the policies that apply to a token: the deployment's for its kind, and its organization's. */
function scopesOf({ kind, subject: owner, organization }: Owner): {
  readonly deployment: string;
  readonly own: string;
} {
  return kind === "pat" ? { deployment: "user", own: organization ?? "" } : { deployment: "organization", own: owner };
}

/** Reads the states of subjects and the policies that apply to tokens, in two statements for any number of tokens. */
export async function readContexts(reader: Reader, owners: readonly Owner[]): Promise<(owner: Owner) => TokenContext> {
  const names = new Set(
    owners.flatMap(({ subject: name, organization }) => [name, ...(organization ? [organization] : [])]),
  );
  const scopes = new Set(owners.flatMap((owner) => Object.values(scopesOf(owner))));
  const [subjects, policies] = await Promise.all([
    reader
      .select()
      .from(subject)
      .where(inArray(subject.name, [...names])),
    reader
      .select({ scope: policy.scope, fields: sql<string>`${policy.fields}::text` })
      .from(policy)
      .where(and(inArray(policy.scope, [...scopes]), isNotNull(policy.fields))),
  ]);
  const subjectsByName = new Map(subjects.map((row) => [row.name, row]));
  const policiesByScope = new Map(
    policies.map(({ scope, fields }) => [scope, { fields, policy: policyOfText(fields) }]),
  );
  const factsOf = (name: string) => subjectFacts(subjectsByName.get(name));
  return (owner) => {
    const { deployment, own } = scopesOf(owner);
    const [deploymentRow, ownRow] = [policiesByScope.get(deployment), policiesByScope.get(own)];
    return {
      subjects: {
        subject: factsOf(owner.subject),
        organization: owner.organization && factsOf(owner.organization),
      },
      policies: [
        { scope: deployment, policy: deploymentRow?.policy ?? noPolicy },
        ...(ownRow ? [{ scope: own, policy: ownRow.policy }] : []),
      ],
      // Computed for each pair of policies, not for each token: two long lists of ranges are expensive to compare.
      policy: effectivePolicy(deploymentRow?.fields ?? null, ownRow?.fields ?? null),
    };
  };
}

/** Reads the secrets, last uses and context of these tokens. Keeps the order of the tokens. */
export async function readSnapshots(reader: Reader, rows: readonly TokenRow[]): Promise<TokenSnapshot[]> {
  if (rows.length === 0) return [];
  // An id begins with the time of the replica that created it, so ids do not tell which secret is newer.
  const place = sql<number>`row_number() over (
    partition by ${tokenSecret.tokenId} order by ${tokenSecret.retiresAt} desc nulls first, ${tokenSecret.id} desc)`;
  const ageMs = sql`extract(epoch from clock_timestamp() - ${tokenSecret.storedAt}) * 1000`.mapWith(Number);
  const ids = rows.map(({ id }) => id);
  const ranked = reader
    .select({ ...shownSecret, ageMs: ageMs.as("age_ms"), place: place.as("place") })
    .from(tokenSecret)
    .where(inArray(tokenSecret.tokenId, ids))
    .as("ranked");
  const askedMs = performance.now();
  const found = await reader.select().from(ranked).where(lte(ranked.place, secretsShown)).orderBy(ranked.place);
  const secrets = new Map<string, SecretRecord[]>(ids.map((id) => [id, []]));
  for (const secret of found) secrets.get(secret.tokenId)?.push(secretRecord(secret));
  const stored = new Map(found.flatMap((each) => (each.retiresAt ? [] : [[each.tokenId, askedMs - each.ageMs]])));
  const records = rows.map((row): TokenWithSecrets => ({ ...tokenRecord(row), secrets: secrets.get(row.id) ?? [] }));
  const shown = records.flatMap((record) => [record.id, ...record.secrets.map((secret) => secret.id)]);
  const [contextOf, lastUses] = await Promise.all([readContexts(reader, records), readLastUses(reader, shown)]);
  return records.map((record, index) => {
    const secretStoredMs = stored.get(ids[index] ?? "");
    return { token: record, lastUses, ...(secretStoredMs !== undefined && { secretStoredMs }), ...contextOf(record) };
  });
}
