import { byDeadline } from "../async/deadlines.js";
import type { Awaitable } from "../domain/awaitable.js";
import type { CallOptions } from "../domain/call-options.js";
import type { Clock } from "../domain/clock.js";
import { Failure } from "../domain/errors.js";
import type { ActionName, ResourceName, SubjectName } from "../domain/identifier.js";
import type { Address } from "../domain/network.js";
import type { OpenFgaAnswer, PermissionChecker, Question } from "../domain/permission-checker.js";
import type { Reason } from "../domain/reason.js";
import { usability } from "../domain/state.js";
import type { SecretRecord } from "../domain/token.js";
import type { ResolvedToken, TokenSnapshot, TokenStore } from "../domain/token-store.js";
import type { CheckQuestion } from "./question.js";
import type { Resolution, TokenResolver } from "./token-resolver.js";
import { inNetwork, judge, judgeToken } from "./token-rules.js";

/** Allowed or not, with the reason. `token` is set whenever the token was found. */
export interface Decision {
  readonly reason: Reason;
  readonly token?: ResolvedToken;
}

/** A decision, or the failure that prevented one. A failure is neither a yes nor a no. */
export type Verdict = Decision | Failure;

/** The result of Introspect: a usable token as it is stored now, or why the token is not usable. */
export type Introspection =
  | { readonly reason: "ALLOWED"; readonly snapshot: TokenSnapshot; readonly secret: SecretRecord }
  | { readonly reason: Exclude<Reason, "ALLOWED"> }
  | Failure;

export interface AuthorizerOptions {
  readonly tokens: Pick<TokenResolver, "resolve">;
  readonly snapshots: Pick<TokenStore, "get">;
  readonly permissions: PermissionChecker;
  readonly clock: Clock;
  /** The relation of members to an organization, `subjects.member_relation` of the configuration. */
  readonly memberRelation: ActionName;
  /** Called when a decision was made. Must not wait and not throw. */
  readonly onDecision?: (decision: Decision, question: CheckQuestion) => void;
  /** Called when a superseded secret is used. Must not wait and not throw. */
  readonly onSuperseded?: (token: ResolvedToken) => void;
}

/** Questions that OpenFGA must all answer with yes: the membership in a bound organization, and the permission. */
interface OpenQuestion {
  readonly token: ResolvedToken;
  readonly questions: readonly Question[];
}

/**
 * Makes decisions: finds the token, applies its own rules, then asks OpenFGA. The first step that refuses decides. Only
 * a received yes of OpenFGA allows; any error is returned as a Failure. No method rejects.
 */
export class Authorizer {
  readonly #options: AuthorizerOptions;

  constructor(options: AuthorizerOptions) {
    this.#options = options;
  }

