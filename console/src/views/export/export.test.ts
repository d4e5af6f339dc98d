import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { Operation, Token_State, TokenSchema } from "#gen/patwarden/v1/token_pb.js";
import { csvCell, exportHead, exportLines } from "./export.js";

const token = create(TokenSchema, {
  id: "tok_1",
  name: '=HYPERLINK("https://evil.example")',
  subject: "user:alice",
  state: Token_State.ACTIVE,
  createTime: timestampFromDate(new Date("2026-03-29T01:02:03Z")),
  description: "two\nlines, and a comma",
  grant: { rules: [{ actions: ["viewer"], resources: ["document:a", "document:b"] }] },
  permitted: [Operation.REVOKE],
});

describe("an exported list", () => {
  it.each([
    ["plain", "plain"],
    ["a,b", '"a,b"'],
    ['say "a"', '"say ""a"""'],
    ["=1+1", "'=1+1"],
    ["@cmd", "'@cmd"],
    ["-1", "'-1"],
    ["+49", "'+49"],
    ["a-b", "a-b"],
    ["", ""],
  ])("has the cell %j as %j", (text, cell) => {
    expect(csvCell(text)).toBe(cell);
  });

  it("has a row with as many cells as its head", () => {
    const [head = "", line = ""] = [exportHead("csv"), exportLines("csv", [token])];
    expect(head.startsWith("\ufeffid,name,state,")).toBe(true);
    expect(line).toContain(`tok_1,"'=HYPERLINK(""https://evil.example"")",ACTIVE,`);
    expect(line).toContain("2026-03-29T01:02:03.000Z");
    expect(line).toContain('"viewer on document:a,document:b"');
    const cells = (text: string) =>
      text
        .replaceAll(/"(?:[^"]|"")*"/g, "quoted")
        .trim()
        .split(",").length;
    expect(cells(line)).toBe(cells(head));
  });

  it("has one JSON object a line, without what the user may do", () => {
    const lines = exportLines("ndjson", [token, token]).trimEnd().split("\n");
    expect(lines).toHaveLength(2);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ id: "tok_1", create_time: "2026-03-29T01:02:03Z" });
    expect(lines[0]).not.toContain("permitted");
  });
});
