import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { GetCatalogResponseSchema } from "#gen/patwarden/v1/self_pb.js";
import { de } from "../words/de.js";
import { en } from "../words/en.js";
import { formatsOf } from "./format.js";
import { grantSentences } from "./grant-text.js";

const catalog = create(GetCatalogResponseSchema, {
  types: [
    {
      type: "document",
      label: "Documents",
      actions: [
        { action: "viewer", label: "read" },
        { action: "editor", label: "change" },
      ],
    },
  ],
});
const speech = { catalog, words: en, format: formatsOf("en", "UTC"), subject: "" };
const rule = (actions: readonly string[], ...resources: readonly string[]) => ({ rules: [{ actions, resources }] });

describe("a grant in words", () => {
  it.each([
    [undefined, ["Nothing: it can only say whose it is"]],
    [{ full: true }, ["Everything that you may do"]],
    [rule(["viewer", "editor"], "document:roadmap"), ["Documents roadmap: read and change"]],
    [rule(["viewer"], "document:*", "document:a"), ["Documents (all): read"]],
    [
      rule(["*"], "document:a", "document:b", "document:c", "document:d", "document:e"),
      ["Documents a, b, c, and 2 more: everything"],
    ],
    [rule(["viewer"], "*"), ["All resources: viewer"]],
    [rule(["push"], "repo:a:b", "document:c"), ["repo a:b: push", "Documents c: push"]],
    [rule(["push"], "repo:*"), ["repo (all): push"]],
  ])("%j", (grant, sentences) => {
    expect(grantSentences(grant, speech)).toEqual(sentences);
  });

  it("names the subject, where that is not the reader", () => {
    expect(grantSentences({ full: true }, { ...speech, subject: "organization:acme" })).toEqual([
      "Everything that organization:acme may do",
    ]);
  });

  it("is German for Germans", () => {
    const german = { ...speech, words: de, format: formatsOf("de", "UTC") };
    expect(grantSentences(rule(["viewer"], "document:*"), german)).toEqual(["Documents (alle): read"]);
  });
});
