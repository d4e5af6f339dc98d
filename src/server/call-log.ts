import { methodsThatAre } from "../callers/methods.js";
import type { LineBudget } from "../telemetry/line-budget.js";
import type { Logger } from "../telemetry/log.js";
import type { Refusal } from "../transport/grpc-listener.js";
import type { CallContext } from "../transport/service.js";
import type { StatusError } from "../transport/status.js";

const logged = methodsThatAre(({ logged }) => logged);

/**
 * Logs calls that failed, and calls that changed something. Successful Checks and other reads are counted, not logged.
 */
export function logCall(log: Logger, lines: LineBudget, call: CallContext, error: StatusError | undefined): void {
  // Most calls are reads that succeed: they must cost nothing here.
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
  // Helps a caller that cannot see why it is refused, for example behind a proxy.
  const { problem } = metadata;
  const level = levelOf(error);
  // In an outage each call fails for the same reason: one line a minute says so, and how many were omitted.
  const perMinute = code === "UNAVAILABLE" ? 1 : undefined;
  const omitted = level === "debug" ? 0 : lines.admit(`${call.method} ${code} ${reason}`, perMinute);
  if (omitted === undefined) return;
  log[level](
    {
      ...facts,
      code,
      reason,
      ...(problem !== undefined && { problem }),
      // A stack is useful for a defect only.
      ...(cause !== undefined && (code === "INTERNAL" ? { error: cause } : { cause: messageOf(cause) })),
      ...(omitted > 0 && { omitted }),
    },
    "call failed",
  );
}

/** Logs a call that reached no handler, for operators who look for a client that nobody serves. */
export function logRefusal(log: Logger, { method, address, code, problem }: Refusal): void {
  log.debug({ method, address: address?.toString(), transport: "grpc", code, problem }, "call refused");
}

function levelOf({ code, reason, metadata }: StatusError): "error" | "warn" | "info" | "debug" {
  if (code === "INTERNAL") return "error";
  // Failed fetches of an issuer's keys are logged elsewhere. A line per made-up key would let anybody fill the log.
  if (code === "UNAVAILABLE" && reason !== "ISSUER_UNAVAILABLE") return "warn";
  return metadata["problem"] === undefined ? "debug" : "info";
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
