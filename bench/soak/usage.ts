import { setTimeout as sleep } from "node:timers/promises";
import { UsageService } from "#gen/patwarden/v1/usage_pb.js";
import type { Port } from "../../test/kit/ports.js";
import type { Tally } from "./tally.js";

const settleLimitMs = 30_000;

/**
 * Compares what was billed with what was answered, after everything has been written. Returns the result, for a human.
 */
export async function compareUsage(port: Port, tally: Tally): Promise<string> {
  const { received, allowed, lost } = tally.decisions;
  let said = "";
  for (const begin = performance.now(); performance.now() - begin < settleLimitMs; await sleep(500)) {
    const reply = await port.call(UsageService.method.queryUsage, {});
    if (!reply.ok && reply.code === "UNIMPLEMENTED")
      return "COUNTS WERE NOT COMPARED: this build does not serve QueryUsage";
    if (!reply.ok) {
      said = `QueryUsage failed with ${reply.code}: ${reply.message}`;
      continue;
    }
    const [{ count, units } = { count: 0n, units: 0n }] = reply.value.rows;
    said = `QueryUsage counts ${count} decisions and ${units} units; callers received ${received} and ${allowed}, and ${lost} answers were lost`;
    const add = (counted: bigint, known: number): boolean => counted >= known && counted <= known + lost;
    if (add(count, received) && add(units, allowed)) return said;
  }
  tally.violated(said);
  return said;
}
