import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { changed, configOf, directory, fileOf, pepperKey as key, problemsOf } from "../../test/kit/config-file.js";
import { readDocument } from "./document.js";

describe("a file that is not YAML", () => {
  it.each([
    [
      "a forgotten line end",
      "grpc:\n  listen: CANARY: http:\nmetrics\n  listen: x\n",
      "in line 2, column 11 (BLOCK_AS_IMPLICIT_KEY)",
    ],
    ["a key twice", "log: {}\nlog: {}\nlog: {}\n", "in line 2, column 1 (DUPLICATE_KEY)"],
  ])("is refused once, where its first fault is: %s", (_, text, where) => {
    const file = fileOf(text);
    const problems = [{ key: file, problem: `is not valid YAML or JSON ${where}` }];
    expect(readDocument(file)).toEqual({ document: undefined, problems });
  });
});

describe("secrets in files", () => {
  it("are read without the line feed at their end", () => {
    const content = changed({
      database: { url_file: fileOf("postgres://u:p@db/x\n") },
      "openfga.auth": { preshared_file: fileOf("key") },
      "tokens.peppers": [{ version: 1, key_file: fileOf(`${key}\r\n`), active: true }],
    });
    expect(configOf(content)).toMatchObject({
      database: { address: { hosts: [{ host: "db" }], user: "u", password: "p", database: "x" } },
      openfga: { auth: { preshared: "key" } },
      tokens: { peppers: [{ key: Buffer.alloc(32, 7) }] },
    });
  });

  it("are reported by key when they are missing, empty, not text or given twice", () => {
    const content = changed({
      "database.url_file": fileOf("postgres://other/x"),
      "openfga.auth": { preshared_file: fileOf("\n") },
      "tokens.peppers": [
        { version: 1, key_file: join(directory, "nowhere"), active: true },
        { version: 2, key_file: 5 },
        { version: 3, key_file: Buffer.alloc(32, 7).toString("base64") },
      ],
    });
    expect(problemsOf(content)).toEqual({
      "database.url_file": "must not be set together with url",
      "openfga.auth.preshared_file": "must not be empty",
      "tokens.peppers[0].key_file": `cannot be read: ENOENT: ${join(directory, "nowhere")}`,
      "tokens.peppers[1].key_file": "must be the name of a file",
      "tokens.peppers[2].key_file": "cannot be read: ENOENT; its name is not shown, since it may be a secret",
    });
  });
});
