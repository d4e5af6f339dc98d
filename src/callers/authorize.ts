import { Failure } from "../domain/errors.js";
import type { Caller, Permission } from "./caller.js";
import type { Access } from "./methods.js";

/** Throws CALLER_FORBIDDEN unless the caller may call the method. Rights on single objects are checked later. */
export function authorize(caller: Caller, method: Access): void {
  switch (caller.kind) {
    case "service":
      if (method.permission === "none" || hasPermission(caller, method.permission)) return;
      break;
    case "user":
      if (method.users === "rights" || caller.admin) return;
      break;
    case "token":
      if (method.tokens === "self") return;
  }
  throw new Failure("CALLER_FORBIDDEN", { metadata: { permission: method.permission } });
}

/** Returns whether the caller was given a permission; administrators of the deployment have all. */
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

/** Throws CALLER_FORBIDDEN without the permission. For permissions that only some requests need: `tokens.claims`. */
export function requirePermission(caller: Caller, permission: Permission): void {
  if (!hasPermission(caller, permission)) throw new Failure("CALLER_FORBIDDEN", { metadata: { permission } });
}
