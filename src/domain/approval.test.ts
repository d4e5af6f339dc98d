import { describe, expect, it } from "vitest";
import {
  type Act,
  type ActKind,
  approversIn,
  hands as callers,
  involvedIn,
  isRotation,
} from "../../test/kit/four-eyes.js";
import {
  type Hands,
  handsAfterApproval,
  handsAfterRotation,
  handsAfterUpdate,
  handsOfMaker,
  mayApprove,
  mayRotate,
} from "./approval.js";
import type { Approval } from "./token.js";

interface Candidate extends Hands {
  readonly subject: string;
  readonly createdBy: string;
  readonly createdVia: string | undefined;
  readonly approval: Approval;
}

const waiting: Approval = { state: "pending" };

/** Applies an act as the use cases do. test/approval.test.ts does the same with the use cases and a database. */
function after(token: Candidate, { kind, names }: Act): Candidate {
  const pending = token.approval.state === "pending";
  switch (kind) {
    case "widen":
      return { ...token, ...handsAfterUpdate(token, names, { wider: true, pending }), approval: waiting };
    case "narrow":
    case "rename":
      return { ...token, ...handsAfterUpdate(token, names, { wider: false, pending }) };
    case "rotate":
    case "rotateWithGrace":
      return { ...token, ...handsAfterRotation(token, names, kind === "rotate") };
    case "prolong":
      return { ...token, ...handsAfterRotation(token, names, true), approval: waiting };
    case "approve":
      return pending ? { ...token, ...handsAfterApproval(token), approval: approvalOf(names) } : token;
    default:
      return token;
  }
}

function approvalOf([by = "", via]: readonly string[]): Approval {
  return { state: "approved", by, time: new Date(0), comment: "", ...(via !== undefined && { via }) };
}

type MayApprove = typeof mayApprove;
type MayRotate = typeof mayRotate;

/** One maker of each kind: names make no difference to the rule. */
const makers = [["user:alice"], ["user:alice", "service:web"], ["service:bot"]] as const;
const acts: readonly ActKind[] = ["widen", "narrow", "rotate", "rotateWithGrace", "prolong", "approve"];

/**
 * Tries every order of up to `length` acts by everybody, and returns the first in which the rule and the history differ
 * about who may approve or rotate.
 */
function firstDifference(
  rule: MayApprove,
  length: number,
  rotates: MayRotate = mayRotate,
): { readonly lets: string; readonly after: string } | undefined {
  const walk = (token: Candidate, history: readonly Act[], left: number): ReturnType<typeof firstDifference> => {
    const pending = token.approval.state === "pending";
    const barred = pending ? involvedIn(history, token.subject) : approversIn(history);
    for (const names of callers) {
      const allowed = pending ? rule(token, names) : rotates(token.approval, names);
      if (allowed === names.some((name) => barred.has(name))) {
        const told = history.map((act) => `${act.kind} by ${act.names.join(" via ")}`).join(", ");
        const what = `${names.join(" via ")} ${pending ? "approve" : "rotate"}`;
        return { lets: `${allowed ? "lets" : "does not let"} ${what}`, after: told };
      }
    }
    if (left === 0) return undefined;
    for (const kind of acts) {
      for (const names of callers) {
        if (kind === "approve" && !(pending && rule(token, names))) continue;
        if (isRotation(kind) && !rotates(token.approval, names)) continue;
        const act = { kind, names };
        const found = walk(after(token, act), [...history, act], left - 1);
        if (found) return found;
      }
    }
    return undefined;
  };
  for (const names of makers) {
    const [createdBy, createdVia] = names;
    const made = { subject: "organization:acme", createdBy, createdVia, ...handsOfMaker(names), approval: waiting };
    const found = walk(made, [{ kind: "make", names }], length);
    if (found) return found;
  }
  return undefined;
}

describe("four eyes", () => {
  it("S8 nobody approves what they worked on or rotates what they approved, and everybody else may, in all orders of acts", () => {
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

  it.each<[string, MayRotate]>([
    ["that lets who approved", () => true],
    [
      "that forgets the service that the approval came through",
      (approval, names) => approval?.state !== "approved" || !names.includes(approval.by),
    ],
    ["that forgets the service between", (approval, [name = ""]) => mayRotate(approval, [name])],
    ["that lets nobody", () => false],
  ])("S8 finds the fault of a rule about rotations %s", (_name, broken) => {
    expect(firstDifference(mayApprove, 3, broken)).toBeDefined();
  });

  it("the subject never approves", () => {
    const made = { subject: "user:alice", createdBy: "service:web", createdVia: undefined };
    expect(mayApprove({ ...made, ...handsOfMaker(["service:web"]) }, ["user:alice"])).toBe(false);
    expect(mayApprove({ ...made, ...handsOfMaker(["service:web"]) }, ["user:alice", "service:bot"])).toBe(false);
    expect(mayApprove({ ...made, ...handsOfMaker(["service:web"]) }, ["user:bob", "service:bot"])).toBe(true);
  });
});
