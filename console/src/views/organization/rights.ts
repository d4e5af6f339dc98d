import { Organization_Right as Right } from "#gen/patwarden/v1/self_pb.js";

/** The parts of an organization's view. */
export type Part = "tokens" | "pending" | "policy" | "usage" | "audit";

/** All rights: those of an administrator of the deployment. */
export const allRights: readonly Right[] = [Right.READ, Right.CREATE, Right.APPROVE, Right.REVOKE, Right.POLICY];

const parts: readonly (readonly [Part, Right])[] = [
  ["tokens", Right.READ],
  ["pending", Right.READ],
  ["usage", Right.READ],
  ["policy", Right.POLICY],
  ["audit", Right.READ],
];

/** Returns the parts that these rights open, in the order of the tabs. */
export const partsFor = (rights: readonly Right[]): readonly Part[] =>
  parts.filter(([, right]) => rights.includes(right)).map(([part]) => part);

/** A right by the name that the words have. */
export type RightName = "read" | "create" | "approve" | "revoke" | "policy";

const names: Readonly<Record<number, RightName>> = {
  [Right.READ]: "read",
  [Right.CREATE]: "create",
  [Right.APPROVE]: "approve",
  [Right.REVOKE]: "revoke",
  [Right.POLICY]: "policy",
};

/** Returns the names of rights; unknown ones are left out. */
export const rightNames = (rights: readonly Right[]): readonly RightName[] =>
  rights.flatMap((right) => names[right] ?? []);
