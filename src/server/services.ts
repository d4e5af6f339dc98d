import type { DescService } from "@bufbuild/protobuf";
import { AuditService } from "#gen/patwarden/v1/audit_pb.js";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { SelfService } from "#gen/patwarden/v1/self_pb.js";
import { SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { UsageService } from "#gen/patwarden/v1/usage_pb.js";
import { auditService } from "../api/audit.js";
import { authorizationService } from "../api/authorization.js";
import { type GuardedCall, type GuardedHandlers, guard, type Management } from "../api/guard.js";
import { plainCodecs } from "../api/plain-messages.js";
import { policyService } from "../api/policy.js";
import { selfService } from "../api/self.js";
import { subjectService } from "../api/subject.js";
import { tokenService } from "../api/token.js";
import { usageService } from "../api/usage.js";
import type { Authenticator } from "../callers/authentication.js";
import { type Methods, methods, methodsThatAre } from "../callers/methods.js";
import { createAuditStore } from "../database/audit.js";
import type { Database } from "../database/database.js";
import { createPolicyStore } from "../database/policy.js";
import { createSubjectStore } from "../database/subject.js";
import { createTokenStore } from "../database/token.js";
import { createUsageStore } from "../database/usage.js";
import { type CallContext, type Implementation, methodName, withCodecs } from "../transport/service.js";
import type { Parts } from "./parts.js";

/** Services that also work while OpenFGA is down, as far as a call does not need OpenFGA. */
export const managementServices: readonly string[] = [
  TokenService,
  SubjectService,
  PolicyService,
  AuditService,
  UsageService,
  SelfService,
].map(({ typeName }) => typeName);

/** Builds the API for the callers that `authenticator` authenticates. */
export function createServices(parts: Parts, authenticator: Authenticator): readonly Implementation[] {
  const { config, authorizer, listing, model, rights, peppers, clock, management } = parts;
  const subjectTypes = config.subjects;
  const pageTokenKeys = peppers.deriveKeys("patwarden page token");
  const requestKeys = peppers.deriveKeys("patwarden request");
  const authorization = guard(
    AuthorizationService,
    authorizationService({ authorizer, resources: listing, model, clock }),
    { methods: methods.authorization, authenticator },
  );
  const managed = <S extends DescService>(
    service: S,
    rows: Methods<S>,
    handlersOn: (database: Database) => GuardedHandlers<S>,
  ): Implementation =>
    guard(service, forEachCall(service, parts.database, handlersOn), { methods: rows, authenticator, management });
  return [
    withCodecs(authorization, plainCodecs),
    managed(TokenService, methods.tokens, (database) =>
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
    managed(SubjectService, methods.subjects, (database) =>
      subjectService({ subjects: createSubjectStore(database), clock, subjectTypes, pageTokenKeys }),
    ),
    managed(AuditService, methods.audit, (database) =>
      auditService({
        events: createAuditStore(database),
        store: createTokenStore(database),
        rights,
        findTokenBySecretSha256: (sha256) => createTokenStore(database).findByDigest(peppers.digestsOfSha256(sha256)),
        pageTokenKeys,
        subjectTypes,
      }),
    ),
    managed(PolicyService, methods.policies, (database) =>
      policyService({
        policies: createPolicyStore(database),
        store: createTokenStore(database),
        rights,
        clock,
        model,
        subjectTypes,
      }),
    ),
    managed(UsageService, methods.usage, (database) =>
      usageService({
        usage: createUsageStore(database),
        store: createTokenStore(database),
        rights,
        pageTokenKeys,
        subjectTypes,
      }),
    ),
    managed(SelfService, methods.self, (database) =>
      selfService({
        store: createTokenStore(database),
        clock: clock.judging,
        model,
        rights,
        permissions: listing.permissions,
        resources: listing.resources,
        relations: config.subjects.relations,
        memberRelation: config.subjects.relations.member,
        defaultLifetimeMs: config.tokens.defaultLifetimeMs,
        catalog: parts.catalog.current,
        pageTokenKeys,
        subjectTypes,
      }),
    ),
  ];
}

/** Builds the part of the API that the public port serves. */
export function createPublicServices(parts: Parts): readonly Implementation[] {
  const served = methodsThatAre((method) => method.public);
  return createServices(parts, parts.publicAuthenticator)
    .map(({ service, operations }) => ({
      service,
      operations: operations.filter(({ method }) => served.has(methodName(method))),
    }))
    .filter(({ operations }) => operations.length > 0);
}

const onConsole: readonly DescService[] = [
  ...[TokenService, PolicyService, UsageService, SelfService],
  ...[SubjectService, AuditService],
];

/** Builds the part of the API that the console serves: what people may call, administrators of the deployment too. */
export function createConsoleServices(parts: Parts, authenticator: Authenticator): readonly Implementation[] {
  const { management } = parts;
  const quiet: Management = {
    ...management,
    onRefusal(refusal, caller, call) {
      // Everybody who opens the page before signing in, or after the session has ended, makes such a call.
      if (caller) management.onRefusal(refusal, caller, call);
    },
  };
  const services = createServices({ ...parts, management: quiet }, authenticator);
  return services.filter(({ service }) => onConsole.includes(service));
}

/**
 * Returns handlers that give each call its own database, which starts no statement once the caller has stopped waiting.
 */
function forEachCall<S extends DescService>(
  service: S,
  database: Database,
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
