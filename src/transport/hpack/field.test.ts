import { describe, expect, it } from "vitest";
import { Field, isNameValid, isValueValid, names, numberOf } from "./field.js";

const octets = (text: string) => Buffer.from(`\0${text}\0`, "latin1");
const nameIsValid = (text: string) => isNameValid(octets(text), 1, 1 + text.length);
const valueIsValid = (text: string) => isValueValid(octets(text), 1, 1 + text.length);

describe("the number of a name", () => {
  it.each([
    [":authority", names.authority],
    [":status", names.status],
    ["te", names.te],
    ["content-length", names.contentLength],
    ["grpc-status-details-bin", names.grpcStatusDetailsBin],
  ])("of %s", (name, number) => {
    expect(numberOf(name)).toBe(number);
  });

  it.each(["", "path", "status", "authority", ":te", "contentLength", "Content-Length", "__proto__", "constructor"])(
    "of %j is 0",
    (name) => {
      expect(numberOf(name)).toBe(0);
    },
  );

  it("counts without a gap", () => {
    expect(Object.values(names)).toEqual(Object.values(names).map((_, at) => at + 1));
  });
});

describe("a field", () => {
  it("counts 32 octets more than its text", () => {
    expect(new Field("ab", "cde", 0, true, true).size).toBe(37);
  });

  it.each([
    [true, true, true],
    [true, false, false],
    [false, true, false],
  ])("with name %s and value %s: %s", (isName, isValue, isValid) => {
    expect(new Field("a", "b", 0, isName, isValue).isValid).toBe(isValid);
  });
});

describe("a name", () => {
  it.each(["a", "x-1", "0", "!#$%&'*+-.^_`|~", ":path", "grpc-trace-bin"])("%j is valid", (name) => {
    expect(nameIsValid(name)).toBe(true);
  });

  it.each([
    "",
    ":",
    "::a",
    "a:b",
    "a:",
    "A",
    "te\0",
    "a b",
    " a",
    "a\t",
    "a\r\nb",
    "é",
    "\x7f",
    "a(",
    'a"',
    "a{",
    "a/",
  ])("%j is not (CVE-2019-9516)", (name) => {
    expect(nameIsValid(name)).toBe(false);
  });

  it("is valid in just these octets", () => {
    const valid = Array.from({ length: 256 }, (_, octet) => String.fromCharCode(octet)).filter(nameIsValid);
    expect(valid.join("")).toMatch(/^[!#-'*+\-.0-9^_`a-z|~]+$/);
    expect(valid).toHaveLength(15 + 10 + 26);
  });
});

describe("a value", () => {
  it.each(["", "a", "a b", "a\tb", "\x01", "\x7f", "é\xff", ":", 'a,b;c="d"'])("%j is valid", (value) => {
    expect(valueIsValid(value)).toBe(true);
  });

  it.each(["\0", "a\0b", "a\rb", "a\n", "\na", "\r\n", " ", " a", "a ", "\ta", "a\t", "a b\t"])(
    "%j is not (envoy#28285)",
    (value) => {
      expect(valueIsValid(value)).toBe(false);
    },
  );
});
