import { tokenEvent } from "../audit/change-event.js";
import { requirePermission } from "../callers/authorize.js";
import { actorOf, type ManagingCaller, namesOf, viaOf } from "../callers/caller.js";
import type { Rights } from "../callers/rights.js";
import { requireStepUp } from "../callers/step-up.js";
import { handsOfMaker } from "../domain/approval.js";
import { changes } from "../domain/audit-event.js";
import type { Clock } from "../domain/clock.js";
import { Failure } from "../domain/errors.js";
import { type Subject, type SubjectName, typeOf } from "../domain/identifier.js";
import { newTokenId } from "../domain/ids.js";
import { type Lifetime, resolveExpiry } from "../domain/lifetime.js";
import type { PepperRing } from "../domain/pepper.js";
import type { AuthorizationModel } from "../domain/permission-checker.js";
import type { Grant, TokenKind } from "../domain/token.js";
import type { NewToken, RequestKey, TokenContext, TokenStore } from "../domain/token-store.js";
import { exceededCeilings, exceededPolicies, refuseExceeded } from "./rules/compliance.js";
import { checkGrantAgainstModel } from "./rules/grant-in-model.js";
import { type IdempotencyOptions, type Issued, once } from "./rules/idempotency.js";
import { mintSecret } from "./rules/mint-secret.js";
import {
  isMember,
  kinds,
  limitsOfNewToken,
  type MembershipOptions,
  requireBindable,
  subjectOr,
} from "./rules/new-token.js";

/** A well-formed request for a token; every field has been parsed. */
export interface CreateTokenCommand {
  /** Undefined means the calling user. */
  readonly subject: Subject | undefined;
  readonly organization: SubjectName | undefined;
  readonly name: string;
  readonly description: string;
  readonly justification: string;
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

export interface CreateTokenOptions extends IdempotencyOptions, MembershipOptions {
  readonly store: Pick<TokenStore, "create" | "findRequest" | "get">;
  readonly peppers: PepperRing;
  readonly clock: Clock;
  readonly rights: Rights;
  /** Throws OPENFGA_UNAVAILABLE until the model has been read once. */
  readonly model: () => AuthorizationModel;
  /** Lifetime of a token when neither request nor policy names one, milliseconds. */
  readonly defaultLifetimeMs: number;
}

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
  const subject = subjectOr(caller, command.subject);
  const kind = kinds[subject.kind];
  const { organization } = command;
  requireBindable(subject, organization);
  const owner = { kind, subject: subject.name, organization };
  if (!(await rights.rankOn(caller, owner, "create"))) {
    // Also for organizations that do not exist, so that nobody learns here which ones exist.
    throw new Failure("CALLER_FORBIDDEN", { metadata: { permission: "create" } });
  }
  if (Object.keys(command.claims).length > 0) requireClaims(caller);
  requireStepUp(caller, now);
  checkGrantAgainstModel(model(), typeOf(subject.name), command.grant);
  if (organization && !(await isMember(options, subject.name, organization))) {
    // The caller sent both names, or is the subject itself.
    const metadata = { state: "NOT_A_MEMBER", subject: subject.name, organization };
    throw new Failure("SUBJECT_STATE", { metadata });
  }

  try {
    return await once(options, command.request, now, async (requestFor) => {
      const { secret, text } = mintSecret(peppers, kind, now);
      const snapshot = await store.create(owner, (context) => {
        const token = draftToken(options, caller, { ...command, ...owner }, context, now);
        refuseExceeded([...exceededPolicies(context, token, secret), ...exceededCeilings(caller, token, now)]);
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
  context: TokenContext,
  now: Date,
): NewToken["token"] {
  const { policy, deleted } = limitsOfNewToken(caller, context, defaultLifetimeMs);
  if (deleted) throw new Failure("SUBJECT_STATE", { metadata: { state: "DELETED" } });
  const expiry = resolveExpiry({
    lifetime: command.lifetime,
    now,
    defaultLifetimeMs: policy.defaultLifetimeMs,
    notBefore: command.notBefore,
  });
  if (!expiry.ok) {
    throw new Failure("INVALID_FIELD", { violations: [{ field: expiry.field, description: expiry.description }] });
  }
  return {
    id: newTokenId(),
    kind: command.kind,
    subject: command.subject,
    generation: context.subjects.subject.generation,
    organization: command.organization,
    name: command.name,
    description: command.description,
    justification: command.justification,
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
    approved: undefined,
    suspension: undefined,
    revocation: undefined,
    revision: 1,
  };
}

/** Returns what the new token may do, so that the audit trail shows it even after changes. */
function createdDetails(token: NewToken["token"]): Readonly<Record<string, string>> {
  const { name, grant, expireTime, notBefore, allowedCidrs, organization, claims, selfRotate } = token;
  const justification = token.justification || undefined;
  const told = { name, justification, grant, expireTime, notBefore, allowedCidrs, organization, claims, selfRotate };
  return changes({}, told);
}

/**
 * Requires the permission to write claims. Backends trust claims, so only a trusted service may write them, also when
 * it calls on behalf of a user.
 */
export function requireClaims(caller: ManagingCaller): void {
  requirePermission(caller.kind === "user" && caller.via ? caller.via : caller, "tokens.claims");
}
