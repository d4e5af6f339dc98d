import type { Server } from "../../test/kit/server.js";
import { checksOfTokens } from "./exchanges.js";
import { sendLoad } from "./load.js";
import type { TokenMemory } from "./measurement.js";
import { startOpenFga } from "./openfga.js";
import { heldBytes, readMetrics, startPatwarden } from "./patwarden.js";
import type { Bench } from "./scenarios.js";

/** Tokens used before the first look, so that compiled code and buffers are there. */
const warmTokens = 1_000;

/** What the server holds more of after `count` tokens were used once each, and others `warmUpCalls` times in all before. */
export async function measureMemory(bench: Bench, count: number, warmUpCalls: number): Promise<TokenMemory> {
  const openfga = await startOpenFga({ queryCache: true });
  let server: Server | undefined;
  try {
    server = await startPatwarden({ databaseUrl: bench.databaseUrls.many, openfga });
    const { grpc: address, keys } = server;
    const ask = async (from: number, to: number, minCalls: number): Promise<void> => {
      const traffic = checksOfTokens(bench.secrets.slice(0, to));
      const exchanges = traffic.exchanges.slice(from);
      const settings = { address, key: keys.checker, inFlight: 64, durationMs: 0, minCalls };
      const { wrong, failed, firstFault } = await sendLoad({ ...traffic, exchanges }, settings);
      if (wrong + failed > 0) throw new Error(`${wrong} wrong, ${failed} failed: ${firstFault}`);
    };
    await ask(0, warmTokens, warmUpCalls);
    const before = await heldBytes(server);
    await ask(warmTokens, warmTokens + count, count);
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
