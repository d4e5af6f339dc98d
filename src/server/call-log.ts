import { methodsThatAre } from "../callers/methods.js";
import type { LineBudget } from "../telemetry/line-budget.js";
import type { Logger } from "../telemetry/log.js";
import type { CallContext } from "../transport/service.js";
import type { StatusError } from "../transport/status.js";

const logged = methodsThatAre(({ logged }) => logged);

/** Logs calls that failed, and those that changed something. Answered questions are counted, not logged. */
export function logCall(log: Logger, lines: LineBudget, call: CallContext, error: StatusError | undefined): void {
  // Most calls are questions that are answered: they must cost nothing here.
  if (!error && !logged.has(call.method)) return;
  const facts = {
    method: call.method,
    ...(call.actor !== undefined && { caller: call.actor }),
    address: call.address?.toString(),
    transport: call.transport,
    requestId: call.requestId,
    durationMs: Math.round(performance.now() - call.startTime),
  };
  if (!error) {
    log.info({ ...facts, code: "OK" }, "call");
    return;
  }
  const { code, reason, metadata, cause } = error;
  // Helps a caller who cannot see why it is refused, as behind a proxy.
  const { problem } = metadata;
  const level = levelOf(error);
  // In an outage each call fails for the same reason: one line a minute says so, and how many more there were.
  const perMinute = code === "UNAVAILABLE" ? 1 : undefined;
  const omitted = level === "debug" ? 0 : lines.admit(`${call.method} ${code} ${reason}`, perMinute);
  if (omitted === undefined) return;
  log[level](
    {
      ...facts,
      code,
      reason,
      ...(problem !== undefined && { problem }),
      // A stack says something about a defect only.
      ...(cause !== undefined && (code === "INTERNAL" ? { error: cause } : { cause: messageOf(cause) })),
      ...(omitted > 0 && { omitted }),
    },
    "call failed",
  );
}

function levelOf({ code, reason, metadata }: StatusError): "error" | "warn" | "info" | "debug" {
  if (code === "INTERNAL") return "error";
  // Each failed fetch of an issuer's keys is in the log already; a line for each made-up key would let strangers fill
  // it.
  if (code === "UNAVAILABLE" && reason !== "ISSUER_UNAVAILABLE") return "warn";
  return metadata["problem"] === undefined ? "debug" : "info";
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
