import { describe, expect, it } from "vitest";
import { batchSize, lists, type Question, questions, subjectOf, tuples } from "./workload.js";

/** Reads the answer from the tuples: the model's `editor`, and `viewer` by folder and organization. */
function allowedByTuples({ user, action, resource }: Question): boolean {
  const has = (subject: string, relation: string, object: string): boolean =>
    relationships.has(`${subject} ${relation} ${object}`);
  const edits = has(subjectOf(user), "editor", resource);
  if (action === "editor" || edits) return edits;
  const folders = tuples.filter(({ relation, object }) => relation === "parent" && object === resource);
  const organizations = tuples.filter(
    ({ user: member, relation }) => member === subjectOf(user) && relation === "member",
  );
  return folders.some(({ user: folder }) =>
    organizations.some(({ object }) => has(`${object}#member`, "viewer", folder)),
  );
}
const relationships = new Set(tuples.map(({ user, relation, object }) => `${user} ${relation} ${object}`));

describe.each([
  ["questions", questions],
  ["lists", lists.flat()],
])("the benchmark's %s", (_, asked) => {
  it("are 1,000 different ones", () => {
    expect(new Set(asked.map(({ user, action, resource }) => `${user} ${action} ${resource}`)).size).toBe(1_000);
  });

  it("expect what the tuples say", () => {
    expect(asked.filter((question) => question.allowed !== allowedByTuples(question))).toEqual([]);
  });

  it("are half denied, half of that after the whole search", () => {
    const denied = asked.filter(({ allowed }) => !allowed);
    expect(denied).toHaveLength(500);
    expect(Math.abs(denied.filter(({ action }) => action === "viewer").length - 250)).toBeLessThanOrEqual(10);
  });
});

it("each list is a full batch of one user's questions", () => {
  for (const list of lists) {
    expect(list).toHaveLength(batchSize);
    expect(new Set(list.map(({ user }) => user)).size).toBe(1);
  }
});
