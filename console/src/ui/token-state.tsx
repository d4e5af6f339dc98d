import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { type Token, Token_State } from "#gen/patwarden/v1/token_pb.js";
import { useApp } from "../app/context.js";
import type { Words } from "../words/words.js";
import { Badge, type Tone } from "./badge.js";

const tones: Readonly<Record<number, Tone>> = {
  [Token_State.ACTIVE]: "good",
  [Token_State.PENDING_APPROVAL]: "warn",
  [Token_State.SUSPENDED]: "warn",
  [Token_State.EXPIRED]: "muted",
  [Token_State.REVOKED]: "muted",
  [Token_State.DENIED]: "muted",
};

type Judged = Pick<Token, "state" | "usable">;

const ended: readonly Token_State[] = [Token_State.REVOKED, Token_State.DENIED, Token_State.EXPIRED];

/** Returns whether a token has ended for good. */
export const hasEnded = ({ state }: Pick<Token, "state">): boolean => ended.includes(state);

/** Returns whether a token works now. */
export const isWorking = ({ usable }: Pick<Token, "usable">): boolean =>
  usable === Reason.ALLOWED || usable === Reason.UNSPECIFIED;

/** Returns the state in words: that of the token, or what keeps an active token from working. */
export function stateText({ state, usable }: Judged, words: Words): string {
  if (state === Token_State.ACTIVE) {
    if (usable === Reason.POLICY) return words.blockedByPolicy;
    if (usable === Reason.TOKEN_NOT_YET_VALID) return words.notYet;
    if (usable === Reason.SUBJECT_DISABLED) return words.subjectDisabled;
  }
  return words.states[state] ?? String(state);
}

/** The state of a token, as a word on a colour. */
export function StateBadge({ token }: { readonly token: Judged }) {
  const { words } = useApp();
  const tone = token.state === Token_State.ACTIVE && !isWorking(token) ? "warn" : tones[token.state];
  return <Badge tone={tone ?? "muted"}>{stateText(token, words)}</Badge>;
}
