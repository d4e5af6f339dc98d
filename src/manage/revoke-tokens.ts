import { tokenEvent } from "../audit/change-event.js";
import { hasPermission, requirePermission } from "../callers/authorize.js";
import { actorOf, admitsAll, ceilingsOf, type ManagingCaller } from "../callers/caller.js";
import type { Rights } from "../callers/rights.js";
import { requireStepUp } from "../callers/step-up.js";
import type { Clock } from "../domain/clock.js";
import { Failure } from "../domain/errors.js";
import { type SubjectName, type SubjectTypes, typeOf } from "../domain/identifier.js";
import type { RevocationReason, TokenId, TokenRecord } from "../domain/token.js";
import type { TokenFilter, TokenOwner, TokenStore } from "../domain/token-store.js";
import type { AskedFilter } from "./list-tokens.js";
import { afterChange } from "./rules/after-change.js";

export interface RevokeTokensCommand {
  readonly target:
    | { readonly kind: "subject"; readonly subject: SubjectName }
    | { readonly kind: "organization"; readonly organization: SubjectName }
    | { readonly kind: "everything" }
    | { readonly kind: "ids"; readonly ids: readonly TokenId[] }
    | { readonly kind: "filter"; readonly filter: AskedFilter };
  /** Undefined for the target `ids`. */
  readonly createdBefore: Date | undefined;
  readonly reason: RevocationReason;
  readonly validateOnly: boolean;
  /** Undefined means any number. */
  readonly expectedCount: number | undefined;
}

/** The outcome for one of the ids. */
export type RevokedResult = "REVOKED" | "REVOKED_BEFORE" | "NOT_FOUND" | "FORBIDDEN";

export interface RevokedTokens {
  /** The number of tokens that were revoked, or would be. */
  readonly count: number;
  /** One for each id of the target `ids`, in order; empty for other targets. */
  readonly results: readonly { readonly id: TokenId; readonly result: RevokedResult }[];
  /** When the last JWT of the tokens expires; undefined when none is valid. */
  readonly residualUntil: Date | undefined;
}

export interface RevokeTokensOptions {
  readonly store: Pick<TokenStore, "revokeAll" | "count" | "owners" | "residualOf">;
  readonly clock: Clock;
  readonly rights: Rights;
  readonly subjectTypes: SubjectTypes;
}

const notRevoked = ["ACTIVE", "PENDING_APPROVAL", "SUSPENDED", "EXPIRED", "DENIED"] as const;

/** Revokes all tokens of a target, or none, in one change. */
export async function revokeTokens(
  options: RevokeTokensOptions,
  caller: ManagingCaller,
  command: RevokeTokensCommand,
): Promise<RevokedTokens> {
  const { target } = command;
  if (target.kind === "ids") return revokeEach(options, caller, { ...command, ids: target.ids });
  await requireRights(options, caller, target);
  const { subjects } = ceilingsOf(caller);
  const filter: TokenFilter = {
    ...(target.kind === "subject" && { subject: target.subject }),
    ...(target.kind === "organization" && { organization: target.organization }),
    ...(target.kind === "filter" && target.filter),
    ...(subjects && { subjects }),
    ...(command.createdBefore && { createdBefore: command.createdBefore }),
  };
  const { states = notRevoked } = filter;
  const unrevoked = { ...filter, states: states.filter((state) => state !== "REVOKED") };
  if (command.validateOnly) {
    return {
      count: await options.store.count(unrevoked, options.clock.now()),
      results: [],
      residualUntil: undefined,
    };
  }
  if (isEverywhere(target)) requireStepUp(caller, options.clock.now());
  // A repeat, which revokes nothing more, finds the tokens by what a revocation leaves as it was.
  const { states: _states, blocked: _blocked, ...lasting } = filter;
  const ids = await revoke(options, caller, { unrevoked, lasting }, command);
  return { count: ids.length, results: [], residualUntil: await residualUntil(options, lasting) };
}

/** Revokes the tokens among these that the caller may revoke. */
async function revokeEach(
  options: RevokeTokensOptions,
  caller: ManagingCaller,
  command: RevokeTokensCommand & { readonly ids: readonly TokenId[] },
): Promise<RevokedTokens> {
  const owners = await options.store.owners(command.ids);
  const rights = options.rights.remembering();
  const expected = await Promise.all(
    command.ids.map(async (id) => ({ id, result: await outcomeOf(rights, caller, id, owners.get(id)) })),
  );
  const which = (...results: readonly RevokedResult[]) =>
    expected.filter(({ result }) => results.includes(result)).map(({ id }) => id);
  const wanted = which("REVOKED");
  if (command.validateOnly) return { count: wanted.length, results: expected, residualUntil: undefined };
  const lasting = { ids: which("REVOKED", "REVOKED_BEFORE") };
  const unrevoked = { ids: wanted, states: notRevoked };
  const revoked = new Set(await revoke(options, caller, { unrevoked, lasting }, command));
  return {
    count: revoked.size,
    // Another call may have revoked one since its owner was read.
    results: expected.map(({ id, result }) => ({
      id,
      result: result === "REVOKED" && !revoked.has(id) ? "REVOKED_BEFORE" : result,
    })),
    residualUntil: await residualUntil(options, lasting),
  };
}

