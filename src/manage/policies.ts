import { isDeepStrictEqual } from "node:util";
import { changeEvent } from "../audit/change-event.js";
import { hasPermission } from "../callers/authorize.js";
import { admitsAll, admitsSubject, ceilingsOf, type ManagingCaller } from "../callers/caller.js";
import type { Rights } from "../callers/rights.js";
import { requireStepUp } from "../callers/step-up.js";
import { type AuditEvent, changes } from "../domain/audit-event.js";
import type { Clock } from "../domain/clock.js";
import { Failure } from "../domain/errors.js";
import { etagOf } from "../domain/etag.js";
import type { SubjectName } from "../domain/identifier.js";
import type { AuthorizationModel } from "../domain/permission-checker.js";
import { loosens, noPolicy, type Policy, stricter } from "../domain/policy.js";
import type { PolicyStore, StoredPolicyRecord } from "../domain/policy-store.js";
import type { TokenId } from "../domain/token.js";
import type { NamedTokens, TokenFilter, TokenStore } from "../domain/token-store.js";
import { afterChange } from "./rules/after-change.js";

/** The scope of a policy: the deployment's for a kind of subject, or an organization's. */
export type PolicyScope =
  | { readonly kind: "deployment"; readonly scope: "user" | "organization" }
  | { readonly kind: "organization"; readonly scope: SubjectName };

export interface PoliciesOptions {
  readonly policies: PolicyStore;
  readonly store: Pick<TokenStore, "countBlocked">;
  readonly rights: Rights;
  readonly clock: Clock;
  readonly model: () => AuthorizationModel;
}

export interface PolicyView extends StoredPolicyRecord {
  /** Empty for a scope without a policy. */
  readonly etag: string;
}

/** Returns the policy as it was written, and the stricter of it and the deployment's for organizations. */
export async function getPolicy(
  { policies, rights }: PoliciesOptions,
  caller: ManagingCaller,
  scope: PolicyScope,
): Promise<{ readonly policy: PolicyView; readonly effective: Policy }> {
  await requireRight(rights, caller, scope);
  const own = await policies.get(scope.scope);
  if (scope.kind === "deployment") return { policy: view(own), effective: own.policy };
  const deployment = await policies.get("organization");
  return { policy: view(own), effective: stricter(deployment.policy, own.policy) };
}

export interface UpdatePolicyCommand {
  readonly scope: PolicyScope;
  readonly update: Partial<Policy>;
  readonly etag: string;
  readonly validateOnly: boolean;
}

/** Live tokens that a change of a policy blocks. */
export interface BlockedTokens {
  readonly count: number;
  /** The newest 50 of those that the caller may read, newest first. */
  readonly newest: readonly TokenId[];
}

/** Changes a policy, and counts the live tokens that it now blocks completely and did not block before. */
export async function updatePolicy(
  options: PoliciesOptions,
  caller: ManagingCaller,
  { scope, update, etag, validateOnly }: UpdatePolicyCommand,
): Promise<{ readonly policy: PolicyView; readonly blocked: BlockedTokens }> {
  const { policies, rights, clock, model } = options;
  await requireRight(rights, caller, scope);
  const unknown = (update.allowedActions ?? []).findIndex((action) => !model().hasActionAnywhere(action));
  if (unknown !== -1) {
    throw new Failure("UNKNOWN_ACTION", {
      violations: [
        { field: `policy.allowed_actions[${unknown}]`, description: "is not a relation in the authorization model" },
      ],
    });
  }
  // Before the change: when OpenFGA fails, nothing must have been done.
  const named = await readableTokens(rights, caller, scope);
  let before: Policy | undefined;
  let after: Policy | undefined;
  const stored = await policies.change(scope.scope, clock.now(), (current) => {
    if (etag !== "" && etag !== view(current).etag) throw new Failure("ETAG_MISMATCH");
    before = current.policy;
    after = { ...current.policy, ...update };
    if (validateOnly || isDeepStrictEqual(before, after)) return undefined;
    return { policy: after, event: changeOf(caller, scope, current.policy, after, clock.now()) };
  });
  const policy = after ?? stored.policy;
  const count = () => countBlocked(options, scope, before, policy, named);
  const blocked = await (validateOnly ? count() : afterChange(count));
  return { policy: { ...view(stored), policy }, blocked };
}

