import { createPublicKey } from "node:crypto";
import { expect, it } from "vitest";
import { isSigned } from "./secret-scanning.js";

// GitHub's published example, "Secret scanning partner program".
const body = `[{"source":"commit","token":"some_token","type":"some_type","url":"https://example.com/base-repo-url/"}]`;
const signature = "MEQCIQDaMKqrGnE27S0kgMrEK0eYBmyG0LeZismAEz/BgZyt7AIfXt9fErtRS4XaeSt/AO1RtBY66YcAdjxji410VQV4xg==";
const key = createPublicKey({
  key: Buffer.from(
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYAGMWO8XgCamYKMJS6jc/qgvSlAdAjPuDPRcXU22YxgBrz+zoN19MzuRyW87qEt9/AmtoNP5GrobzUvQSyJFVw==",
    "base64",
  ),
  format: "der",
  type: "spki",
});
const signed = Buffer.from(signature, "base64");

it("SS-1 a report is signed as in GitHub's published example", () => {
  expect(isSigned(Buffer.from(body), signed, key)).toBe(true);
});

it.each<[string, string, Uint8Array]>([
  ["another letter in the body", body.replace("some_token", "some-token"), signed],
  ["a blank that JSON would not see", `${body} `, signed],
  ["a signature that is cut", body, signed.subarray(0, -1)],
  ["a signature with more behind it", body, Buffer.concat([signed, Buffer.of(0)])],
  ["another signature", body, Buffer.from(signed.map((byte, index) => (index === 20 ? byte ^ 1 : byte)))],
  ["one that is no DER", body, Buffer.alloc(64, 1)],
  ["none", body, Buffer.alloc(0)],
])("SS-1 it is not with %s", (_, text, bytes) => {
  expect(isSigned(Buffer.from(text), bytes, key)).toBe(false);
});
