import { fromJsonString, type JsonValue, toJson } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { CheckRequestSchema } from "#gen/patwarden/v1/authorization_pb.js";
import {
  CreateTokenRequestSchema,
  ListTokensRequestSchema,
  UpdateTokenRequestSchema,
} from "#gen/patwarden/v1/token_pb.js";
import { QueryUsageRequestSchema } from "#gen/patwarden/v1/usage_pb.js";
import { holdsTimes, jsonProblems } from "./json-problems.js";

describe("B11 what is wrong with a JSON body", () => {
  const times = 'must be an RFC 3339 time that exists, such as "2030-06-30T12:00:00Z"';
  const seconds = 'must be a number of seconds followed by s, such as "3600s"';

  it.each([
    ["a misspelt field", { subjekt: "user:a" }, "subject", 'is misspelt: its name is "subject", not "subjekt"'],
    [
      "a field beside the one that it looks like",
      { name: "n", nmae: "n" },
      "",
      expect.stringMatching(/^has the unknown field nmae; the known fields are: subject, name, /),
    ],
    [
      "a misspelt field inside",
      { grant: { rulez: [] } },
      "grant.rules",
      'is misspelt: its name is "rules", not "rulez"',
    ],
    [
      "an unknown field",
      { grant: { xyzxyzxyz: 1 } },
      "grant",
      "has the unknown field xyzxyzxyz; the known fields are: full, rules",
    ],
    ["a duration of hours", { ttl: "1h" }, "ttl", seconds],
    ["a duration with something after it", { ttl: "3600s and more" }, "ttl", seconds],
    ["a duration as a number", { ttl: 3600 }, "ttl", seconds],
    ["31 June", { expireTime: "2030-06-31T00:00:00Z" }, "expire_time", times],
    ["29 February outside a leap year", { not_before: "2100-02-29T00:00:00Z" }, "not_before", times],
    ["hour 24", { notBefore: "2030-06-30T24:00:00Z" }, "not_before", times],
    ["a date alone", { notBefore: "2030-06-30" }, "not_before", times],
    ["two of one choice", { ttl: "60s", neverExpires: true }, "never_expires", "must not be set together with ttl"],
    ["one field by both of its names", { allowedCidrs: [], allowed_cidrs: [] }, "allowed_cidrs", "is given twice"],
    ["a number for a string", { name: 7 }, "name", "must be a string"],
    ["a string for a list", { allowedCidrs: "10.0.0.0/8" }, "allowed_cidrs", "must be a list"],
    ["a number in a list", { allowedCidrs: ["10.0.0.0/8", 1] }, "allowed_cidrs[1]", "must be a string"],
    ["an object in a rule", { grant: { rules: [{ actions: [{}] }] } }, "grant.rules[0].actions[0]", "must be a string"],
    ["a string for a boolean", { selfRotate: "yes" }, "self_rotate", "must be true or false"],
    ["a map with numbers", { metadata: { a: 1 } }, "metadata", "must be an object with string values"],
    ["a list instead of a message", [], "", "must be a JSON object"],
  ] as const)("B11 names %s", (_what, json, field, description) => {
    expect(jsonProblems(CreateTokenRequestSchema, json as unknown as JsonValue)).toEqual([{ field, description }]);
  });

  it("B11 names a misspelt value of an enum, a number out of range and a mask", () => {
    const page = jsonProblems(ListTokensRequestSchema, { pageSize: 3_000_000_000, states: ["AKTIVE"] });
    expect(page).toMatchObject([
      { field: "page_size", description: "must be a whole number from -2147483648 to 2147483647" },
      { field: "states[0]", description: expect.stringContaining("STATE_ACTIVE") },
    ]);
    expect(jsonProblems(QueryUsageRequestSchema, { granularity: "WEEK" })).toMatchObject([{ field: "granularity" }]);
    expect(jsonProblems(UpdateTokenRequestSchema, { updateMask: "allowed_cidrs" })).toMatchObject([
      { field: "update_mask" },
    ]);
  });

  it("B11 never repeats what was sent", () => {
    const secret = "pw_pat_secret";
    const found = [{ [secret]: 1 }, { name: { [secret]: secret } }, { ttl: secret }, { grant: { rules: [secret] } }];
    for (const json of found) {
      const problems = jsonProblems(CreateTokenRequestSchema, json as JsonValue);
      expect(problems.length).toBeGreaterThan(0);
      expect(JSON.stringify(problems)).not.toContain("secret");
    }
  });

  it("S2 reports at most twenty problems, and compares no long name", () => {
    const misspelt = Object.fromEntries(Array.from({ length: 30_000 }, (_, index) => [`subjekt${index}`, 1]));
    for (const json of [misspelt, { allowedCidrs: Array(60_000).fill(1) }, { grant: { rules: Array(60_000).fill(1) } }])
      expect(jsonProblems(CreateTokenRequestSchema, json)).toHaveLength(20);
    expect(jsonProblems(CreateTokenRequestSchema, { ["subject".padEnd(70, "t")]: 1 })).toMatchObject([{ field: "" }]);
  });

  it("B11 finds no problem in a message that can be decoded", () => {
    const text = `{"subject":"user:a","grant":{"rules":[{"actions":["read"],"resources":["document:*"]}]},"expire_time":"2028-02-29T23:59:59.5+02:00",
      "metadata":{"a":"b"},"allowedCidrs":["10.0.0.0/8"],"notBefore":null}`;
    fromJsonString(CreateTokenRequestSchema, text);
    expect(jsonProblems(CreateTokenRequestSchema, JSON.parse(text))).toEqual([]);
    for (const ttl of ["1s", "0.5s", "86400.000000001s"])
      expect(jsonProblems(CreateTokenRequestSchema, { ttl })).toEqual([]);
    const written = toJson(CreateTokenRequestSchema, fromJsonString(CreateTokenRequestSchema, text), {
      alwaysEmitImplicit: true,
    });
    expect(jsonProblems(CreateTokenRequestSchema, written)).toEqual([]);
  });

  it("checks times where a message may hold one", () => {
    expect(
      [CreateTokenRequestSchema, UpdateTokenRequestSchema, CheckRequestSchema].map((desc) => holdsTimes(desc)),
    ).toEqual([true, true, false]);
  });
});
