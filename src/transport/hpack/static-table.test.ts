import { describe, expect, it } from "vitest";
import { names } from "./field.js";
import { staticFieldIndex, staticFields, staticNameIndex } from "./static-table.js";

describe("the static table", () => {
  it.each<[number, string, string]>([
    [1, ":authority", ""],
    [2, ":method", "GET"],
    [7, ":scheme", "https"],
    [14, ":status", "500"],
    [16, "accept-encoding", "gzip, deflate"],
    [23, "authorization", ""],
    [31, "content-type", ""],
    [32, "cookie", ""],
    [38, "host", ""],
    [47, "max-forwards", ""],
    [55, "set-cookie", ""],
    [58, "user-agent", ""],
    [61, "www-authenticate", ""],
  ])("has at %d %s: %s (RFC 7541 Appendix A)", (index, name, value) => {
    expect(staticFields[index - 1]).toMatchObject({ name, value, isValid: true });
    expect(staticFieldIndex(name, value)).toBe(index);
  });

  it("has 61 entries, each found by its name and value", () => {
    expect(staticFields).toHaveLength(61);
    expect(staticFields.map(({ name, value }) => staticFieldIndex(name, value))).toEqual(
      staticFields.map((_, at) => at + 1),
    );
  });

  it("finds the first entry of a name", () => {
    expect([":method", ":status", "content-type"].map(staticNameIndex)).toEqual([2, 8, 31]);
  });

  it("finds no other name or value", () => {
    expect(["grpc-status", "", "constructor"].map(staticNameIndex)).toEqual([0, 0, 0]);
    expect(staticFieldIndex(":method", "PUT")).toBe(0);
    expect(staticFieldIndex("grpc-status", "0")).toBe(0);
  });

  it("numbers the names", () => {
    expect(staticFields[2]?.number).toBe(names.method);
    expect(staticFields[31]?.number).toBe(0);
  });
});
