import { tokenEvent } from "../audit/change-event.js";
import { requirePermission } from "../callers/authorize.js";
import { actorOf, ceilingsOf, type ManagingCaller, namesOf, viaOf } from "../callers/caller.js";
import type { Rights } from "../callers/rights.js";
import { requireStepUp } from "../callers/step-up.js";
import { handsOfMaker } from "../domain/approval.js";
import { changes } from "../domain/audit-event.js";
import type { Clock } from "../domain/clock.js";
import { Failure } from "../domain/errors.js";
import type { ActionName, ResourceName, Subject, SubjectName } from "../domain/identifier.js";
import { newTokenId } from "../domain/ids.js";
import { type Lifetime, resolveExpiry } from "../domain/lifetime.js";
import type { PepperRing } from "../domain/pepper.js";
import type { AuthorizationModel, PermissionChecker } from "../domain/permission-checker.js";
import type { Grant, TokenKind } from "../domain/token.js";
import type { NewToken, RequestKey, TokenContext, TokenStore } from "../domain/token-store.js";
import { requireCompliance, requireWithinCeilings } from "./rules/compliance.js";
import { checkGrantAgainstModel } from "./rules/grant-in-model.js";
import { type IdempotencyOptions, type Issued, once } from "./rules/idempotency.js";
import { mintSecret } from "./rules/mint-secret.js";

/** A well-formed request for a token; every field has been parsed. */
export interface CreateTokenCommand {
  /** Undefined means the calling user. */
  readonly subject: Subject | undefined;
  readonly organization: SubjectName | undefined;
  readonly name: string;
  readonly description: string;
  readonly grant: Grant;
  readonly lifetime: Lifetime;
  readonly notBefore: Date | undefined;
  readonly allowedCidrs: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly claims: Readonly<Record<string, string>>;
  readonly selfRotate: boolean;
  readonly validateOnly: boolean;
  readonly request: RequestKey | undefined;
}

export interface CreateTokenOptions extends IdempotencyOptions {
  readonly store: Pick<TokenStore, "create" | "findRequest" | "get">;
  readonly peppers: PepperRing;
  readonly clock: Clock;
  readonly rights: Rights;
  readonly permissions: PermissionChecker;
  /** Throws OPENFGA_UNAVAILABLE until the model has been read once. */
  readonly model: () => AuthorizationModel;
  /** Lifetime of a token when neither request nor policy names one, milliseconds. */
  readonly defaultLifetimeMs: number;
  /** `subjects.member_relation` of the configuration. */
  readonly memberRelation: ActionName;
}

const kinds = { user: "pat", organization: "oat" } as const satisfies Record<Subject["kind"], TokenKind>;

/** Thrown with the result of a draft when nothing is to be made, so that the transaction is rolled back. */
class Validated extends Error {
  readonly issued: Issued;
  constructor(issued: Issued) {
    super("validated only");
    this.issued = issued;
  }
}

/** Creates a token and its first secret. When it throws a Failure other than OUTCOME_UNKNOWN, nothing was stored. */
export async function createToken(
  options: CreateTokenOptions,
  caller: ManagingCaller,
  command: CreateTokenCommand,
): Promise<Issued> {
  const { store, peppers, clock, rights, model } = options;
  const now = clock.now();
  const subject = command.subject ?? callingUser(caller);
  const kind = kinds[subject.kind];
  const { organization } = command;
  if (organization && kind === "oat") {
    throw invalid("organization", "is only for tokens of users; for an organization's own token, set subject instead");
  }
  const owner = { kind, subject: subject.name, organization };
  if (!(await rights.rankOn(caller, owner, "create"))) {
    // Also for organizations that do not exist, so that nobody learns here which ones exist.
    throw new Failure("CALLER_FORBIDDEN", { metadata: { permission: "create" } });
  }
  if (Object.keys(command.claims).length > 0) requireClaims(caller);
  requireStepUp(caller, now);
  checkGrantAgainstModel(model(), subject, command.grant);
  if (organization) await requireMembership(options, subject.name, organization);

  try {
    return await once(options, command.request, now, async (requestFor) => {
      const { secret, text } = mintSecret(peppers, kind, now);
      const snapshot = await store.create(owner, (context) => {
        const token = draftToken(options, caller, { ...command, ...owner }, context, now);
        requireCompliance(context, token, secret);
        requireWithinCeilings(caller, token, now);
        if (command.validateOnly) {
          throw new Validated({
            snapshot: { token: { ...token, secrets: [] }, lastUses: new Map(), ...context },
            secret: "",
          });
        }
        const event = tokenEvent({ caller, time: now }, "token.created", token, {}, createdDetails(token));
        return { token, secret, event, ...requestFor(text) };
      });
      return { snapshot, secret: text };
    });
  } catch (error) {
    if (error instanceof Validated) return error.issued;
    throw error;
  }
}

