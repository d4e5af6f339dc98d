import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Failure } from "../domain/errors.js";
import { redactText } from "../domain/redact.js";
import { createLogger, type LogOptions } from "./log.js";

const canary = "003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2SRGIA";
const secret = `pw_pat_${canary}`;

function capture(level?: LogOptions["level"]) {
  const lines: string[] = [];
  const log = createLogger({ ...(level && { level }), destination: { write: (line) => void lines.push(line) } });
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? "{}") };
}

describe("the log", () => {
  it("is one JSON object a line, with the time, the level by name and the message", () => {
    const { log, lines, last } = capture();
    log.info({ port: 9081 }, "listening");
    expect(lines).toEqual([expect.stringMatching(/^\{.*\}\n$/)]);
    expect(last()).toEqual({ level: "info", time: expect.stringMatching(/^\d{4}-.*Z$/), port: 9081, msg: "listening" });
  });

  it("leaves out what is below its level", () => {
    const { log, lines } = capture("warn");
    log.info("quiet");
    log.warn("loud");
    expect(lines).toHaveLength(1);
  });

  it("keeps a message with control characters on one line", () => {
    const { log, lines, last } = capture();
    log.info("a\r\nb\u001b[31m\0");
    expect(lines[0]?.trimEnd()).not.toMatch(/\p{Cc}/u);
    expect(last().msg).toBe("a\r\nb\u001b[31m\0");
  });

  it("shows an error with type, message, code, reason, causes and stack, and none of its other properties", () => {
    const { log, last } = capture();
    const driver = Object.assign(new Error("reset"), { code: "ECONNRESET" });
    const error = Object.assign(new Failure("DATABASE_UNAVAILABLE", { cause: driver }), { parameters: ["digest"] });
    log.error(error, "read failed");
    expect(last()).toMatchObject({
      msg: "read failed",
      error: {
        type: "Failure",
        reason: "DATABASE_UNAVAILABLE",
        code: "UNAVAILABLE",
        message: expect.stringContaining("reset"),
        stack: expect.stringMatching(/log\.test\.ts[\s\S]*caused by: Error: reset/),
      },
    });
    expect(JSON.stringify(last())).not.toContain("digest");
  });

  const circular: Record<string, unknown> = { secret };
  circular["self"] = circular;

  it.each<[string, unknown, string?]>([
    ["message", {}, `got ${secret}.`],
    ["nested object", { a: { b: [{ c: `x${secret}` }] } }],
    ["key of an object", { [secret]: 1 }],
    ["error", new Error(secret)],
    ["cause of an error", new Error("outer", { cause: new Error(secret) })],
    ["stack", Object.assign(new Error("x"), { stack: `Error: x\n at ${secret}` })],
    ["aggregate error", new AggregateError([new Error(secret)], "many")],
    ["error under a key", { error: new Error(secret) }],
    ["error under another key", { failure: new Error(secret).stack }],
    ["URL", { url: `https://h/${secret}?t=${secret}` }],
    ["circular object", circular],
    ["map, by its toJSON", { toJSON: () => ({ token: secret }) }],
    ["text with escapes", { text: `\n"${secret}"\\${secret}` }],
    ["list of headers", { headers: { authorization: [`Bearer ${canary}`], cookie: canary } }],
    ["header in another case", { "X-API-Key": canary, "Proxy-Authorization": `Basic ${canary}` }],
    [
      "field of the name of a secret",
      { config: { openfga: { auth: { preshared: canary } }, peppers: [{ key: canary }] } },
    ],
    ["bound field", { token: canary, subject_token: canary, serviceKey: canary, password: canary }],
    ["JWT", { note: `got eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ${canary}.${canary}` }],
    ["password of a database URL", { msg: `connect postgres://patwarden:${canary}@db/x failed` }],
  ])("SE-3 never holds a secret in a %s", (_, fields, message) => {
    const { log, lines } = capture("trace");
    log.child({ bound: { token: canary } }).error(fields, message);
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toContain(canary.slice(0, 8));
    expect(lines[0]).toContain("***");
  });

  it("keeps ids, hints and names that only look alike", () => {
    const { log, last } = capture();
    const fields = {
      token_id: "tok_01h455vb4pex5vsknk084sn02q",
      hint: "pw_pat_...x9Kq",
      permission: "tokens.read",
      pepper_version: 1,
      url: "http://127.0.0.1:9080/livez",
    };
    log.info(fields, "created");
    expect(last()).toMatchObject(fields);
  });
});

describe("redaction by shape", () => {
  it("removes both of two secrets that touch", () => {
    expect(redactText(secret + secret)).toBe("pw_pat_***");
  });

  it("removes any secret of any brand from any text", () => {
    const digits = fc.stringMatching(/^[0-9A-Za-z]{8,60}$/);
    fc.assert(
      fc.property(
        fc.string(),
        fc.stringMatching(/^[a-z][a-z0-9]{1,9}_(pat|oat|svc)_$/),
        digits,
        fc.string(),
        (before, prefix, body, after) => {
          expect(redactText(`${before}${prefix}${body} ${after}`)).not.toContain(`_${body} `);
        },
      ),
    );
  });
});
