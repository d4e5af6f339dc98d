import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { onFreePorts } from "../../test/kit/dev.js";
import { runPatwarden } from "../../test/kit/server.js";

/** Measures the milliseconds from `patwarden dev --ephemeral` until it is ready. */
export async function measureEmbeddedStart(): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), "patwarden-bench-"));
  const readyFile = join(directory, "ready.json");
  const begin = performance.now();
  const dev = runPatwarden(["dev", "--ephemeral", ...onFreePorts, "--ready-file", readyFile], { cwd: directory });
  let ended = false;
  void dev.exited.then(() => {
    ended = true;
  });
  try {
    while (!existsSync(readyFile)) {
      if (ended) throw new Error(`patwarden dev ended:\n${dev.log()}`);
      await sleep(10);
    }
    return performance.now() - begin;
  } finally {
    await dev.stop();
    rmSync(directory, { recursive: true });
  }
}
