import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as plain from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as mended from "#postgres";
import { requireMended } from "../../src/database/pool.js";
import { writeDriver } from "../../tools/driver/build.mjs";
import { mends } from "../../tools/driver/mends.mjs";
import { type Authority, createAuthority } from "../kit/authority.js";
import {
  createTestDatabase,
  havePostgres,
  noPostgres,
  standbyFirst,
  startPostgres,
  type TestPostgres,
} from "../kit/postgres.js";

if (!havePostgres()) process.stderr.write(`${noPostgres}\n`);

const built = fileURLToPath(new URL("../../dist/driver", import.meta.url));
const scenarios = fileURLToPath(new URL("../kit/driver-scenarios.mjs", import.meta.url));

/** The outcome of each scenario with the mended driver. */
const right: Readonly<Record<string, unknown>> = {
  "rows-end-with-their-answer": ["failed: 22012", "here"],
  "first-statements-are-held": "failed: 57014",
  "greeting-is-held": true,
  "session-ends-whole": [true, "well"],
  "nothing-before-the-greeting": true,
  "transaction-stays-on-its-session": [true, "none"],
  "transaction-is-idle-between-messages": ["inside", "failed: 42704", "behind", false],
  "begin-reserves": "inside",
  "commit-may-leave-with-the-last-statement": ["failed: 23505", "failed: 26000", "1"],
  "drain-opens-nothing": 2,
  "faulty-statement-fails-alone": ["before", "failed: UNDEFINED_VALUE", "behind"],
  "answers-are-whole": {
    nothing: ["failed: CONNECTION_OUT_OF_STEP", "well", 2],
    "too few": ["failed: CONNECTION_OUT_OF_STEP", "well", 2],
    "no end": ["failed: CONNECTION_OUT_OF_STEP", "well", 2],
    "other columns": ["failed: CONNECTION_OUT_OF_STEP", "well", 2],
    unasked: ["well", "well", 2],
  },
  "failed-greeting-fails-its-statement": ["failed: CONNECTION_CLOSED", 1, "failed: ECONNREFUSED", "well"],
  "writers-are-no-standbys": false,
  "parameters-stay-as-given": ["digest", "digest"],
  "failures-leave-no-trace": 0,
  "certificate-names-the-host": "well",
  "small-writes-leave-at-once": true,
  "end-is-final": ["failed: CONNECTION_DESTROYED", "failed: CONNECTION_DESTROYED"],
  supervision: ["failed: LATE", "failed: LATE"],
};

const crash = "the process ended with 1";

/** The outcome of each scenario without its mend. */
const wrong: Readonly<Record<string, unknown>> = {
  "rows-end-with-their-answer": ["failed: 22012", "failed: CONNECTION_OUT_OF_STEP"],
  "first-statements-are-held": crash,
  "greeting-is-held": crash,
  "session-ends-whole": [true, "failed: 57P01"],
  "nothing-before-the-greeting": crash,
  "transaction-stays-on-its-session": [true, 2],
  "transaction-is-idle-between-messages": ["inside", "failed: 42704", "behind", true],
  "begin-reserves": crash,
  "commit-may-leave-with-the-last-statement": ["done", "done", "1"],
  "drain-opens-nothing": "none",
  "faulty-statement-fails-alone": [
    "failed: UNDEFINED_VALUE",
    "failed: Cannot set properties of null (setting 'columns')",
    "nothing",
  ],
  "answers-are-whole": {
    nothing: ["none", "none", 1],
    "too few": ["none", "none", 1],
    "no end": ["x", "x", 1],
    "other columns": ["failed: ERR_OUT_OF_RANGE", "failed: ERR_OUT_OF_RANGE", 1],
    unasked: ["well", "well", 1],
  },
  "failed-greeting-fails-its-statement": ["nothing", "again and again", "nothing", "well"],
  "writers-are-no-standbys": true,
  "parameters-stay-as-given": ["digest", String.raw`\\x646967657374`],
  "failures-leave-no-trace": 5,
  "certificate-names-the-host": "failed: ERR_TLS_CERT_ALTNAME_INVALID",
  "small-writes-leave-at-once": false,
  // It hangs until it is stopped.
  "end-is-final": "the process ended with SIGTERM",
  // Without it there is nothing to load.
  supervision: crash,
};

describe.skipIf(!havePostgres())("the mended driver", () => {
  const folder = mkdtempSync(join(tmpdir(), "patwarden-driver-"));
  let authority: Authority;
  let overTls: TestPostgres;
  let standby: TestPostgres;
  beforeAll(async () => {
    authority = createAuthority();
    overTls = await startPostgres({}, { identity: authority.issue({ "IP.1": "127.0.0.1" }, "server") });
    standby = await startPostgres({}, { standbyOf: overTls.url });
  });
  afterAll(async () => {
    await standby?.stop();
    await overTls?.stop();
    authority.remove();
    rmSync(folder, { recursive: true });
  });

  /** The output of the process, or how it ended. */
  async function play(driver: string, name: string): Promise<unknown> {
    const created = await createTestDatabase();
    const urls: Readonly<Record<string, string>> = {
      "certificate-names-the-host": overTls.url,
      "writers-are-no-standbys": standbyFirst(standby.url, overTls.url),
    };
    const url = urls[name] ?? created.url;
    try {
      return await new Promise((resolve) => {
        const env = { ...process.env, NODE_EXTRA_CA_CERTS: authority.certFile };
        execFile(process.execPath, [scenarios, driver, name, url], { env, timeout: 10_000 }, (error, stdout) =>
          resolve(error ? `the process ended with ${error.code ?? error.signal}` : JSON.parse(stdout)),
        );
      });
    } finally {
      await created.stop();
    }
  }

  it("has a test for each mend", () => {
    const names = mends.map(({ name }) => name).sort();
    expect([right, wrong].map((outcomes) => Object.keys(outcomes).sort())).toEqual([names, names]);
  });

  it.concurrent.each(mends.map(({ name }) => name))("S1 S5 S9 A3 %s: right with it, wrong without it", async (name) => {
    expect(await play(built, name)).toEqual(right[name]);
    writeDriver(join(folder, name), { without: [name] });
    expect(await play(join(folder, name), name)).toEqual(wrong[name]);
  });

  it("S13 is told from the published one, with which nothing starts", () => {
    expect(() => requireMended(mended)).not.toThrow();
    expect(() => requireMended(plain)).toThrow(/driver is not the patched one/);
  });
});
