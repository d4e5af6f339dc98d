import { describe, expect, it } from "vitest";
import { type Act, type ActKind, hands as callers, involvedIn } from "../../test/kit/four-eyes.js";
import {
  type Hands,
  handsAfterApproval,
  handsAfterRotation,
  handsAfterUpdate,
  handsOfMaker,
  mayApprove,
} from "./approval.js";

interface Candidate extends Hands {
  readonly subject: string;
  readonly createdBy: string;
  readonly createdVia: string | undefined;
  readonly pending: boolean;
}

/** What the use-cases make of the rule; test/four-eyes.test.ts does the same with them and a database. */
function after(token: Candidate, { kind, names }: Act): Candidate {
  const { pending } = token;
  switch (kind) {
    case "widen":
      return { ...token, ...handsAfterUpdate(token, names, { wider: true, pending }), pending: true };
    case "narrow":
    case "rename":
      return { ...token, ...handsAfterUpdate(token, names, { wider: false, pending }) };
    case "rotate":
    case "rotateWithGrace":
      return { ...token, ...handsAfterRotation(token, names, kind === "rotate") };
    case "prolong":
      return { ...token, ...handsAfterRotation(token, names, true), pending: true };
    case "approve":
      return pending ? { ...token, ...handsAfterApproval(token), pending: false } : token;
    default:
      return token;
  }
}

type MayApprove = typeof mayApprove;

/** One of each kind: the rule is the same whatever people and services are called. */
const makers = [["user:alice"], ["user:alice", "service:web"], ["service:bot"]] as const;
const acts: readonly ActKind[] = ["widen", "narrow", "rotate", "rotateWithGrace", "prolong", "approve"];

/** Every order of up to so many acts of everybody: where the rule and the history differ about who may approve. */
function firstDifference(
  rule: MayApprove,
  length: number,
): { readonly lets: string; readonly after: string } | undefined {
  const walk = (token: Candidate, history: readonly Act[], left: number): ReturnType<typeof firstDifference> => {
    if (token.pending) {
      const involved = involvedIn(history, token.subject);
      for (const names of callers) {
        const allowed = rule(token, names);
        if (allowed === names.some((name) => involved.has(name))) {
          const told = history.map((act) => `${act.kind} by ${act.names.join(" via ")}`).join(", ");
          return { lets: `${allowed ? "lets" : "does not let"} ${names.join(" via ")} approve`, after: told };
        }
      }
    }
    if (left === 0) return undefined;
    for (const kind of acts) {
      for (const names of callers) {
        if (kind === "approve" && !(token.pending && rule(token, names))) continue;
        const act = { kind, names };
        const found = walk(after(token, act), [...history, act], left - 1);
        if (found) return found;
      }
    }
    return undefined;
  };
  for (const names of makers) {
    const [createdBy, createdVia] = names;
    const made = { subject: "organization:acme", createdBy, createdVia, ...handsOfMaker(names), pending: true };
    const found = walk(made, [{ kind: "make", names }], length);
    if (found) return found;
  }
  return undefined;
}

describe("four eyes", () => {
  it("S8 nobody approves what they had a hand in, and everybody else may, in all orders of acts", () => {
    expect(firstDifference(mayApprove, 3)).toBeUndefined();
  });

  it.each<[string, MayApprove]>([
    [
      "that knows only maker and subject",
      ({ createdBy, createdVia, subject }, names) =>
        !names.some((name) => [createdBy, createdVia, subject].includes(name)),
    ],
    ["that forgets the service between", (token, [name = ""]) => mayApprove(token, [name])],
    ["that forgets who holds a secret", (token, names) => mayApprove({ ...token, holders: [] }, names)],
    ["that forgets who widened", (token, names) => mayApprove({ ...token, contributors: [] }, names)],
    ["that lets nobody", () => false],
  ])("S8 finds the fault of a rule %s", (_name, broken) => {
    expect(firstDifference(broken, 3)).toBeDefined();
  });

  it("the subject never approves", () => {
    const made = { subject: "user:alice", createdBy: "service:web", createdVia: undefined };
    expect(mayApprove({ ...made, ...handsOfMaker(["service:web"]) }, ["user:alice"])).toBe(false);
    expect(mayApprove({ ...made, ...handsOfMaker(["service:web"]) }, ["user:alice", "service:bot"])).toBe(false);
    expect(mayApprove({ ...made, ...handsOfMaker(["service:web"]) }, ["user:bob", "service:bot"])).toBe(true);
  });
});
