import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { track } from "../kit/children.js";

const folderLock = new URL("../../dist/server/dev/folder-lock.js", import.meta.url).href;
const root = mkdtempSync(join(tmpdir(), "patwarden-lock-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Prints `ready`, waits for a line, locks the folder of its argument, prints the result, and stays. */
const script = `
  import { lockFolder } from ${JSON.stringify(folderLock)};
  console.log("ready");
  process.stdin.once("data", async () => {
    try {
      await lockFolder(process.argv[1]);
      console.log("locked");
    } catch (error) {
      console.log(error.message);
    }
    setInterval(() => undefined, 1_000);
  });`;
const node = [process.execPath, "--input-type=module", "-e", script, "--"];

/** Prints `binds` before it makes its lock, and waits for a line. */
const slowly = `
  import { Server } from "node:net";
  const { listen } = Server.prototype;
  Server.prototype.listen = function (...args) {
    Server.prototype.listen = listen;
    process.stdin.once("data", () => this.listen(...args));
    console.log("binds");
    return this;
  };`;
const preload = `--import=data:text/javascript,${encodeURIComponent(slowly)}`;

interface Contender {
  readonly child: ChildProcess;
  /** Lets the process continue, and resolves to its next line: the result. */
  lock(): Promise<string>;
  kill(): Promise<void>;
}

async function contender(
  folder: string,
  wrapper: readonly string[] = [],
  nodeOptions: string | undefined = undefined,
): Promise<Contender> {
  const [program = "", ...args] = [...wrapper, ...node, folder];
  const env = { ...process.env, ...(nodeOptions && { NODE_OPTIONS: nodeOptions }) };
  const child = track(spawn(program, args, { stdio: ["pipe", "pipe", "inherit"], env }));
  const said = async () => String((await once(child.stdout, "data"))[0]).trim();
  expect(await said()).toBe("ready");
  return {
    child,
    lock() {
      const answer = said();
      child.stdin.write("go\n");
      return answer;
    },
    async kill() {
      const ended = once(child, "close");
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** Makes the first process of a PID namespace, as in a container, where the machine allows it. */
const asFirst = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"];
const mayUnshare = spawnSync(asFirst[0] ?? "", [...asFirst.slice(1), "true"]).status === 0;
if (!mayUnshare)
  process.stderr.write("SKIPPED: no PID namespaces here, so nothing runs as process 1 (needs Linux and unshare)\n");

describe("the lock of a folder", () => {
  it.runIf(mayUnshare)(
    "B8 dies with process 1 of a container, for the next process 1",
    async () => {
      const folder = join(root, "container");
      for (let round = 0; round < 3; round++) {
        const first = await contender(folder, asFirst);
        expect(await first.lock()).toBe("locked");
        // A second process, in a container or outside, is kept out although its number is the same or not visible.
        for (const wrapper of [asFirst, []]) {
          const second = await contender(folder, wrapper);
          expect(await second.lock()).toContain("is in use by another process");
          await second.kill();
        }
        await first.kill();
      }
    },
    60_000,
  );

  it("B8 does not depend on process numbers: a process with the number of a dead holder does not hold it", async () => {
    const folder = join(root, "numbers");
    const holder = await contender(folder);
    expect(await holder.lock()).toBe("locked");
    holder.child.kill("SIGSTOP");
    const other = await contender(folder);
    // A frozen process holds it.
    expect(await other.lock()).toContain("is in use");
    await holder.kill();
    const next = await contender(folder);
    expect(await next.lock()).toBe("locked");
    await Promise.all([other.kill(), next.kill()]);
  }, 60_000);

  it("S25 is taken by one of many processes that start at once beside a dead lock, in each round", async () => {
    const folder = join(root, "race");
    for (let round = 0; round < 8; round++) {
      const contenders = await Promise.all(Array.from({ length: 6 }, () => contender(folder)));
      const outcomes = await Promise.all(contenders.map((each) => each.lock()));
      expect(outcomes.filter((outcome) => outcome === "locked")).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome.includes("is in use"))).toHaveLength(5);
      // The dead lock for the next round.
      await Promise.all(contenders.map((each) => each.kill()));
      expect(readdirSync(folder).length).toBeLessThan(8);
    }
  }, 120_000);

  it("S25 is not taken by a process that was about to replace a dead lock while others came and ended", async () => {
    const folder = join(root, "late");
    const [dead, late, second, third] = [
      await contender(folder),
      await contender(folder, [], preload),
      await contender(folder),
      await contender(folder),
    ];
    expect(await dead.lock()).toBe("locked");
    await dead.kill();
    expect(await late.lock()).toBe("binds");
    expect(await second.lock()).toBe("locked");
    await second.kill();
    // It removes the lock of the second, whose name the late process is about to bind.
    expect(await third.lock()).toBe("locked");
    expect(await late.lock()).toContain("is in use");
    await Promise.all([late.kill(), third.kill()]);
  }, 60_000);

  it("says what is wrong with a folder whose path is too long for a socket", async () => {
    const folder = join(root, "x".repeat(120));
    const one = await contender(folder);
    expect(await one.lock()).toContain("has too long a path");
    await one.kill();
  });
});
