import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Reason, ReasonSchema } from "#gen/patwarden/v1/reason_pb.js";
import {
  type Approval,
  type ApprovedFacts,
  type Grant,
  RevocationReason,
  type Token,
  Token_State,
} from "#gen/patwarden/v1/token_pb.js";
import { facts, nameOf, timeText } from "./output.js";

/** Describes a token, with a line for each fact. */
export function describeToken(token: Token): string {
  return facts([
    ["id", token.id],
    ["subject", token.subject],
    ["organization", token.organization],
    ["name", token.name],
    ["description", token.description],
    ["justification", token.justification],
    ["usable", describeUsable(token)],
    ["grant", describeGrant(token.grant)],
    ["networks", token.allowedCidrs.join(", ")],
    ["created", token.createTime && `${timeText(token.createTime)} by ${token.createdBy}${via(token)}`],
    ["begins", timeText(token.notBefore)],
    ["ends", timeText(token.expireTime) || "never"],
    [
      "last used",
      token.lastUseTime && `${timeText(token.lastUseTime)}${token.lastUseIp && ` from ${token.lastUseIp}`}`,
    ],
    [
      "revoked",
      token.revokeTime && `${timeText(token.revokeTime)} (${nameOf(RevocationReason, token.revocationReason)})`,
    ],
    ["suspended", token.suspension && actText(token.suspension.by, token.suspension)],
    ["approval", token.approval && actText(token.approval.decidedBy, token.approval)],
    ...describeApprovedBefore(token),
    ...describeSecrets(token),
    ["etag", token.etag],
  ]);
}

/** Describes the last approval of a token that waits for another, and what has changed since. */
function describeApprovedBefore(token: Token): readonly (readonly [string, string | undefined])[] {
  const { approvedBefore: before } = token;
  if (!before) return [];
  const changed = (fact: (one: Token | ApprovedFacts) => string): string | undefined =>
    fact(before) === fact(token) ? undefined : `${fact(before)} -> ${fact(token)}`;
  const changes = [
    ["grant", changed(({ grant }) => describeGrant(grant))],
    ["networks", changed(({ allowedCidrs }) => allowedCidrs.join(", ") || "any")],
    ["begins", changed(({ notBefore }) => timeText(notBefore) || "at once")],
    ["ends", changed(({ expireTime }) => timeText(expireTime) || "never")],
    ["may rotate itself", changed(({ selfRotate }) => (selfRotate ? "yes" : "no"))],
  ] as const;
  const { approval } = before;
  return [
    ["approved before", approval && actText(approval.decidedBy, approval)],
    ...changes.map(([name, change]) => [`changed ${name}`, change] as const),
    [
      "changed",
      changes.every(([, change]) => change === undefined) ? "nothing that the approval was about" : undefined,
    ],
  ];
}

function via({ createdVia }: Token): string {
  return createdVia === "" ? "" : ` via ${createdVia}`;
}

function actText(by: string, { time, comment }: Pick<Approval, "time" | "comment">): string {
  return `${timeText(time)} by ${by}${comment === "" ? "" : `: ${comment}`}`;
}

/** Returns `yes`, or `no` and why: the result of Check before network and grant. */
export function describeUsable({ usable, state, blockedBy }: Token): string {
  if (usable === Reason.ALLOWED) return "yes";
  if (usable === Reason.POLICY) return `no, policy: ${blockedBy.join(", ")}`;
  if (state === Token_State.DENIED) return "no, denied";
  return `no, ${nameOf(Reason, usable)
    .replace(/^token_/, "")
    .replaceAll("_", " ")}`;
}

export function describeGrant(grant: Grant | undefined): string {
  if (grant?.full) return "everything that the subject may do";
  const rules = grant?.rules.map(({ actions, resources }) => `${actions.join("|")} on ${resources.join(" ")}`);
  return rules?.join("; ") || "nothing: the token can only identify itself";
}

/** Describes the current secret, and older secrets that are still in their grace period. */
function describeSecrets({ secrets }: Token): readonly (readonly [string, string])[] {
  return secrets.flatMap(({ hint, current, expireTime }): readonly (readonly [string, string])[] => {
    if (current) return [["secret", hint]];
    if (!expireTime || timestampDate(expireTime) <= new Date()) return [];
    return [["old secret", `${hint}, until ${timeText(expireTime)}`]];
  });
}

/** Returns the name of a reason as in reason.proto, without its prefix. */
export function reasonName(reason: Reason): string {
  return ReasonSchema.value[reason]?.localName ?? String(reason);
}
