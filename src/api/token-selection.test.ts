import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ListTokensRequestSchema, RevocationReason, Token_State } from "#gen/patwarden/v1/token_pb.js";
import { parseListTokens } from "./token-selection.js";

const subjectTypes = { user: "user", organization: "organization" };
const parse = (request: Parameters<typeof create<typeof ListTokensRequestSchema>>[1]) =>
  parseListTokens(create(ListTokensRequestSchema, request), subjectTypes);

describe("ListTokens", () => {
  it("asks the database once for a state or a reason that is named a million times", () => {
    const { filter } = parse({
      states: Array<Token_State>(1e6).fill(Token_State.ACTIVE),
      revocationReasons: [RevocationReason.LEAKED, RevocationReason.UNUSED, RevocationReason.LEAKED],
    });
    expect(filter).toEqual({ states: ["ACTIVE"], revocationReasons: ["LEAKED", "UNUSED"] });
  });

  it("keeps at most 10,000 problems of a request with a million", () => {
    let violations: readonly unknown[] = [];
    try {
      parse({ states: Array<Token_State>(1e6).fill(Token_State.UNSPECIFIED) });
    } catch (error) {
      violations = Object(error).violations;
    }
    expect(violations).toHaveLength(10_000);
  });
});
