import type { CallOptions } from "../domain/call-options.js";
import { grantCovers } from "../domain/grant.js";
import type { ActionName } from "../domain/identifier.js";
import type { Address } from "../domain/network.js";
import type { OpenFgaAnswer, PermissionChecker, Question } from "../domain/permission-checker.js";
import type { PolicyField } from "../domain/policy.js";
import type { Reason } from "../domain/reason.js";
import { standingOf, standingOfSubjects, usableAt, useTimesOf } from "../domain/state.js";
import { currentSecret } from "../domain/token.js";
import type { TokenSnapshot } from "../domain/token-store.js";
import { membershipQuestion } from "./decision.js";
import { type Attempt, inNetwork, policyBlockers } from "./token-rules.js";

/** The steps of a decision about a token that was found, in their order. */
export type StepKind = "STATE" | "SUBJECT" | "NETWORK" | "GRANT" | "POLICY" | "MEMBERSHIP" | "PERMISSION";

/** A step with its answer. `UNKNOWN`: OpenFGA gave none. `NOT_ASKED`: the step does not apply. */
export type ExplainedStep = { readonly kind: StepKind } & (
  | { readonly result: "PASSED" | "NOT_ASKED" | "UNKNOWN" }
  | { readonly result: "REFUSED"; readonly reason: Reason; readonly blockedBy?: readonly PolicyField[] }
);

/** The answer to a Check, with all its steps. */
export interface Explanation {
  /** Undefined when no step refuses, and one is not answered or no resource was given. */
  readonly reason: Reason | undefined;
  readonly steps: readonly ExplainedStep[];
}

/** A question about a token: for an action on a resource, or only what needs neither. */
export interface ExplainQuestion {
  readonly attempt: Pick<Attempt, "action" | "resource"> | undefined;
  /** Undefined when the bearer's address is not known. */
  readonly clientAddress: Address | undefined;
  /** Whether the step PERMISSION is answered only when GRANT, POLICY and MEMBERSHIP pass. */
  readonly onlyWithinToken: boolean;
}

export interface ExplainOptions {
  readonly permissions: PermissionChecker;
  /** The relation of members to an organization, as in AuthorizerOptions. */
  readonly memberRelation: ActionName;
}

/**
 * Answers every step of a Check with the token's current secret, by the rules of the decision. Asks OpenFGA past every
 * cache, also when an earlier step refuses.
 */
export async function explainSteps(
  { permissions, memberRelation }: ExplainOptions,
  snapshot: TokenSnapshot,
  question: ExplainQuestion,
  now: Date,
  callOptions: CallOptions = {},
): Promise<Explanation> {
  const { attempt, clientAddress, onlyWithinToken } = question;
  const { subject } = snapshot.token;
  const membership = membershipQuestion(snapshot.token, memberRelation, clientAddress);
  const permission: Question | undefined = attempt && { subject, ...attempt, clientAddress };
  const questions = [membership, permission].filter((question) => question !== undefined);
  const answers = questions.length > 0 ? await permissions.check(questions, "higher", callOptions) : [];
  const received = (question: Question | undefined) => question && answers[questions.indexOf(question)];
  const before = [
    ...stepsOfToken(snapshot, question, now),
    openFgaStep("MEMBERSHIP", membership, received(membership), "NOT_A_MEMBER"),
  ];
  const within = before.every(({ kind, result }) => !ofReach.has(kind) || ["PASSED", "NOT_ASKED"].includes(result));
  const told = within || !onlyWithinToken ? permission : undefined;
  const steps = [...before, openFgaStep("PERMISSION", told, received(told), "NOT_PERMITTED")];
  const refused = steps.find((step) => step.result === "REFUSED");
  if (refused) return { reason: refused.reason, steps };
  const decided = attempt && steps.every(({ result }) => result !== "UNKNOWN");
  return { reason: decided ? "ALLOWED" : undefined, steps };
}

/** The steps that decide what a token reaches, in whatever state and from whatever address. */
const ofReach: ReadonlySet<StepKind> = new Set(["GRANT", "POLICY", "MEMBERSHIP"]);

/** Answers the steps that do not ask OpenFGA. Pure. */
function stepsOfToken(
  { token, subjects, policy }: TokenSnapshot,
  { attempt, clientAddress }: ExplainQuestion,
  now: Date,
): readonly ExplainedStep[] {
  const nowMs = now.getTime();
  const secret = currentSecret(token);
  const times = useTimesOf(token, secret);
  const usable = usableAt(standingOf(token, secret, subjects), times, nowMs);
  const ofSubjects = usableAt(standingOfSubjects(token, subjects), noTimes, nowMs);
  const blockers = policyBlockers({ token, policy }, attempt?.action);
  return [
    stepOf("STATE", usable === "SUBJECT_DISABLED" ? "ALLOWED" : usable),
    stepOf("SUBJECT", ofSubjects),
    stepOf("NETWORK", inNetwork(token, policy, clientAddress) ? "ALLOWED" : "NETWORK_NOT_ALLOWED"),
    attempt
      ? stepOf("GRANT", grantCovers(token.grant, attempt.action, attempt.resource) ? "ALLOWED" : "NOT_GRANTED")
      : { kind: "GRANT", result: "NOT_ASKED" },
    blockers.length === 0
      ? { kind: "POLICY", result: "PASSED" }
      : { kind: "POLICY", result: "REFUSED", reason: "POLICY", blockedBy: blockers },
  ];
}

const noTimes = { notBeforeMs: undefined, expireMs: undefined, retireMs: undefined };

function stepOf(kind: StepKind, reason: Reason): ExplainedStep {
  return reason === "ALLOWED" ? { kind, result: "PASSED" } : { kind, result: "REFUSED", reason };
}

function openFgaStep(
  kind: StepKind,
  question: Question | undefined,
  answer: OpenFgaAnswer | undefined,
  refusal: Reason,
): ExplainedStep {
  if (!question) return { kind, result: "NOT_ASKED" };
  if (typeof answer !== "boolean") return { kind, result: "UNKNOWN" };
  return stepOf(kind, answer ? "ALLOWED" : refusal);
}