  /** Returns the verdict at once when neither the token nor the permission must be asked for. */
  check(question: CheckQuestion, options: CallOptions): Awaitable<Verdict> {
    const resolution = this.#options.tokens.resolve(question.token, options);
    return resolution instanceof Promise
      ? resolution.then((resolved) => this.#decide(question, resolved, options))
      : this.#decide(question, resolution, options);
  }

  /** Returns one verdict for each question, in order. A failure of one does not fail the others. */
  async batchCheck(questions: readonly CheckQuestion[], options: CallOptions): Promise<readonly Verdict[]> {
    const resolutions = new Map<string, Resolution | Promise<Resolution>>();
    for (const { token } of questions)
      if (!resolutions.has(token)) resolutions.set(token, this.#options.tokens.resolve(token, options));
    for (const [token, resolution] of resolutions) {
      if (resolution instanceof Promise) resolutions.set(token, await resolution);
    }
    // One time for all questions: reading the clock for each would take a good part of the time of its decision.
    const now = this.#options.clock.now();
    const judged = questions.map((question) =>
      this.#judge(question, resolutions.get(question.token) as Resolution, now),
    );
    // The consistency applies to a whole call to OpenFGA, so questions of different consistency are sent separately.
    const [latency, higher] = await Promise.all(
      (["minimize-latency", "higher"] as const).map(async (consistency) => {
        const open = judged.flatMap((each, index) =>
          "questions" in each && questions[index]?.consistency === consistency ? each.questions : [],
        );
        const answers = open.length > 0 ? await this.#options.permissions.check(open, consistency, options) : [];
        return answers.values();
      }),
    );
    return questions.map((question, index) => {
      const each = judged[index] ?? new Failure("INTERNAL");
      const answers = question.consistency === "higher" ? higher : latency;
      const received = "questions" in each ? each.questions.map(() => answers?.next().value) : [];
      return this.#decided("questions" in each ? concluded(each.token, received) : each, question);
    });
  }

  /**
   * Runs only steps 1 to 4: `ALLOWED` when a Check with this token could allow something. A token whose subject is not
   * admitted is reported as unknown, as RFC 7662 §2.2 says of tokens that the caller may not see.
   */
  async introspect(
    text: string,
    clientAddress: Address | undefined,
    admits: (subject: SubjectName) => boolean = () => true,
    options: CallOptions = {},
  ): Promise<Introspection> {
    const resolution = await this.#options.tokens.resolve(text, options);
    if (resolution.kind !== "known") return introspectionOf(unrecognized(resolution));
    const { id, secretId, subject } = resolution.token;
    if (!admits(subject)) return { reason: "TOKEN_UNKNOWN" };
    const now = this.#options.clock.now();
    const refusal = judgeToken(resolution.token, clientAddress, now.getTime());
    if (refusal) return introspectionOf({ reason: refusal });
    try {
      // The response shows facts that are not cached, so the token is read, and the answer must match what was read.
      const snapshot = await byDeadline(this.#options.snapshots.get(id), options.deadline, () =>
        Promise.reject(new Failure("DEADLINE_EXCEEDED")),
      );
      const secret = snapshot?.token.secrets.find((each) => each.id === secretId);
      if (!snapshot || !secret) return { reason: "TOKEN_UNKNOWN" };
      const usable = usability(snapshot.token, secret, snapshot.subjects, now);
      if (usable !== "ALLOWED") return { reason: usable };
      if (!inNetwork(snapshot.token, snapshot.policy, clientAddress)) return { reason: "NETWORK_NOT_ALLOWED" };
      return { reason: "ALLOWED", snapshot, secret };
    } catch (error) {
      return error instanceof Failure ? error : new Failure("INTERNAL", { cause: error });
    }
  }

  #decide(question: CheckQuestion, resolution: Resolution, options: CallOptions): Awaitable<Verdict> {
    const judged = this.#judge(question, resolution);
    if (!("questions" in judged)) return this.#decided(judged, question);
    const permissions = this.#options.permissions.check(judged.questions, question.consistency, options);
    return permissions instanceof Promise
      ? permissions.then((received) => this.#decided(concluded(judged.token, received), question))
      : this.#decided(concluded(judged.token, permissions), question);
  }

  #judge(question: CheckQuestion, resolution: Resolution, now?: Date): Verdict | OpenQuestion {
    if (resolution.kind !== "known") return unrecognized(resolution);
    const { token } = resolution;
    const reason = judge(token, question, (now ?? this.#options.clock.now()).getTime());
    if (!reason) return { token, questions: this.#questionsOf(token, question) };
    if (reason === "TOKEN_SUPERSEDED") this.#options.onSuperseded?.(token);
    return { reason, token };
  }

  #questionsOf(token: ResolvedToken, { action, resource, clientAddress }: CheckQuestion): readonly Question[] {
    const permission: Question = { subject: token.subject, action, resource, clientAddress };
    const membership = membershipQuestion(token, this.#options.memberRelation, clientAddress);
    return membership ? [membership, permission] : [permission];
  }

  #decided(verdict: Verdict, question: CheckQuestion): Verdict {
    if (!(verdict instanceof Failure)) this.#options.onDecision?.(verdict, question);
    return verdict;
  }
}

/** Returns the membership question for a token that is bound to an organization, or undefined for other tokens. */
export function membershipQuestion(
  { subject, organization }: Pick<ResolvedToken, "subject" | "organization">,
  memberRelation: ActionName,
  clientAddress: Address | undefined,
): Question | undefined {
  if (!organization) return undefined;
  // The name of an organization is also the name of its object in the model.
  return { subject, action: memberRelation, resource: organization as string as ResourceName, clientAddress };
}

export function unrecognized(resolution: Exclude<Resolution, { kind: "known" }>): Verdict {
  switch (resolution.kind) {
    case "malformed":
      return { reason: "TOKEN_MALFORMED" };
    case "unknown":
      return { reason: "TOKEN_UNKNOWN" };
    case "failed":
      return resolution.failure;
  }
}

/** Returns the first no, or else the first failure: a failure must neither hide a received no nor become one. */
function concluded(token: ResolvedToken, permissions: readonly (OpenFgaAnswer | undefined)[]): Verdict {
  const refused = permissions.indexOf(false);
  // The last question is the permission; the one before it, if there is one, is the membership.
  if (refused >= 0) return { reason: refused === permissions.length - 1 ? "NOT_PERMITTED" : "NOT_A_MEMBER", token };
  const undecided = permissions.findIndex((permission) => permission !== true);
  if (undecided < 0) return { reason: "ALLOWED", token };
  const failure = permissions[undecided];
  return failure instanceof Failure
    ? failure
    : new Failure("INTERNAL", { cause: new Error("OpenFGA's response lacks the answer to a question") });
}

function introspectionOf(verdict: Verdict): Introspection {
  if (verdict instanceof Failure) return verdict;
  return verdict.reason === "ALLOWED" ? new Failure("INTERNAL") : { reason: verdict.reason };
}
