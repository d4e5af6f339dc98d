import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { Grant, Token } from "#gen/patwarden/v1/token_pb.js";

/** The facts of a token that an approval is about. */
export type ApprovedField = "grant" | "networks" | "notBefore" | "ends";

/** The facts that an approver compares: those of the last approval, or those of the token now. */
export interface Facts {
  readonly grant?: Grant | undefined;
  readonly allowedCidrs: readonly string[];
  readonly notBefore?: Timestamp | undefined;
  readonly expireTime?: Timestamp | undefined;
  readonly neverExpires: boolean;
}

const fields: readonly ApprovedField[] = ["grant", "networks", "notBefore", "ends"];

/** Returns the fields that differ from the last approval; undefined for a token that was never approved. */
export function changedSinceApproval(
  token: Pick<Token, "approvedBefore"> & Facts,
): ReadonlySet<ApprovedField> | undefined {
  const { approvedBefore: before } = token;
  return before && new Set(fields.filter((field) => textOf(field, before) !== textOf(field, token)));
}

/** Returns all fields, in the order in which they are shown. */
export const approvedFields = fields;

/** Returns a text that is equal for equal values; the order within a list does not count. */
function textOf(field: ApprovedField, { grant, allowedCidrs, notBefore, expireTime, neverExpires }: Facts): string {
  switch (field) {
    case "grant":
      return grant?.full
        ? "full"
        : JSON.stringify(
            (grant?.rules ?? [])
              .map(({ actions, resources }) => [actions.toSorted(), resources.toSorted()].join(" "))
              .sort(),
          );
    case "networks":
      return allowedCidrs.toSorted().join(" ");
    case "notBefore":
      return String(notBefore && timestampMs(notBefore));
    case "ends":
      return neverExpires ? "never" : String(expireTime && timestampMs(expireTime));
  }
}

/** Why the user cannot approve a token. `unknown`: not for a reason that the page can see. */
export type Obstacle = "noRight" | "subject" | "maker" | "changed" | "rotated" | "unknown";

/**
 * Returns why the user cannot approve a token that the server does not let the user approve. `done` has the actions of
 * the user's own events of this token, such as `token.rotated`.
 */
export function obstacleTo(
  { subject, createdBy }: Pick<Token, "subject" | "createdBy">,
  user: string,
  mayApprove: boolean,
  done: readonly string[],
): Obstacle {
  if (subject === user) return "subject";
  if (createdBy === user) return "maker";
  if (!mayApprove) return "noRight";
  if (done.includes("token.rotated")) return "rotated";
  return done.includes("token.updated") ? "changed" : "unknown";
}