async function outcomeOf(
  rights: Rights,
  caller: ManagingCaller,
  id: TokenId,
  owner: TokenOwner | undefined,
): Promise<RevokedResult> {
  if (!owner) return "NOT_FOUND";
  if (await rights.rankOn(caller, owner, "revoke", id)) return owner.revoked ? "REVOKED_BEFORE" : "REVOKED";
  return (await rights.rankOn(caller, owner, "read", id)) ? "FORBIDDEN" : "NOT_FOUND";
}

/**
 * Revokes what matches `unrevoked` and returns the ids. Throws POLICY_VIOLATION when it is not the expected number.
 * None at all is no error when that many tokens that match `lasting` are revoked already: that is what a repeat finds.
 */
async function revoke(
  { store, clock }: RevokeTokensOptions,
  caller: ManagingCaller,
  { unrevoked, lasting }: { readonly unrevoked: TokenFilter; readonly lasting: TokenFilter },
  { target, reason, expectedCount }: RevokeTokensCommand,
): Promise<readonly TokenId[]> {
  const now = clock.now();
  const revocation = { by: actorOf(caller), reason, time: now };
  const eventOf = (token: TokenRecord) =>
    tokenEvent({ caller, time: now }, "token.revoked", token, { revocation }, { bulk: target.kind });
  const { ids, count, done } = await store.revokeAll(unrevoked, revocation, { expected: expectedCount }, now, eventOf);
  if (done || expectedCount === undefined) return ids;
  if (count === 0) {
    // The first call may have been the last to hear of a use.
    const { unusedSince: _unusedSince, ...found } = lasting;
    if ((await store.count({ ...found, states: ["REVOKED"] }, now)) >= expectedCount) return [];
  }
  throw new Failure("POLICY_VIOLATION", {
    metadata: { field: "expected_count", limit: String(count), scope: "request" },
  });
}

type Selection = Exclude<RevokeTokensCommand["target"], { readonly kind: "ids" }>;

/** Returns whether the target is not limited to a subject or an organization. */
function isEverywhere(target: Selection): boolean {
  if (target.kind === "filter") return target.filter.subject === undefined && target.filter.organization === undefined;
  return target.kind === "everything";
}

/** A count of what a filter selects tells about tokens, so a filter needs the right to read them too. */
async function requireRights(options: RevokeTokensOptions, caller: ManagingCaller, target: Selection): Promise<void> {
  await requireRight(options, caller, target, "revoke");
  if (target.kind === "filter") await requireRight(options, caller, target, "read");
}

async function requireRight(
  { rights, subjectTypes }: RevokeTokensOptions,
  caller: ManagingCaller,
  target: Selection,
  permission: "revoke" | "read",
): Promise<void> {
  if (caller.kind === "service") requirePermission(caller, `tokens.${permission}`);
  if (isEverywhere(target)) {
    if (hasPermission(caller, `tokens.${permission}`) && admitsAll(ceilingsOf(caller))) return;
    const because = "names neither a subject nor an organization";
    throw new Failure("CALLER_FORBIDDEN", { metadata: { permission, ...(target.kind === "filter" && { because }) } });
  }
  const { subject, organization } = namedBy(target);
  if (subject !== undefined) {
    const kind = typeOf(subject) === subjectTypes.organization ? "oat" : "pat";
    if (await rights.rankOn(caller, { subject, organization: undefined, kind }, permission)) return;
  }
  if (organization !== undefined && (await rights.onOrganization(caller, organization, permission))) return;
  throw new Failure("CALLER_FORBIDDEN", { metadata: { permission } });
}

function namedBy(target: Selection): Pick<TokenFilter, "subject" | "organization"> {
  switch (target.kind) {
    case "subject":
      return { subject: target.subject };
    case "organization":
      return { organization: target.organization };
    case "filter":
      return target.filter;
    case "everything":
      return {};
  }
}

/**
 * Returns when the last JWT of these revoked tokens expires, or undefined when none is valid. No more JWTs are made for
 * a revoked token, so this time is final.
 */
export async function residualUntil(
  { store, clock }: { readonly store: Pick<TokenStore, "residualOf">; readonly clock: Clock },
  filter: TokenFilter,
): Promise<Date | undefined> {
  return afterChange(() => store.residualOf({ ...filter, states: ["REVOKED"] }, clock.now()));
}
