import { execFile, execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeDriver } from "../tools/driver/build.mjs";
import { createTestDatabase, havePostgres, noPostgres } from "./kit/postgres.js";

if (!havePostgres()) process.stderr.write(`${noPostgres}\n`);

const root = fileURLToPath(new URL("..", import.meta.url));
const outage = fileURLToPath(new URL("./kit/outage.mjs", import.meta.url));

/**
 * The package as users get it: installed into an empty folder, without scripts and without development dependencies.
 */
describe.skipIf(!havePostgres())("the installed package", () => {
  const folder = mkdtempSync(join(tmpdir(), "patwarden-package-"));
  const installed = join(folder, "node_modules", "patwarden");
  beforeAll(() => {
    const npm = (...args: readonly string[]) =>
      execFileSync("npm", args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
    const packed = npm("pack", root, "--ignore-scripts", "--json", "--silent");
    const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
    writeFileSync(join(folder, "package.json"), "{}");
    npm(
      "install",
      `./${filename}`,
      "--omit=dev",
      "--ignore-scripts",
      "--prefer-offline",
      "--no-audit",
      "--no-fund",
      "--silent",
    );
  }, 300_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Returns what `outage.mjs` saw with a package, or how its process ended. */
  async function rideOut(of: string): Promise<unknown> {
    const created = await createTestDatabase();
    try {
      const module = pathToFileURL(join(of, "dist/database/database.js")).href;
      const { stdout } = await promisify(execFile)(process.execPath, [outage, module, created.url], {
        timeout: 25_000,
      });
      return JSON.parse(stdout);
    } catch (error) {
      return `the process ended: ${String(error).slice(0, 2_000)}`;
    } finally {
      await created.stop();
    }
  }
  const riddenOut = { wrong: [], wellAfter: true, halves: 0, counted: true };

  it("S13 holds the mended driver, and no other that it could load", () => {
    expect(existsSync(join(installed, "dist/driver/driver.js"))).toBe(true);
    const loaded = "import postgres, * as driver from '#postgres'; process.stdout.write(String(driver.mends.length))";
    writeFileSync(join(installed, "probe.mjs"), loaded);
    expect(Number(execFileSync(process.execPath, ["probe.mjs"], { cwd: installed, encoding: "utf8" }))).toBeGreaterThan(
      10,
    );
  });

  it("gives the element and its types to hosts, also where they render on a server", () => {
    const load = "import('patwarden/elements').then((module) => process.stdout.write(Object.keys(module).join()))";
    expect(execFileSync(process.execPath, ["-e", load], { cwd: folder, encoding: "utf8" })).toBe("PatwardenTokens");
    const { exports } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
    const files = Object.values<string | Record<string, string>>(exports).flatMap((target) =>
      typeof target === "string" ? [target] : Object.values(target),
    );
    expect(files.length).toBeGreaterThan(4);
    expect(files.filter((file) => !existsSync(join(installed, file)))).toEqual([]);
  });

  it("S1 S13 keeps working while sessions are ended again and again", async () => {
    const seen = await rideOut(installed);
    expect(seen).toMatchObject(riddenOut);
    const { right, unavailable, kills } = seen as Readonly<Record<string, number>>;
    for (const count of [right, unavailable, kills]) expect(count).toBeGreaterThan(10);
  });

  it("S1 does not with a driver that keeps the state of a lost session", async () => {
    const broken = join(folder, "broken");
    mkdirSync(broken);
    cpSync(installed, broken, { recursive: true });
    if (!existsSync(join(broken, "node_modules")))
      symlinkSync(join(folder, "node_modules"), join(broken, "node_modules"));
    const lost = ["session-ends-whole", "nothing-before-the-greeting", "transaction-stays-on-its-session"];
    writeDriver(join(broken, "dist/driver"), { without: lost });
    expect(await rideOut(broken)).not.toMatchObject(riddenOut);
  });
});
