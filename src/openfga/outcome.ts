import { Failure, type FailureReason } from "../domain/errors.js";

/** The outcome of a question to OpenFGA, for metrics and health. */
export type Outcome =
  | "answered"
  | "cancelled"
  | "deadline"
  | "unreachable"
  | "engine-failure"
  | "overloaded"
  | "context-required"
  | "model-mismatch"
  | "too-deep"
  | "misconfigured"
  | "unexpected";

export interface Trouble {
  readonly outcome: Outcome;
  readonly failure: Failure;
  /** Whether the same question may be retried once if time remains. */
  readonly retry: boolean;
}

export interface Refusal {
  readonly code: number;
  readonly details: string;
  readonly deadlinePassed: boolean;
  readonly cancelled: boolean;
}

/** Numbers of input_error and internal_error of a BatchCheck item; they are the same as the numbers of the calls. */
const invalid = 2000;
const tooDeep = 2002;

/** Statuses that mean our deadline, when it has passed: the server's reset may arrive before our own timer fires. */
const lateCodes = new Set([1, 4, 14, 2058, 4004]);
const misconfiguredCodes = new Set([7, 12, 16, 2001, 2020]);

/**
 * Interprets every answer of OpenFGA that is not yes or no. Decides by number, never by text alone; a text only makes
 * it more precise. Only the name of a missing parameter reaches a caller, since some texts hold the database's address
 * and user.
 */
export function readRefusal(refusal: Refusal): Trouble {
  const { code, details, deadlinePassed, cancelled } = refusal;
  const trouble = (outcome: Outcome, reason: FailureReason, retry = false, metadata: Record<string, string> = {}) => ({
    outcome,
    failure: new Failure(reason, {
      metadata,
      cause: new Error(`OpenFGA ${outcome}: status ${code}: ${printable(details)}`),
    }),
    retry,
  });
  if (cancelled) return trouble("cancelled", "DEADLINE_EXCEEDED");
  if ((deadlinePassed && lateCodes.has(code)) || code === 4 || code === 4004)
    return trouble("deadline", "DEADLINE_EXCEEDED");
  if (code === 1 || code === 14 || code === 2058) return trouble("unreachable", "OPENFGA_UNAVAILABLE", true);
  // "RST_STREAM with code 2" has status INTERNAL but is temporary (grpc-node#2647).
  if (code === 13 && details.includes("RST_STREAM")) return trouble("unreachable", "OPENFGA_UNAVAILABLE", true);
  if (code === 2 || code === 4000) return trouble("engine-failure", "OPENFGA_UNAVAILABLE", true);
  if (code === 8 || code === 3500 || (code === invalid && details.startsWith("throttled:"))) {
    return trouble("overloaded", "OVERLOADED");
  }
  if (code === invalid && /missing context parameters|failed to evaluate/.test(details)) {
    return trouble("context-required", "MODEL_CONTEXT_REQUIRED", false, missingParameter(details));
  }
  if (code === tooDeep) return trouble("too-deep", "INTERNAL");
  if (code >= invalid && code <= 2027 && !misconfiguredCodes.has(code)) return trouble("model-mismatch", "INTERNAL");
  if (misconfiguredCodes.has(code) || (code >= 1001 && code <= 1600) || (code >= 5000 && code <= 5999)) {
    return trouble("misconfigured", "OPENFGA_MISCONFIGURED");
  }
  return trouble("unexpected", "INTERNAL");
}

/** Returns the trouble for an answer that is not usable: an unset oneof, a missing or a surplus correlation id. */
export function unanswered(what: string): Trouble {
  return {
    outcome: "unexpected",
    failure: new Failure("INTERNAL", { cause: new Error(`OpenFGA: ${what}`) }),
    retry: false,
  };
}

function missingParameter(details: string): Record<string, string> {
  // … tuple 'document:1#viewer@user:a' is missing context parameters '[a b]'
  const parameter = /missing context parameters '\[?([A-Za-z_][A-Za-z0-9_]{0,63})/.exec(details)?.[1];
  return parameter === undefined ? {} : { parameter };
}

/** Removes control and bidirectional characters: some texts echo input that contains them. */
function printable(text: string): string {
  return text.slice(0, 300).replaceAll(/[^\x20-\x7e]/g, "?");
}
