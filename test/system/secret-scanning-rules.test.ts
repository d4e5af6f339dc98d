import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { PepperRing } from "../../src/domain/pepper.js";
import { encodeSecret } from "../../src/domain/secret.js";
import { track } from "../kit/children.js";
import { type Patwarden, startPatwarden } from "../kit/patwarden.js";
import { findProgram, tools } from "../kit/program.js";

/** The path of a file of examples/scanning. */

const file = (name: string): string => new URL(`../../examples/scanning/${name}`, import.meta.url).pathname;
const ring = new PepperRing("pw", [{ version: 1, key: randomBytes(32), active: true }]);
const secrets = [ring.mint("pat").text, ring.mint("oat").text, encodeSecret("pw", "svc", randomBytes(32))];
const mint = (): string => ring.mint("pat").text;
const others = [
  mint().slice(0, -1),
  `${mint()}x`,
  mint().replace("pw_pat_", "pw_xyz_"),
  mint().replace("pw_pat_", "ghq_pat_"),
  // Its checksum would be above 2^32.
  `${mint().slice(0, 50)}5${mint().slice(51)}`,
  "pw_pat_",
];
const patternOf = (text: string, quoted: RegExp): string => {
  const [, pattern] = quoted.exec(text) ?? [];
  if (pattern === undefined) throw new Error("no pattern");
  return pattern;
};
const patterns = {
  "gitleaks.toml": patternOf(readFileSync(file("gitleaks.toml"), "utf8"), /^regex = '''(.*)'''$/m),
  "trufflehog.yaml": parse(readFileSync(file("trufflehog.yaml"), "utf8")).detectors[0].regex.token,
};

describe.each(Object.entries(patterns))("the pattern of %s", (_, pattern) => {
  it.each(secrets)("finds a secret in a text (%#)", (secret) => {
    for (const text of [secret, `TOKEN=${secret}\n`, `"${secret}",`, `curl -H "authorization: Bearer ${secret}"`])
      expect(new RegExp(pattern).exec(text)?.[0]).toBe(secret);
  });

  it.each(others)("finds nothing in a text without a secret (%#)", (text) => {
    expect(new RegExp(pattern).test(text)).toBe(false);
  });
});

const gitleaks = findProgram("gitleaks", join(tools, "bin/gitleaks"));
if (gitleaks === undefined) process.stderr.write("NO GITLEAKS: `make gitleaks` builds it; its tests are skipped\n");

describe.skipIf(gitleaks === undefined)("gitleaks with gitleaks.toml", () => {
  const found = (text: string): readonly { readonly RuleID: string; readonly Secret: string }[] => {
    const directory = mkdtempSync(join(tmpdir(), "patwarden-gitleaks-"));
    try {
      const [scanned, report] = [join(directory, "scanned.env"), join(directory, "report.json")];
      writeFileSync(scanned, text);
      const options = ["--config", file("gitleaks.toml"), "--no-banner", "--exit-code", "0"];
      const reporting = ["--report-format", "json", "--report-path", report];
      execFileSync(gitleaks ?? "", ["dir", ...options, ...reporting, scanned], { stdio: "ignore" });
      return JSON.parse(readFileSync(report, "utf8"));
    } finally {
      rmSync(directory, { recursive: true });
    }
  };

  it("finds every kind of secret", () => {
    const report = found(secrets.map((secret, index) => `SECRET_${index}=${secret}\n`).join(""));
    const ours = report.filter(({ RuleID }) => RuleID === "patwarden-token");
    expect(ours.map(({ Secret }) => Secret).sort()).toEqual([...secrets].sort());
  });

  it("finds no Patwarden secret in other texts or in a placeholder", () => {
    const placeholder = `pw_pat_${"x".repeat(43)}0${"x".repeat(5)}`;
    const report = found([...others, placeholder].map((text, index) => `SECRET_${index}=${text}\n`).join(""));
    expect(report.filter(({ RuleID }) => RuleID === "patwarden-token")).toEqual([]);
  });
});

describe("trufflehog-verifier.mjs", () => {
  let patwarden: Patwarden;
  let verifier: string;
  const ends: (() => unknown)[] = [];
  beforeAll(async () => {
    patwarden = await startPatwarden({ config: { public_http: { listen: "127.0.0.1:0" } } });
    ends.push(() => patwarden.stop());
    const args = [file("trufflehog-verifier.mjs"), patwarden.server.publicHttp, "0"];
    const child = track(spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] }));
    ends.push(() => new Promise((resolve) => child.once("close", resolve) && child.kill()));
    verifier = await new Promise((resolve) => createInterface(child.stdout).once("line", resolve));
  });
  afterAll(async () => {
    for (const end of ends.reverse()) await end();
  });

  it("tells TruffleHog which tokens are usable", async () => {
    // As TruffleHog sends it: the whole match, and then its groups.
    const ask = async (...match: readonly unknown[]): Promise<number> =>
      (await fetch(verifier, { method: "POST", body: JSON.stringify({ patwarden: { token: match } }) })).status;
    const { token, secret } = await patwarden.createToken({
      subject: "user:alice",
      name: "found",
      grant: { full: true },
    });
    expect([await ask(secret), await ask(mint()), await ask(patwarden.server.keys.admin)]).toEqual([200, 401, 401]);
    await patwarden.port.call(TokenService.method.revokeToken, { id: token.id });
    expect(await ask(secret)).toBe(401);
    expect((await fetch(verifier, { method: "POST", body: "{}" })).status).toBe(502);
  });
});
