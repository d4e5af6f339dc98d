import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openTestStore, type TestOpenFga } from "./kit/openfga.js";

const read = (file: string): string => readFileSync(new URL(`../examples/${file}`, import.meta.url), "utf8");

interface Claim {
  readonly subject: string;
  readonly action: string;
  readonly resource: string;
  readonly answer: string;
}

/** Returns the rows `| subject | action | resource | yes or no | why |` of the example's README. */
function claimsOf(example: string): readonly Claim[] {
  const row = /^\| `(?<subject>[^`]+)` +\| `(?<action>[^`]+)` +\| `(?<resource>[^`]+)` +\| (?<answer>yes|no) +\|/gm;
  // All groups of the pattern are required, so a match has all of them.
  return [...read(`${example}/README.md`).matchAll(row)].map(({ groups }) => groups as unknown as Claim);
}

describe.each([
  ["direct", 8],
  ["member-of-itself", 7],
])("what the README of examples/%s claims", (example, rows) => {
  const claims = claimsOf(example);
  let openfga: TestOpenFga;

  beforeAll(async () => {
    openfga = await openTestStore(read(`${example}/model.fga`), JSON.parse(read(`${example}/tuples.json`)));
  });
  afterAll(() => openfga?.stop());

  it("is all read", () => {
    expect(claims).toHaveLength(rows);
  });

  it.each(claims)("$subject $action $resource: $answer", async ({ subject, action, resource, answer }) => {
    const response = await fetch(`${openfga.http}/stores/${openfga.storeId}/check`, {
      method: "POST",
      headers: { authorization: `Bearer ${openfga.apiKey}`, "content-type": "application/json" },
      body: JSON.stringify({
        authorization_model_id: openfga.modelId,
        tuple_key: { user: subject, relation: action, object: resource },
      }),
    });
    expect(await response.json()).toMatchObject({ allowed: answer === "yes" });
  });
});
