import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Token } from "#gen/patwarden/v1/token_pb.js";
import { draftOf, type GrantDraft, grantOf } from "../form/grant-draft.js";
import { parseNetworks } from "../form/networks.js";

/** The entries of a token that is changed. */
export interface EditForm {
  readonly name: string;
  readonly description: string;
  readonly justification: string;
  readonly grant: GrantDraft;
  /** One range a line. */
  readonly networks: string;
  readonly selfRotate: boolean;
  /** The new end; `null` for never. Undefined: as it is. */
  readonly end?: Date | null;
}

/** Returns the entries of a token as it is. */
export const editFormOf = (token: Token): EditForm => ({
  name: token.name,
  description: token.description,
  justification: token.justification,
  grant: draftOf(token.grant),
  networks: token.allowedCidrs.join("\n"),
  selfRotate: token.selfRotate,
});

/** A field of UpdateToken's mask. */
export type ChangedField =
  | "name"
  | "description"
  | "justification"
  | "grant"
  | "allowed_cidrs"
  | "self_rotate"
  | "expire_time"
  | "never_expires";

const sameSet = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && [...a].sort().join("\n") === [...b].sort().join("\n");

/** Compares grants by what they say, whatever the order of their rules. */
const grantKey = (grant: GrantDraft): string =>
  grant.mode === "full"
    ? "full"
    : (grantOf(grant).rules ?? [])
        .map(({ actions = [], resources = [] }) => `${[...actions].sort()} ${[...resources].sort()}`)
        .sort()
        .join("\n");

/** Returns the fields in which the form differs from the token: the mask of UpdateToken. */
export function changedFields(token: Token, form: EditForm): readonly ChangedField[] {
  const now = editFormOf(token);
  const end = token.expireTime && timestampDate(token.expireTime).getTime();
  const changed: readonly (readonly [ChangedField, boolean])[] = [
    ["name", form.name.trim() !== now.name],
    ["description", form.description.trim() !== now.description],
    ["justification", form.justification.trim() !== now.justification],
    ["grant", grantKey(form.grant) !== grantKey(now.grant)],
    ["allowed_cidrs", !sameSet(parseNetworks(form.networks), token.allowedCidrs)],
    ["self_rotate", form.selfRotate !== now.selfRotate],
    ["expire_time", form.end instanceof Date && form.end.getTime() !== end],
    ["never_expires", form.end === null && !token.neverExpires],
  ];
  return changed.filter(([, differs]) => differs).map(([field]) => field);
}
