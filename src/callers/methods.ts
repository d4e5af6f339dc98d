import type { DescMethod, DescMethodUnary, DescService, MessageShape } from "@bufbuild/protobuf";
import { AuditService } from "#gen/patwarden/v1/audit_pb.js";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { SelfService } from "#gen/patwarden/v1/self_pb.js";
import { SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import { RevocationReason, TokenService } from "#gen/patwarden/v1/token_pb.js";
import { UsageService } from "#gen/patwarden/v1/usage_pb.js";
import type { Permission } from "./caller.js";
import type { LimitName } from "./limits.js";

/** The callers that a method accepts. Rights on single objects are checked later. */
export interface Access {
  /** The permission that a service needs; `none`: every service may call. */
  readonly permission: Permission | "none";
  /** `rights`: users may call, with rights checked on each object. `admin`: only administrators of the deployment. */
  readonly users: "rights" | "admin";
  /** Whether a Patwarden token may call the method about itself. */
  readonly tokens: "self" | "never";
}

/** The limit that applies to a call. */
export type MethodLimit = LimitName | "none";

/** One row of the table of methods. */
export interface Method<M extends DescMethod = DescMethod> extends Access {
  /** Whether the method changes cached facts: its response waits until all replicas have applied the change. */
  readonly confirmed: boolean;
  /** The limit that applies to a call; a function when it depends on the request. */
  readonly limit:
    | MethodLimit
    | ((request: M extends DescMethodUnary<infer I> ? MessageShape<I> : never) => MethodLimit);
  /** Whether a successful call is logged; failed calls always are. */
  readonly logged: boolean;
  /** Whether the public port serves the method. */
  readonly public: boolean;
}

/** One row for each method of a service. */
export type Methods<S extends DescService> = { readonly [Name in keyof S["method"]]: Method<S["method"][Name]> };

const decides = (permission: Permission) =>
  ({
    permission,
    users: "admin",
    tokens: "never",
    confirmed: false,
    limit: "none",
    logged: false,
    public: false,
  }) as const;
const reads = (permission: Permission | "none", limit: MethodLimit = "none") =>
  ({ permission, users: "rights", tokens: "never", confirmed: false, limit, logged: false, public: true }) as const;
const changes = (permission: Permission, limit: MethodLimit = "none") =>
  ({ permission, users: "rights", tokens: "never", confirmed: true, limit, logged: true, public: true }) as const;

/** Limits revocations, except those because of a leak. */
const unlessLeaked = ({ reason }: { readonly reason: RevocationReason }): MethodLimit =>
  reason === RevocationReason.LEAKED ? "none" : "revocations";

/** Limits revocations of many tokens, except those because of a leak. A preview of them only reads. */
const revokesMany = (request: { readonly validateOnly: boolean; readonly reason: RevocationReason }): MethodLimit =>
  request.validateOnly ? "lists" : unlessLeaked(request);

/** Limits a change that may end or narrow tokens. A preview of it only reads. */
const revokesUnlessPreview = ({ validateOnly }: { readonly validateOnly: boolean }): MethodLimit =>
  validateOnly ? "lists" : "revocations";

const ofAdministrators = { users: "admin", public: false } as const;
const itself = { tokens: "self" } as const;

/** The table of all methods. A method without a row, or a row without a method, does not compile. */
export const methods = {
  authorization: {
    check: decides("check"),
    batchCheck: decides("check"),
    listResources: decides("check"),
    introspect: { ...decides("introspect"), ...itself },
  },
  tokens: {
    createToken: { ...changes("tokens.impersonate", "creations"), confirmed: false },
    getToken: reads("tokens.read"),
    listTokens: reads("tokens.read", "lists"),
    getTokenSummary: reads("tokens.read", "lists"),
    // The update may narrow the token, which is known only after its row is locked.
    updateToken: { ...changes("tokens.impersonate"), limit: revokesUnlessPreview },
    rotateToken: { ...changes("tokens.impersonate", "creations"), ...itself },
    revokeToken: { ...changes("tokens.revoke"), ...itself, limit: unlessLeaked },
    revokeSecret: changes("tokens.revoke", "revocations"),
    revokeTokens: { ...changes("tokens.revoke"), limit: revokesMany },
    suspendToken: changes("tokens.revoke", "revocations"),
    resumeToken: changes("tokens.impersonate"),
    approveToken: changes("tokens.approve"),
    denyToken: changes("tokens.approve", "revocations"),
  },
  subjects: {
    getSubject: { ...reads("subjects"), ...ofAdministrators },
    listSubjects: { ...reads("subjects", "lists"), ...ofAdministrators },
    disableSubject: { ...changes("subjects", "revocations"), ...ofAdministrators },
    enableSubject: { ...changes("subjects"), ...ofAdministrators },
    deleteSubject: { ...changes("subjects", "revocations"), ...ofAdministrators },
  },
  policies: {
    getPolicy: reads("policies"),
    updatePolicy: { ...changes("policies"), limit: revokesUnlessPreview },
    deletePolicy: changes("policies"),
  },
  usage: { queryUsage: reads("usage", "lists") },
  audit: { listAuditEvents: reads("audit", "lists") },
  self: {
    getCaller: { ...reads("none"), ...itself },
    listOrganizations: reads("tokens.read", "lists"),
    getCatalog: reads("tokens.read"),
    getCreationLimits: reads("tokens.read"),
    listReachable: reads("tokens.read", "lists"),
    explainToken: reads("tokens.read", "lists"),
  },
} as const satisfies {
  readonly authorization: Methods<typeof AuthorizationService>;
  readonly tokens: Methods<typeof TokenService>;
  readonly subjects: Methods<typeof SubjectService>;
  readonly policies: Methods<typeof PolicyService>;
  readonly usage: Methods<typeof UsageService>;
  readonly audit: Methods<typeof AuditService>;
  readonly self: Methods<typeof SelfService>;
};

const services: readonly (readonly [DescService, Readonly<Record<string, Method<never>>>])[] = [
  [AuthorizationService, methods.authorization],
  [TokenService, methods.tokens],
  [SubjectService, methods.subjects],
  [PolicyService, methods.policies],
  [UsageService, methods.usage],
  [AuditService, methods.audit],
  [SelfService, methods.self],
];

/** Returns the full names, such as `patwarden.v1.TokenService/CreateToken`, of the methods that `wanted` selects. */
export function methodsThatAre(
  wanted: (method: Access & Pick<Method, "logged" | "public">) => boolean,
): ReadonlySet<string> {
  return new Set(
    services.flatMap(([service, rows]) =>
      service.methods.flatMap(({ name, localName }) => {
        const row = rows[localName];
        return row && wanted(row) ? [`${service.typeName}/${name}`] : [];
      }),
    ),
  );
}
