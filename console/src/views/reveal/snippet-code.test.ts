import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { GrantSchema } from "#gen/patwarden/v1/token_pb.js";
import { snippetCode } from "./snippet-code.js";

const code = 'curl -H "authorization: Bearer $TOKEN" https://api.example.com/documents/{document=roadmap}';
const pathFor = (...resources: string[]) =>
  snippetCode(code, create(GrantSchema, { rules: [{ actions: ["viewer"], resources }] })).split("/documents/")[1];

describe("snippetCode", () => {
  it.each([
    { what: "the first resource of the type", resources: ["folder:a", "document:faq", "document:b"], path: "faq" },
    { what: "the usual one for all of the type", resources: ["document:*"], path: "roadmap" },
    { what: "the usual one for other types", resources: ["folder:a"], path: "roadmap" },
    { what: "nothing that a shell would read", resources: ["document:a|sh"], path: "a%7Csh" },
    { what: "one part of a path", resources: ["document:a/../b"], path: "a%2F..%2Fb" },
  ])("names $what", ({ resources, path }) => expect(pathFor(...resources)).toBe(path));

  it("names the usual one for a token that may do everything or nothing", () => {
    expect(snippetCode(code, create(GrantSchema, { full: true }))).toMatch(/documents\/roadmap$/);
    expect(snippetCode(code, undefined)).toMatch(/documents\/roadmap$/);
  });

  it("leaves other braces alone", () => {
    const other = "curl -d '{\"a\": {}}' {x} {=y}";
    expect(snippetCode(other, undefined)).toBe(other);
  });
});