function draftToken(
  { defaultLifetimeMs }: CreateTokenOptions,
  caller: ManagingCaller,
  command: Omit<CreateTokenCommand, "subject"> & { readonly kind: TokenKind; readonly subject: SubjectName },
  { subjects, policy }: TokenContext,
  now: Date,
): NewToken["token"] {
  for (const facts of [subjects.subject, subjects.organization]) {
    // The tokens of a disabled subject are refused anyway. A deleted subject must be enabled first.
    if (facts?.state === "DELETED") throw new Failure("SUBJECT_STATE", { metadata: { state: facts.state } });
  }
  const ceilings = [policy.maxLifetimeMs, ceilingsOf(caller).maxLifetimeMs].filter((ms) => ms !== undefined);
  const expiry = resolveExpiry({
    lifetime: command.lifetime,
    now,
    defaultLifetimeMs: Math.min(policy.defaultLifetimeMs ?? defaultLifetimeMs, ...ceilings),
    notBefore: command.notBefore,
  });
  if (!expiry.ok) throw invalid(expiry.field, expiry.description);
  return {
    id: newTokenId(),
    kind: command.kind,
    subject: command.subject,
    generation: subjects.subject.generation,
    organization: command.organization,
    name: command.name,
    description: command.description,
    grant: command.grant,
    allowedCidrs: command.allowedCidrs,
    metadata: command.metadata,
    claims: command.claims,
    createTime: now,
    createdBy: actorOf(caller),
    createdVia: viaOf(caller),
    ...handsOfMaker(namesOf(caller)),
    notBefore: command.notBefore,
    expireTime: expiry.expireTime,
    expired: false,
    selfRotate: command.selfRotate,
    approval: policy.requireApproval ? { state: "pending" } : undefined,
    suspension: undefined,
    revocation: undefined,
    revision: 1,
  };
}

/** Returns what the new token may do, so that the audit trail shows it even after changes. */
function createdDetails(token: NewToken["token"]): Readonly<Record<string, string>> {
  const { name, grant, expireTime, notBefore, allowedCidrs, organization, claims, selfRotate } = token;
  const told = { name, grant, expireTime, notBefore, allowedCidrs, organization, claims, selfRotate };
  return changes({}, told);
}

function callingUser(caller: ManagingCaller): Subject {
  if (caller.kind === "user") return { name: caller.subject, kind: "user" };
  throw invalid("subject", "is required; it may be left out only when the caller is a user");
}

/**
 * Requires the permission to write claims. Backends trust claims, so only a trusted service may write them, also when
 * it calls on behalf of a user.
 */
export function requireClaims(caller: ManagingCaller): void {
  requirePermission(caller.kind === "user" && caller.via ? caller.via : caller, "tokens.claims");
}

async function requireMembership(
  { permissions, memberRelation }: CreateTokenOptions,
  subject: SubjectName,
  organization: SubjectName,
): Promise<void> {
  const [member] = await permissions.check(
    [{ subject, action: memberRelation, resource: organization as string as ResourceName }], // an object like any other
    "higher",
  );
  if (member instanceof Failure) throw member;
  // The caller sent both names, or is the subject itself.
  if (!member) throw new Failure("SUBJECT_STATE", { metadata: { state: "NOT_A_MEMBER", subject, organization } });
}

function invalid(field: string, description: string): Failure {
  return new Failure("INVALID_FIELD", { violations: [{ field, description }] });
}
