import type { DescService } from "@bufbuild/protobuf";
import { AuditService } from "#gen/patwarden/v1/audit_pb.js";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { UsageService } from "#gen/patwarden/v1/usage_pb.js";
import { auditService } from "../api/audit.js";
import { authorizationService } from "../api/authorization.js";
import { type GuardedCall, type GuardedHandlers, guard, type Management } from "../api/guard.js";
import { plainCodecs } from "../api/plain-messages.js";
import { policyService } from "../api/policy.js";
import { subjectService } from "../api/subject.js";
import { tokenService } from "../api/token.js";
import { usageService } from "../api/usage.js";
import type { Authenticator } from "../callers/authentication.js";
import { limitRules } from "../callers/limits.js";
import type { Rights } from "../callers/rights.js";
import { accessRules } from "../callers/rules.js";
import type { Authorizer } from "../check/authorizer.js";
import type { ListResourcesOptions } from "../check/list-resources.js";
import type { Config } from "../config/config.js";
import { createAuditStore } from "../database/audit.js";
import type { Database } from "../database/database.js";
import { createPolicyStore } from "../database/policy.js";
import { createSubjectStore } from "../database/subject.js";
import { createTokenStore } from "../database/token.js";
import { createUsageStore } from "../database/usage.js";
import type { Clock } from "../domain/clock.js";
import type { PepperRing } from "../domain/pepper.js";
import type { AuthorizationModel } from "../domain/permission-checker.js";
import { type CallContext, type Implementation, withCodecs } from "../transport/service.js";

/** They work while OpenFGA is down, as far as they need not ask it. */
export const managementServices: readonly string[] = [
  TokenService,
  SubjectService,
  PolicyService,
  AuditService,
  UsageService,
].map(({ typeName }) => typeName);

/** What users may do by themselves, and tokens about themselves. */
export const publicServices: readonly string[] = [TokenService, PolicyService, UsageService].map(
  ({ typeName }) => typeName,
);

export interface ServicesOptions {
  readonly config: Pick<Config, "subjects" | "tokens">;
  readonly authorizer: Authorizer;
  readonly listing: ListResourcesOptions;
  /** Throws OPENFGA_UNAVAILABLE until the model has been read once. */
  readonly model: () => AuthorizationModel;
  readonly database: Database;
  readonly rights: Rights;
  readonly peppers: PepperRing;
  readonly clock: Clock;
  readonly management: Omit<Management<typeof TokenService>, "limitRules">;
}

/** The API for the callers that `authenticator` finds. */
export function composeServices(options: ServicesOptions, authenticator: Authenticator): readonly Implementation[] {
  const { config, authorizer, listing, model, rights, peppers, clock, management } = options;
  const subjectTypes = config.subjects;
  const pageTokenKeys = peppers.deriveKeys("patwarden page token");
  const requestKeys = peppers.deriveKeys("patwarden request");
  return [
    withCodecs(
      guard(
        AuthorizationService,
        accessRules.authorization,
        authenticator,
        authorizationService({ authorizer, resources: listing, model, clock }),
      ),
      plainCodecs,
    ),
    guard(
      TokenService,
      accessRules.tokens,
      authenticator,
      forEachCall(TokenService, options, (database) =>
        tokenService({
          store: createTokenStore(database),
          peppers,
          clock,
          model,
          rights,
          permissions: listing.permissions,
          memberRelation: config.subjects.relations.member,
          defaultLifetimeMs: config.tokens.defaultLifetimeMs,
          pageTokenKeys,
          requestKeys,
          subjectTypes,
        }),
      ),
      { ...management, limitRules: limitRules.tokens },
    ),
    guard(
      SubjectService,
      accessRules.subjects,
      authenticator,
      forEachCall(SubjectService, options, (database) =>
        subjectService({ subjects: createSubjectStore(database), clock, subjectTypes }),
      ),
      { ...management, limitRules: limitRules.subjects },
    ),
    guard(
      AuditService,
      accessRules.audit,
      authenticator,
      forEachCall(AuditService, options, (database) =>
        auditService({
          events: createAuditStore(database),
          findTokenBySecretSha256: (sha256) => createTokenStore(database).findByDigest(peppers.digestsOfSha256(sha256)),
          pageTokenKeys,
          subjectTypes,
        }),
      ),
      { ...management, limitRules: limitRules.audit },
    ),
    guard(
      PolicyService,
      accessRules.policies,
      authenticator,
      forEachCall(PolicyService, options, (database) =>
        policyService({
          policies: createPolicyStore(database),
          store: createTokenStore(database),
          rights,
          clock,
          model,
          subjectTypes,
        }),
      ),
      { ...management, limitRules: limitRules.policies },
    ),
    guard(
      UsageService,
      accessRules.usage,
      authenticator,
      forEachCall(UsageService, options, (database) =>
        usageService({
          usage: createUsageStore(database),
          store: createTokenStore(database),
          rights,
          pageTokenKeys,
          subjectTypes,
        }),
      ),
      { ...management, limitRules: limitRules.usage },
    ),
  ];
}

/** Handlers that work for each call on a database of its own, which begins nothing once the caller waits no longer. */
function forEachCall<S extends DescService>(
  service: S,
  { database }: Pick<ServicesOptions, "database">,
  handlersOn: (database: Database) => GuardedHandlers<S>,
): GuardedHandlers<S> {
  const handlers = service.methods.map(({ localName }) => {
    const name = localName as keyof S["method"]; // one of this service's own methods
    const handle = (request: never, guarded: GuardedCall) => {
      const own = handlersOn(database.forCaller(() => isOver(guarded.call)));
      return own[name](request, guarded);
    };
    return [localName, handle];
  });
  return Object.fromEntries(handlers); // one for each method, of the same types
}

function isOver({ deadline, cancelled }: CallContext): boolean {
  return cancelled || (deadline !== undefined && performance.now() >= deadline);
}
