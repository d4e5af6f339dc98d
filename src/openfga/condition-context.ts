import type { Clock } from "../domain/clock.js";
import type { Question } from "../domain/permission-checker.js";

/**
 * Values that the server passes to conditions of a model: `now` is the time, RFC 3339 in whole seconds, rounded down;
 * `client_ip` is the bearer's address.
 */
export const contextSources = ["now", "client_ip"] as const;

/** Parameters of conditions and the source of each, `openfga.context` of the configuration. */
export type ConditionParameters = Readonly<Record<string, (typeof contextSources)[number]>>;

/** The values that conditions get with one question. */
export interface ConditionContext {
  /** Parameters and their values, without those whose value is not known. */
  readonly values: readonly (readonly [parameter: string, value: string])[];
  /** Two contexts with the same parameters are equal when their keys are equal. */
  readonly key: string;
}

/** A question with its context at the moment when it was asked. */
export interface QuestionInContext extends Omit<Question, "clientAddress"> {
  readonly context?: ConditionContext | undefined;
}

/** Makes contexts; undefined when no parameter is configured, so that nothing is sent and no address is read. */
export type ContextOf = (clientAddress: Question["clientAddress"]) => ConditionContext | undefined;

export function createContextOf(parameters: ConditionParameters, clock: Clock): ContextOf {
  const sources = Object.entries(parameters);
  if (sources.length === 0) return () => undefined;
  const tell = new Set(Object.values(parameters));
  return (clientAddress) => {
    const known = {
      now: tell.has("now") ? wholeSecond(clock.now()) : undefined,
      client_ip: tell.has("client_ip") ? clientAddress?.toString() : undefined,
    };
    const values: [string, string][] = [];
    for (const [parameter, source] of sources) {
      const value = known[source];
      if (value !== undefined) values.push([parameter, value]);
    }
    return { values, key: `${known.now ?? ""} ${known.client_ip ?? ""}` };
  };
}

function wholeSecond(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}
