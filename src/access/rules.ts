import type { DescService } from "@bufbuild/protobuf";
import type { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import type { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { Failure } from "../failure/failure.js";
import type { Caller, Permission } from "./caller.js";

/** What a method asks of its caller. */
export interface Access {
  readonly permission: Permission;
}

/** One row for each method of a service. */
export type AccessRules<S extends DescService> = { readonly [Method in keyof S["method"]]: Access };

/** Who may call what, all of it. A method without a row, or a row without a method, does not compile. */
export const accessRules = {
  authorization: {
    check: { permission: "check" },
    batchCheck: { permission: "check" },
    introspect: { permission: "introspect" },
  },
  tokens: {
    createToken: { permission: "tokens.impersonate" },
    getToken: { permission: "tokens.read" },
    listTokens: { permission: "tokens.read" },
    revokeToken: { permission: "tokens.revoke" },
  },
} as const satisfies {
  readonly authorization: AccessRules<typeof AuthorizationService>;
  readonly tokens: AccessRules<typeof TokenService>;
};

/** Throws CALLER_FORBIDDEN unless the caller may call a method with this rule. */
export function authorize(caller: Caller, { permission }: Access): void {
  requirePermission(caller, permission);
}

/** For a permission that depends on what is asked, such as `tokens.claims`. Throws CALLER_FORBIDDEN. */
export function requirePermission(caller: Caller, permission: Permission): void {
  if (caller.permissions.has(permission) || caller.permissions.has("admin")) return;
  throw new Failure("CALLER_FORBIDDEN", { metadata: { permission } });
}
