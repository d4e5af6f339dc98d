import { setTimeout as sleep } from "node:timers/promises";
import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { CallSettings, Port } from "../kit/ports.js";

/** The reply of a call that must not fail. */
export async function succeed<I extends DescMessage, O extends DescMessage>(
  port: Port,
  method: DescMethodUnary<I, O>,
  request: MessageInitShape<I>,
  settings?: CallSettings,
): Promise<MessageShape<O>> {
  const reply = await port.call(method, request, settings);
  if (!reply.ok) throw new Error(`${method.name}: ${reply.code} ${reply.reason ?? ""} ${reply.fields.join(" ")}`);
  return reply.value;
}

const patienceMs = 30_000;

/** Polls until the condition is true. Throws after 30 s with `what` it waited for. */
export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const start = Date.now(); !(await isSo()); await sleep(50)) {
    if (Date.now() - start > patienceMs) throw new Error(`not in ${patienceMs / 1000} s: ${what}`);
  }
}
