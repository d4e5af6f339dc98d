import type { SubjectName } from "../domain/identifier.js";
import { secretIdFromUuid, tokenIdFromUuid } from "../domain/ids.js";
import { blockedBy } from "../domain/policy.js";
import { standingOf } from "../domain/state.js";
import type { SubjectFacts } from "../domain/subject-state.js";
import type { Grant } from "../domain/token.js";
import type { ResolvedToken, TokenStore } from "../domain/token-store.js";
import { ms } from "./columns.js";
import type { Database } from "./database.js";
import { guarded, onlyRow } from "./errors.js";
import { effectivePolicy } from "./policy.js";
import { rowsFromPrimary } from "./primary-read.js";
import { hex } from "./session.js";
import { subjectFacts } from "./subject-table.js";
import { readGrant } from "./token-table.js";

/** Reads everything that a decision needs in one snapshot, with its epoch. Returns at least one row. */
const resolveStatement = `
  select now.epoch, now.standby, found.*
  from (select coalesce((select epoch from revocation_epoch), 0)::int8 as epoch, pg_is_in_recovery() as standby) now
  left join (
    select
      encode(s.digest, 'hex') as digest,
      s.id::text as "secretId",
      ${ms("s.created_at")} as "secretCreatedMs",
      ${ms("s.retires_at")} as "retireMs",
      s.ended,
      t.id::text as id,
      t.kind,
      t.subject,
      t.generation,
      t.organization,
      t.grant_rules::text as "grant",
      to_json(t.allowed_cidrs) as "allowedCidrs",
      t.claims::text as claims,
      ${ms("t.not_before")} as "notBeforeMs",
      ${ms("t.expires_at")} as "expireMs",
      t.expired,
      t.approval,
      t.suspended_at is not null as suspended,
      t.revoked_at is not null as revoked,
      owner.state as "ownerState",
      owner.generation as "ownerGeneration",
      organization.state as "organizationState",
      organization.generation as "organizationGeneration",
      deployment_policy.fields::text as "deploymentPolicy",
      own_policy.fields::text as "ownPolicy"
    from token_secret s
    join token t on t.id = s.token_id
    left join subject owner on owner.name = t.subject
    left join subject organization on organization.name = t.organization
    left join policy deployment_policy
      on deployment_policy.scope = case t.kind when 'pat' then 'user' else 'organization' end
    left join policy own_policy
      on own_policy.scope = case t.kind when 'pat' then t.organization else t.subject end
    where s.digest = any(($1::text)::bytea[])
  ) found on true`;

/** Finds the tokens of a Check by the digests of their secrets. */
export function tokenLookup(database: Database): Pick<TokenStore, "resolve"> {
  return {
    async resolve(digests) {
      // One parameter for any number of digests, so that there is one prepared statement.
      const wanted = `{${digests.map((digest) => `"\\\\x${hex(digest)}"`).join(",")}}`;
      const rows = rowsFromPrimary(await guarded(() => database.query<ResolvedRow>(resolveStatement, [wanted])));
      const found = new Map(rows.map((row) => [row.digest, row]));
      return {
        tokens: digests.map((digest) => {
          const row = found.get(hex(digest));
          return row && resolvedToken(row);
        }),
        asOf: onlyRow(rows).epoch,
      };
    },
  };
}

/** A row of `resolveStatement`. JSON is text, so that equal texts are parsed once. */
interface ResolvedRow {
  readonly epoch: number;
  readonly standby: boolean;
  readonly digest: string;
  readonly secretId: string;
  readonly secretCreatedMs: number;
  readonly retireMs: number | null;
  readonly ended: boolean;
  readonly id: string;
  readonly kind: "pat" | "oat";
  readonly subject: string;
  readonly generation: number;
  readonly organization: string | null;
  readonly grant: string;
  readonly allowedCidrs: readonly string[];
  readonly claims: string;
  readonly notBeforeMs: number | null;
  readonly expireMs: number | null;
  readonly expired: boolean;
  readonly approval: "pending" | "approved" | "denied" | null;
  readonly suspended: boolean;
  readonly revoked: boolean;
  readonly ownerState: SubjectFacts["state"] | null;
  readonly ownerGeneration: number | null;
  readonly organizationState: SubjectFacts["state"] | null;
  readonly organizationGeneration: number | null;
  readonly deploymentPolicy: string | null;
  readonly ownPolicy: string | null;
}

const noCidrs: readonly string[] = [];
const noClaims: Readonly<Record<string, string>> = {};
const everything: Grant = { kind: "full" };

function resolvedToken(row: ResolvedRow): ResolvedToken {
  const facts = (state: SubjectFacts["state"] | null, generation: number | null) =>
    subjectFacts(state === null || generation === null ? undefined : { state, generation });
  const grant = readGrant(JSON.parse(row.grant));
  const policy = effectivePolicy(row.deploymentPolicy, row.ownPolicy);
  const expireMs = row.expireMs ?? undefined;
  // The literal, which all tokens share, instead of the copy in the row.
  const kind = row.kind === "oat" ? "oat" : "pat";
  const organization = (row.organization ?? undefined) as SubjectName | undefined;
  const expireTime = expireMs === undefined ? undefined : new Date(expireMs);
  const blockers = blockedBy(
    policy,
    { kind, organization, grant, expireTime },
    { createTime: new Date(row.secretCreatedMs) },
  );
  // Every property is named here: an object that is made by spreading takes three times the memory (measured).
  return {
    id: tokenIdFromUuid(row.id),
    kind,
    organization,
    grant: grant.kind === "full" ? everything : grant,
    subject: row.subject as SubjectName,
    standing: standingOf(
      {
        generation: row.generation,
        approval: row.approval === null ? undefined : { state: row.approval },
        suspension: row.suspended || undefined,
        revocation: row.revoked || undefined,
        expired: row.expired,
      },
      row,
      {
        subject: facts(row.ownerState, row.ownerGeneration),
        organization: row.organization === null ? undefined : facts(row.organizationState, row.organizationGeneration),
      },
    ),
    blocked: blockers.length > 0,
    allowedCidrs: row.allowedCidrs.length === 0 ? noCidrs : row.allowedCidrs,
    claims: row.claims === "{}" ? noClaims : JSON.parse(row.claims),
    secretId: secretIdFromUuid(row.secretId),
    notBeforeMs: row.notBeforeMs ?? undefined,
    expireMs,
    retireMs: row.retireMs ?? undefined,
    policy,
  };
}
