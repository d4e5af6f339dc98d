import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeMessage, encodeBinary, encodeMessage, isBase64, parseTimeout, timeoutOf } from "./metadata.js";

describe("grpc-timeout", () => {
  it.each([
    ["1H", 3_600_000],
    ["2M", 120_000],
    ["3S", 3_000],
    ["0m", 0],
    ["5u", 0.005],
    ["7n", 0.000007],
    ["99999999H", 99_999_999 * 3_600_000],
  ])("%s is %d ms", (value, ms) => {
    expect(parseTimeout(value)).toBeCloseTo(ms, 9);
  });

  it.each(["", "S", "1", "1s", "-1S", "+1S", "1.5S", " 1S", "1S ", "123456789S", "0x1S", "1Sm", "١S"])(
    "%j is none",
    (value) => expect(parseTimeout(value)).toBeUndefined(),
  );

  it.each([
    [0, "1m"],
    [0.2, "1m"],
    [1.01, "2m"],
    [99_999_999, "99999999m"],
    [100_000_000, "100000S"],
    [1e15, "99999999S"],
  ])("is written for %d ms as %s: never shorter, never zero, at most eight digits", (ms, value) => {
    expect(timeoutOf(ms)).toBe(value);
  });
});

describe("a -bin field", () => {
  it.each(["", "AQ", "AQ==", "AQI", "AQI=", "AQID", "AQ,AQI=", ",,AQID,"])("may be %j, padded or not", (value) => {
    expect(isBase64(value)).toBe(true);
  });

  it.each([
    "A",
    "AQ=",
    "AQI==",
    "AQID=",
    "AQ===",
    "=",
    "==",
    "AQ=,",
    "A=Q",
    "A Q",
    "AQ-_",
    "é",
    "\u0141Q",
    "AQ,A",
    "AQ\n",
  ])("%j is none", (value) => {
    expect(isBase64(value)).toBe(false);
  });

  it("is written without padding, and read again", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 50 }), (octets) => {
        const value = encodeBinary(octets);
        expect(value).not.toContain("=");
        expect(isBase64(value)).toBe(true);
        expect(Buffer.from(value, "base64")).toEqual(Buffer.from(octets));
      }),
    );
  });

  it("of 20,000 values, or of one that is wrong at its end, is read once", () => {
    expect(isBase64(",".repeat(20_000))).toBe(true);
    expect(isBase64(`${"AAAA".repeat(6_000)}!`)).toBe(false);
    expect(isBase64(`${"AAAA,".repeat(5_000)}!`)).toBe(false);
  });
});

describe("grpc-message", () => {
  it.each([
    ["not found", "not found"],
    ["100%", "100%25"],
    ["a\r\nb", "a%0D%0Ab"],
    ["ü😀", "%C3%BC%F0%9F%98%80"],
    ["\ud800", "%EF%BF%BD"],
    ["~ !", "~ !"],
    ["\x7f", "%7F"],
  ])("%j is written as %s", (message, value) => {
    expect(encodeMessage(message)).toBe(value);
  });

  it("is cut after 1 KiB, between two characters", () => {
    expect(encodeMessage("m".repeat(2_000))).toBe("m".repeat(1_024));
    expect(encodeMessage(`${"m".repeat(1_022)}😀`)).toBe("m".repeat(1_022));
  });

  it("is read again", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 100 }), (message) => {
        expect(decodeMessage(encodeMessage(message))).toBe(message);
      }),
    );
  });

  it.each([
    ["%", "%"],
    ["%4", "%4"],
    ["%zz", "%zz"],
    ["a%20b%", "a b%"],
    ["%ff", "\ufffd"],
  ])("%j, which no sender should write, is read as %j", (value, message) => {
    expect(decodeMessage(value)).toBe(message);
  });
});
