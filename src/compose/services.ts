import { AuditService } from "#gen/patwarden/v1/audit_pb.js";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { UsageService } from "#gen/patwarden/v1/usage_pb.js";
import type { Authenticator } from "../access/authentication.js";
import { limitRules } from "../access/limits.js";
import { accessRules } from "../access/rules.js";
import type { Authorizer } from "../check/authorizer.js";
import type { Clock } from "../check/clock.js";
import type { ListResourcesOptions } from "../check/list-resources.js";
import type { Config } from "../config/config.js";
import type { Rights } from "../manage/rights.js";
import type { AuthorizationModel } from "../openfga/permission-checker.js";
import { auditService } from "../rpc/audit-service.js";
import { authorizationService } from "../rpc/authorization-service.js";
import { guard, type Management } from "../rpc/guard.js";
import { policyService } from "../rpc/policy-service.js";
import type { Implementation } from "../rpc/service.js";
import { subjectService } from "../rpc/subject-service.js";
import { tokenService } from "../rpc/token-service.js";
import { usageService } from "../rpc/usage-service.js";
import type { AuditStore } from "../store/audit-store.js";
import type { PolicyStore } from "../store/policy-store.js";
import type { SubjectStore } from "../store/subject-store.js";
import type { TokenStore } from "../store/token-store.js";
import type { UsageStore } from "../store/usage-store.js";
import type { PepperRing } from "../token/pepper.js";

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
  readonly config: Pick<Config, "subjects" | "relations" | "tokens">;
  readonly authorizer: Authorizer;
  readonly listing: ListResourcesOptions;
  /** Throws OPENFGA_UNAVAILABLE until the model has been read once. */
  readonly model: () => AuthorizationModel;
  readonly store: TokenStore;
  readonly subjects: SubjectStore;
  readonly policies: PolicyStore;
  readonly events: AuditStore;
  readonly usage: UsageStore;
  readonly rights: Rights;
  readonly peppers: PepperRing;
  readonly clock: Clock;
  readonly management: Omit<Management<typeof TokenService>, "limitRules">;
}

/** The API for the callers that `authenticator` finds. */
export function composeServices(options: ServicesOptions, authenticator: Authenticator): readonly Implementation[] {
  const { config, authorizer, listing, model, store, policies, rights, peppers, clock, management } = options;
  const subjectTypes = config.subjects;
  const pageTokenKeys = peppers.deriveKeys("patwarden page token");
  return [
    guard(
      AuthorizationService,
      accessRules.authorization,
      authenticator,
      authorizationService({ authorizer, resources: listing, model, clock }),
    ),
    guard(
      TokenService,
      accessRules.tokens,
      authenticator,
      tokenService({
        store,
        peppers,
        clock,
        model,
        rights,
        permissions: listing.permissions,
        memberRelation: config.relations.member,
        defaultLifetimeMs: config.tokens.defaultLifetimeMs,
        pageTokenKeys,
        requestKeys: peppers.deriveKeys("patwarden request"),
        subjectTypes,
      }),
      { ...management, limitRules: limitRules.tokens },
    ),
    guard(
      SubjectService,
      accessRules.subjects,
      authenticator,
      subjectService({ subjects: options.subjects, clock, subjectTypes }),
      { ...management, limitRules: limitRules.subjects },
    ),
    guard(
      AuditService,
      accessRules.audit,
      authenticator,
      auditService({
        events: options.events,
        findTokenBySecretSha256: (sha256) => store.findByDigest(peppers.digestsOfSha256(sha256)),
        pageTokenKeys,
        subjectTypes,
      }),
      { ...management, limitRules: limitRules.audit },
    ),
    guard(
      PolicyService,
      accessRules.policies,
      authenticator,
      policyService({ policies, store, rights, clock, model, subjectTypes }),
      { ...management, limitRules: limitRules.policies },
    ),
    guard(
      UsageService,
      accessRules.usage,
      authenticator,
      usageService({ usage: options.usage, store, rights, pageTokenKeys, subjectTypes }),
      { ...management, limitRules: limitRules.usage },
    ),
  ];
}
