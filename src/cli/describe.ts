import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Reason, ReasonSchema } from "#gen/patwarden/v1/reason_pb.js";
import { type Approval, type Grant, RevocationReason, type Token, Token_State } from "#gen/patwarden/v1/token_pb.js";
import { facts, nameOf, timeText } from "./output.js";

/** Describes a token, with a line for each fact. */
export function describeToken(token: Token): string {
  return facts([
    ["id", token.id],
    ["subject", token.subject],
    ["organization", token.organization],
    ["name", token.name],
    ["description", token.description],
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
    ...describeSecrets(token),
    ["etag", token.etag],
  ]);
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
