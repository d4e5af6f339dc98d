import type { DescService } from "@bufbuild/protobuf";
import type { AuditService } from "#gen/patwarden/v1/audit_pb.js";
import type { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import type { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import type { SubjectService } from "#gen/patwarden/v1/subject_pb.js";
import type { TokenService } from "#gen/patwarden/v1/token_pb.js";
import type { UsageService } from "#gen/patwarden/v1/usage_pb.js";
import { Failure } from "../domain/errors.js";
import type { Caller, Permission } from "./caller.js";

/** What a method asks of its caller before it looks at any object. */
export interface Access {
  /** What a service must have been given. */
  readonly permission: Permission;
  /** `rights`: users may call, and what they may is decided for each object. `admin`: only administrators of the deployment. */
  readonly users: "rights" | "admin";
  /** Whether a Patwarden token may call it about itself. */
  readonly tokens: "self" | "never";
  /** Whether it changes what replicas may have cached: it answers only when all of them go by the change. */
  readonly confirmed?: true;
}

/** One row for each method of a service. */
export type AccessRules<S extends DescService> = { readonly [Method in keyof S["method"]]: Access };

const decides = (permission: Permission): Access => ({ permission, users: "admin", tokens: "never" });
const manages = (permission: Permission): Access => ({ permission, users: "rights", tokens: "never" });
const itself = (permission: Permission): Access => ({ permission, users: "rights", tokens: "self" });

const confirmed = (access: Access): Access => ({ ...access, confirmed: true });

/** Who may call what, all of it. A method without a row, or a row without a method, does not compile. */
export const accessRules = {
  authorization: {
    check: decides("check"),
    batchCheck: decides("check"),
    listResources: decides("check"),
    introspect: { permission: "introspect", users: "admin", tokens: "self" },
  },
  tokens: {
    createToken: manages("tokens.impersonate"),
    getToken: manages("tokens.read"),
    listTokens: manages("tokens.read"),
    updateToken: confirmed(manages("tokens.impersonate")),
    rotateToken: confirmed(itself("tokens.impersonate")),
    revokeToken: confirmed(itself("tokens.revoke")),
    revokeSecret: confirmed(manages("tokens.revoke")),
    revokeTokens: confirmed(manages("tokens.revoke")),
    suspendToken: confirmed(manages("tokens.revoke")),
    resumeToken: confirmed(manages("tokens.impersonate")),
    approveToken: confirmed(manages("tokens.approve")),
    denyToken: confirmed(manages("tokens.approve")),
  },
  subjects: {
    getSubject: decides("subjects"),
    disableSubject: confirmed(decides("subjects")),
    enableSubject: confirmed(decides("subjects")),
    deleteSubject: confirmed(decides("subjects")),
  },
  policies: {
    getPolicy: manages("policies"),
    updatePolicy: confirmed(manages("policies")),
    deletePolicy: confirmed(manages("policies")),
  },
  usage: { queryUsage: manages("usage") },
  audit: { listAuditEvents: decides("audit") },
} as const satisfies {
  readonly authorization: AccessRules<typeof AuthorizationService>;
  readonly tokens: AccessRules<typeof TokenService>;
  readonly subjects: AccessRules<typeof SubjectService>;
  readonly policies: AccessRules<typeof PolicyService>;
  readonly usage: AccessRules<typeof UsageService>;
  readonly audit: AccessRules<typeof AuditService>;
};

/** Throws CALLER_FORBIDDEN unless the caller may call a method with this rule at all. */
export function authorize(caller: Caller, rule: Access): void {
  switch (caller.kind) {
    case "service":
      if (hasPermission(caller, rule.permission)) return;
      break;
    case "user":
      if (rule.users === "rights" || caller.admin) return;
      break;
    case "token":
      if (rule.tokens === "self") return;
  }
  throw new Failure("CALLER_FORBIDDEN", { metadata: { permission: rule.permission } });
}

/** Whether the caller was given a permission; administrators of the deployment have all. */
export function hasPermission(caller: Caller, permission: Permission): boolean {
  switch (caller.kind) {
    case "service":
      return caller.permissions.has(permission) || caller.permissions.has("admin");
    case "user":
      return caller.admin;
    case "token":
      return false;
  }
}

/** For a permission that depends on what is asked, such as `tokens.claims`. Throws CALLER_FORBIDDEN. */
export function requirePermission(caller: Caller, permission: Permission): void {
  if (!hasPermission(caller, permission)) throw new Failure("CALLER_FORBIDDEN", { metadata: { permission } });
}
