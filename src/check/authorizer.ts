import { Failure } from "../failure/failure.js";
import type { ActionName, ResourceName } from "../identifier/identifier.js";
import type {
  CallOptions,
  Consistency,
  Permission,
  PermissionChecker,
  Question,
} from "../openfga/permission-checker.js";
import type { ResolvedToken } from "../store/token-store.js";
import type { Address } from "../token/network.js";
import type { Clock } from "./clock.js";
import { judge, judgeToken } from "./judge.js";
import type { CheckQuestion } from "./question.js";
import type { Reason } from "./reason.js";
import type { Resolution, TokenResolver } from "./token-resolver.js";

/** Allowed or not, with the reason. `resolved` is there whenever the token was recognized. */
export interface Decision {
  readonly reason: Reason;
  readonly resolved?: ResolvedToken;
}

/** A decision, or why none could be made. A failure is never a yes and never a no. */
export type Verdict = Decision | Failure;

/** How long the caller waits. */
export type Patience = Pick<CallOptions, "deadline" | "signal">;

export interface AuthorizerOptions {
  readonly tokens: Pick<TokenResolver, "resolve">;
  readonly permissions: PermissionChecker;
  readonly clock: Clock;
  /** What makes a user a member of an organization, `subjects.member_relation` of the configuration. */
  readonly memberRelation: ActionName;
  /** Told the reason of each decision that was made. */
  readonly onDecision?: (reason: Reason) => void;
  /** Told of each use of a superseded secret. Must not wait and not throw. */
  readonly onSuperseded?: (reused: ResolvedToken) => void;
}

/** A question that the token itself does not refuse: OpenFGA decides it. */
interface OpenQuestion {
  readonly position: number;
  readonly resolved: ResolvedToken;
  readonly consistency: Consistency;
  /** The permission, and before it the membership where the token is bound to an organization. All must be answered yes. */
  readonly questions: readonly { readonly question: Question; readonly refusal: "NOT_A_MEMBER" | "NOT_PERMITTED" }[];
}

/**
 * The decision: resolve the token, let it judge itself, then ask OpenFGA; the first step that refuses decides. Only a received yes of OpenFGA
 * allows; whatever goes wrong on the way is a Failure. No method rejects.
 */
export class Authorizer {
  readonly #options: AuthorizerOptions;

  constructor(options: AuthorizerOptions) {
    this.#options = options;
  }

  async check(question: CheckQuestion, patience: Patience): Promise<Verdict> {
    const [verdict] = await this.batchCheck([question], patience);
    return verdict ?? new Failure("INTERNAL");
  }

  /** One verdict for each question, in order; a failing one never fails its neighbours. */
  async batchCheck(questions: readonly CheckQuestion[], patience: Patience): Promise<readonly Verdict[]> {
    const resolutions = await this.#resolveEachTokenOnce(questions);
    const now = this.#options.clock.now();
    const verdicts: Verdict[] = [];
    const open: OpenQuestion[] = [];
    for (const [position, question] of questions.entries()) {
      const resolution = resolutions.get(question.token);
      if (resolution?.kind !== "known") {
        verdicts[position] = unrecognized(resolution);
        continue;
      }
      const { resolved } = resolution;
      const refusal = judge(resolved, question, now);
      if (refusal) {
        if (refusal === "TOKEN_SUPERSEDED") this.#options.onSuperseded?.(resolved);
        verdicts[position] = { reason: refusal, resolved };
        continue;
      }
      const { consistency } = question;
      open.push({ position, resolved, consistency, questions: this.#questionsOf(resolved, question) });
    }
    await Promise.all(
      // Consistency is a property of the whole call to OpenFGA: questions of different consistency never travel together.
      (["minimize-latency", "higher"] as const).map(async (consistency) => {
        const asked = open.filter((candidate) => candidate.consistency === consistency);
        const permissions = (
          await this.#ask(
            asked.flatMap(({ questions: all }) => all.map(({ question }) => question)),
            { ...patience, ...signalOf(patience), consistency },
          )
        ).values();
        for (const { position, resolved, questions: all } of asked) {
          const answers = all.map(({ refusal }) => ({ refusal, permission: permissions.next().value }));
          verdicts[position] = concluded(answers, resolved);
        }
      }),
    );
    for (const verdict of verdicts) if (!(verdict instanceof Failure)) this.#options.onDecision?.(verdict.reason);
    return verdicts;
  }

  /** Steps 1 to 4 alone: `ALLOWED` when a Check with this token could allow something. */
  async introspect(token: string, clientAddress: Address | undefined): Promise<Verdict> {
    const [resolution] = await this.#options.tokens.resolve([token]);
    if (resolution?.kind !== "known") return unrecognized(resolution);
    const { resolved } = resolution;
    return { reason: judgeToken(resolved, clientAddress, this.#options.clock.now()) ?? "ALLOWED", resolved };
  }

  async #resolveEachTokenOnce(
    questions: readonly CheckQuestion[],
  ): Promise<ReadonlyMap<string, Resolution | undefined>> {
    const texts = [...new Set(questions.map((question) => question.token))];
    const resolutions = await this.#options.tokens.resolve(texts);
    return new Map(texts.map((text, index) => [text, resolutions[index]]));
  }

  #questionsOf({ token }: ResolvedToken, { action, resource }: CheckQuestion): OpenQuestion["questions"] {
    const { subject, organization } = token;
    const permission = { question: { subject, action, resource }, refusal: "NOT_PERMITTED" as const };
    if (!organization) return [permission];
    const membership: Question = {
      subject,
      action: this.#options.memberRelation,
      resource: organization as string as ResourceName, // the name of an object like any other
    };
    return [{ question: membership, refusal: "NOT_A_MEMBER" }, permission];
  }

  async #ask(questions: readonly Question[], options: CallOptions): Promise<readonly (Permission | undefined)[]> {
    const [first] = questions;
    if (!first) return [];
    const { permissions } = this.#options;
    if (questions.length === 1) return [await permissions.check(first, options)];
    return permissions.batchCheck(questions, options);
  }
}

/** A call's signal is a getter, which spreading does not take along. */
function signalOf({ signal }: Patience): Pick<Patience, "signal"> {
  return signal ? { signal } : {};
}

function unrecognized(resolution: Exclude<Resolution, { kind: "known" }> | undefined): Verdict {
  switch (resolution?.kind) {
    case "malformed":
      return { reason: "TOKEN_MALFORMED" };
    case "unknown":
      return { reason: "TOKEN_UNKNOWN" };
    case "failed":
      return resolution.failure;
    case undefined:
      return new Failure("INTERNAL", { cause: new Error("a token was not resolved") });
  }
}

/** The first no decides; without one, the first failure: a failure must neither hide a received no nor become one. */
function concluded(
  answers: readonly { readonly refusal: Reason; readonly permission: Permission | undefined }[],
  resolved: ResolvedToken,
): Verdict {
  const refused = answers.find(({ permission }) => permission === false);
  if (refused) return { reason: refused.refusal, resolved };
  const undecided = answers.find(({ permission }) => permission !== true);
  if (!undecided) return { reason: "ALLOWED", resolved };
  const { permission } = undecided;
  return permission instanceof Failure
    ? permission
    : new Failure("INTERNAL", { cause: new Error("a question was not answered") });
}