/** Deletes the policy of a scope and so all its limits. */
export async function deletePolicy(
  { policies, rights, clock }: PoliciesOptions,
  caller: ManagingCaller,
  scope: PolicyScope,
): Promise<void> {
  await requireRight(rights, caller, scope);
  await policies.change(scope.scope, clock.now(), (current) =>
    current.revision === 0
      ? undefined
      : { policy: undefined, event: changeOf(caller, scope, current.policy, noPolicy, clock.now()) },
  );
}

/**
 * Returns the event of a change. Loosening has its own action, so that it is easy to find in the audit trail, and needs
 * a step-up.
 */
function changeOf(
  caller: ManagingCaller,
  { kind, scope }: PolicyScope,
  policy: Policy,
  next: Policy,
  time: Date,
): AuditEvent {
  const looser = loosens(policy, next);
  if (looser) requireStepUp(caller, time);
  const action = looser ? "policy.loosened" : "policy.changed";
  const about = kind === "organization" ? { organization: scope } : {};
  return changeEvent({ caller, time }, action, about, { scope, ...changes(policy, next) });
}

/** How many tokens that a change blocks are named. */
const mostNamed = 50;

/** Returns which tokens of a scope may be named to a caller with the right to its policy. */
async function readableTokens(rights: Rights, caller: ManagingCaller, scope: PolicyScope): Promise<NamedTokens> {
  const { subjects } = ceilingsOf(caller);
  // The policies of the deployment are only for callers that may read every token, except services.
  const readable =
    caller.kind === "service"
      ? hasPermission(caller, "tokens.read")
      : scope.kind === "deployment" || (await rights.onOrganization(caller, scope.scope, "read"));
  return { most: readable ? mostNamed : 0, ...(subjects && { subjects }) };
}

/**
 * Counts the live tokens of the scope that the change blocks, and names the newest. The database counts them, since a
 * scope may have any number of tokens.
 */
async function countBlocked(
  { store, clock }: PoliciesOptions,
  { scope }: PolicyScope,
  before: Policy | undefined,
  after: Policy,
  named: NamedTokens,
): Promise<BlockedTokens> {
  // An update that changes nothing blocks nothing, so a repeat needs no count.
  if (!before || isDeepStrictEqual(before, after)) return { count: 0, newest: [] };
  const filter: TokenFilter = { states: ["ACTIVE", "SUSPENDED", "PENDING_APPROVAL"], ...tokensUnder(scope) };
  return store.countBlocked(filter, { before, after }, named, clock.now());
}

/** Returns the filter for the tokens that the policy of a scope applies to. */
export function tokensUnder(scope: string): Pick<TokenFilter, "kind" | "organization"> {
  if (scope === "user") return { kind: "pat" };
  if (scope === "organization") return { kind: "oat" };
  return { organization: scope as SubjectName }; // any other scope is the name of an organization
}

/**
 * Requires the right to the policies of a scope. All policies need the permission `policies`; for an organization's,
 * the right of a user in OpenFGA is enough. A caller that is limited to some subjects has only the policies of these.
 */
async function requireRight(rights: Rights, caller: ManagingCaller, scope: PolicyScope): Promise<void> {
  const ceilings = ceilingsOf(caller);
  const admitted = scope.kind === "organization" ? admitsSubject(ceilings, scope.scope) : admitsAll(ceilings);
  if (admitted && hasPermission(caller, "policies")) return;
  if (
    scope.kind === "organization" &&
    caller.kind === "user" &&
    (await rights.onOrganization(caller, scope.scope, "policy"))
  ) {
    return;
  }
  throw new Failure("CALLER_FORBIDDEN", { metadata: { permission: "policies" } });
}

function view(record: StoredPolicyRecord): PolicyView {
  return { ...record, etag: record.revision === 0 ? "" : etagOf({ id: record.scope, revision: record.revision }) };
}
