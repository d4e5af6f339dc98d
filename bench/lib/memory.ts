import { setTimeout as sleep } from "node:timers/promises";
import type { Server } from "../../test/kit/server.js";
import { checksOfTokens } from "./exchanges.js";
import { sendLoad } from "./load.js";
import type { TokenMemory } from "./measurement.js";
import { startOpenFga } from "./openfga.js";
import { heldBytes, readMetrics, startPatwarden } from "./patwarden.js";
import type { Bench } from "./scenarios.js";

/** Tokens used before the first reading, so that compiled code and buffers exist. */
const warmTokens = 1_000;

export interface MemoryLoad {
  /** The number of tokens, used once each. */
  readonly tokens: number;
  /** Calls with other tokens before the measurement. */
  readonly warmUpCalls: number;
  /** Waits until temporary memory, such as counts that are not written yet, is free. */
  readonly settleMs: number;
}

/** Measures how much more memory the server holds after this many tokens were used. */
export async function measureMemory(
  bench: Bench,
  { tokens: count, warmUpCalls, settleMs }: MemoryLoad,
): Promise<TokenMemory> {
  const openfga = await startOpenFga({ queryCache: true });
  let server: Server | undefined;
  try {
    // Last uses, about 200 bytes each for the last 100,000 secrets, are not part of the record.
    const settings = { usage: { last_use: false } };
    server = await startPatwarden({ databaseUrl: bench.databaseUrls.many, openfga, settings });
    const { grpc: address, keys } = server;
    const ask = async (from: number, to: number, minCalls: number): Promise<void> => {
      const traffic = checksOfTokens(bench.secrets.slice(0, to));
      const exchanges = traffic.exchanges.slice(from);
      const settings = { address, key: keys.checker, inFlight: 64, durationMs: 0, minCalls };
      const { wrong, failed, firstFault } = await sendLoad({ ...traffic, exchanges }, settings);
      if (wrong + failed > 0) throw new Error(`${wrong} wrong, ${failed} failed: ${firstFault}`);
    };
    await ask(0, warmTokens, warmUpCalls);
    await sleep(settleMs);
    const before = await heldBytes(server);
    await ask(warmTokens, warmTokens + count, count);
    await sleep(settleMs);
    const after = await heldBytes(server);
    const metric = await readMetrics(server);
    const bytes = metric("patwarden_token_cache_bytes");
    const entries = metric("patwarden_token_cache_entries");
    return {
      tokens: count,
      bytesPerToken: (after - before) / count,
      countedBytesPerToken: bytes !== undefined && entries ? bytes / entries : undefined,
    };
  } finally {
    await server?.stop();
    await openfga.stop();
  }
}
