import { authorize } from "../callers/authorize.js";
import type { ManagingCaller } from "../callers/caller.js";
import { type Access, methods } from "../callers/methods.js";
import type { Right, Rights } from "../callers/rights.js";
import { Failure } from "../domain/errors.js";
import type { Rank } from "../domain/token.js";
import type { TokenSnapshot } from "../domain/token-store.js";
import { checkApproval, checkDenial, requireCompliance } from "./approve-token.js";
import { hasSecretInGrace } from "./revoke-secret.js";
import { requireSomeRotation, rightToRotate } from "./rotate-token.js";
import { requireNotEnded } from "./rules/change-token.js";
import { checkResumption, checkSuspension } from "./suspend-token.js";

interface OperationRules {
  readonly method: Access;
  readonly right: (caller: ManagingCaller) => Right;
  /**
   * Returns whether the method would change the token when it is called with the best values. Throws the Failure of the
   * method otherwise. These are the rules of the methods themselves.
   */
  readonly changes: (caller: ManagingCaller, current: TokenSnapshot, now: Date, rank: Rank) => boolean;
}

const { tokens } = methods;

/** Everything that can be done with one token, as the API names it. */
const operations = {
  UPDATE: {
    method: tokens.updateToken,
    right: () => "create",
    changes: (_caller, current, now) => {
      requireNotEnded(current, now);
      return true;
    },
  },
  ROTATE: {
    method: tokens.rotateToken,
    right: rightToRotate,
    changes: (caller, current, now) => {
      requireSomeRotation(caller, current, now);
      return true;
    },
  },
  REVOKE: {
    method: tokens.revokeToken,
    right: () => "revoke",
    changes: (_caller, { token }) => token.revocation === undefined,
  },
  SUSPEND: {
    method: tokens.suspendToken,
    right: () => "revoke",
    changes: (_caller, current, now, rank) => checkSuspension(current, now, rank),
  },
  RESUME: {
    method: tokens.resumeToken,
    right: () => "revoke",
    changes: (_caller, current, now, rank) => checkResumption(current, now, rank),
  },
  APPROVE: {
    method: tokens.approveToken,
    right: () => "approve",
    changes: (caller, current, now) => {
      if (!checkApproval(caller, current, now)) return false;
      requireCompliance(current);
      return true;
    },
  },
  DENY: {
    method: tokens.denyToken,
    right: () => "approve",
    changes: (_caller, current) => checkDenial(current),
  },
  REVOKE_SECRET: {
    method: tokens.revokeSecret,
    right: () => "revoke",
    changes: (_caller, current, now) => hasSecretInGrace(current, now),
  },
} as const satisfies Readonly<Record<string, OperationRules>>;

export type Operation = keyof typeof operations;

const names = Object.keys(operations) as readonly Operation[]; // its own keys

/**
 * Returns what the caller may do with a token now. A sign-in that is too old for a call is not considered. While
 * OpenFGA is down, what needs a right on an organization is left out.
 *
 * @param rights for several tokens of a request, rights that remember (`Rights.remembering`).
 */
export async function permittedOperations(
  rights: Rights,
  caller: ManagingCaller,
  current: TokenSnapshot,
  now: Date,
): Promise<readonly Operation[]> {
  const found = await Promise.all(
    names.map(async (name) => {
      const { method, right, changes }: OperationRules = operations[name];
      const permits = (rank: Rank) =>
        succeeds(() => {
          authorize(caller, method);
          return changes(caller, current, now, rank);
        });
      // If the highest rank may not do it, the caller's own rank need not be known.
      if (!permits("deployment")) return [];
      const rank = await rankOf(rights, caller, current, right(caller));
      return rank && permits(rank) ? [name] : [];
    }),
  );
  return found.flat();
}

function succeeds(check: () => boolean): boolean {
  try {
    return check();
  } catch (error) {
    if (error instanceof Failure) return false;
    throw error;
  }
}

async function rankOf(
  rights: Rights,
  caller: ManagingCaller,
  { token }: TokenSnapshot,
  right: Right,
): Promise<Rank | undefined> {
  try {
    return await rights.rankOn(caller, token, right, token.id);
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}
