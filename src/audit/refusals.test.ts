import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { ManagingCaller } from "../callers/caller.js";
import type { AuditEvent } from "../domain/audit-event.js";
import type { TokenId } from "../domain/token.js";
import { RefusalRecorder, refusalLimits } from "./refusals.js";

const token = (n: number): ManagingCaller =>
  ({ kind: "token", id: `tok_${n}` as TokenId, subject: "user:alice", from: "192.0.2.1" }) as unknown as ManagingCaller;

function recorder(windowMs = 3_600_000) {
  const events: AuditEvent[] = [];
  const refused = new RefusalRecorder({
    store: { append: async (...written) => void events.push(...written) },
    clock: { now: () => new Date() },
    onFailure: (error) => {
      throw error;
    },
    windowMs,
  });
  return { events, refused };
}
const create = "patwarden.v1.TokenService/CreateToken";

describe("S11 refused calls cannot fill the trail", () => {
  it("S11 records the first refused calls of a token as events, and counts the other ones in one event", async () => {
    const { events, refused } = recorder();
    for (let n = 0; n < 5_000; n++) refused.record("CALLER_FORBIDDEN", token(1), create, undefined);
    // The refusal of another caller still gets its own event.
    refused.record("CALLER_FORBIDDEN", token(2), create, undefined);
    await expect.poll(() => events.length).toBe(refusalLimits.ofCaller + 1);
    await refused.stop();
    expect(events).toHaveLength(refusalLimits.ofCaller + 2);
    const more = events.filter(({ details }) => details["more"] !== undefined);
    expect(more).toMatchObject([{ actor: "token:tok_1", details: { more: String(5_000 - refusalLimits.ofCaller) } }]);
  });

  it("S11 counts callers beyond the limit together with unauthenticated callers", async () => {
    const { events, refused } = recorder();
    for (let n = 0; n < 5_000; n++) refused.record("CALLER_FORBIDDEN", token(n), create, undefined);
    for (let n = 0; n < 5_000; n++) refused.record("CALLER_UNAUTHENTICATED", undefined, create, "192.0.2.9");
    await refused.stop();
    expect(events.length).toBeLessThanOrEqual(refusalLimits.callers + refusalLimits.ofStrangers + 1);
    const told = events.reduce((sum, { details }) => sum + Number(details["more"] ?? 1), 0);
    expect(told).toBe(10_000);
  });

  it("S11 records the count when the window ends, and begins a new window", async () => {
    const { events, refused } = recorder(20);
    for (let n = 0; n < 30; n++) refused.record("CALLER_FORBIDDEN", token(1), create, undefined);
    await expect.poll(() => events.map(({ details }) => details["more"]).filter(Boolean)).toEqual(["10"]);
    refused.record("CALLER_FORBIDDEN", token(1), create, undefined);
    await expect.poll(() => events.length).toBe(refusalLimits.ofCaller + 2);
  });

  it("S11 writes a burst with one transaction at a time, so that other calls still get a connection", async () => {
    let writing = 0;
    let most = 0;
    let written = 0;
    const append = async (...events: readonly AuditEvent[]): Promise<void> => {
      most = Math.max(most, ++writing);
      await turn();
      writing--;
      written += events.length;
    };
    const refused = new RefusalRecorder({
      store: { append },
      clock: { now: () => new Date() },
      onFailure: () => undefined,
    });
    for (let n = 0; n < refusalLimits.ofStrangers; n++) {
      refused.record("CALLER_UNAUTHENTICATED", undefined, create, "192.0.2.9");
    }
    await expect.poll(() => written).toBe(refusalLimits.ofStrangers);
    expect(most).toBe(1);
  });
});
