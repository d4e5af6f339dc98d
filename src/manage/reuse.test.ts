import { describe, expect, it } from "vitest";
import { resolvedToken, type TestContext, testTime, tokenRecord } from "../../test/kit/token.js";
import { noPolicy } from "../domain/policy.js";
import { unmentionedSubject } from "../domain/subject-state.js";
import type { Revocation } from "../domain/token.js";
import type { TokenChange, TokenSnapshot } from "../domain/token-store.js";
import { ReuseDetector } from "./reuse.js";

const strict = { ...noPolicy, revokeOnReuse: true };

function setUp(current: Partial<TokenSnapshot> = {}, fault?: Error) {
  const reported: string[] = [];
  const revoked: (Revocation | undefined)[] = [];
  const failures: unknown[] = [];
  let now = testTime;
  let settle: () => void = () => undefined;
  const settled = () => new Promise<void>((resolve) => (settle = resolve));
  const detector = new ReuseDetector({
    clock: { now: () => now },
    onReuse: ({ secretId }) => reported.push(secretId),
    onFailure: (error) => {
      failures.push(error);
      settle();
    },
    store: {
      async change(_id, decide) {
        if (fault) throw fault;
        const subjects = { subject: unmentionedSubject, organization: undefined };
        const snapshot = {
          ...{ token: { ...tokenRecord(), secrets: [] }, subjects, policy: strict, policies: [], lastUses: new Map() },
          ...current,
        };
        const change: TokenChange | undefined = decide(snapshot);
        revoked.push(change?.facts?.revocation);
        settle();
        return snapshot;
      },
    },
  });
  const pass = (ms: number) => {
    now = new Date(now.getTime() + ms);
  };
  return { detector, reported, revoked, failures, pass, settled };
}

const reused = (context: Partial<TestContext> = {}) => resolvedToken({}, context);

describe("ReuseDetector", () => {
  it("RO-4 reports a superseded secret once an hour, and revokes nothing unless the policy says so", () => {
    const { detector, reported, revoked, pass } = setUp();
    const first = reused();
    const second = reused();
    for (let round = 0; round < 3; round++) {
      detector.notice(first);
      detector.notice(second);
    }
    expect(reported).toEqual([first.secretId, second.secretId]);
    pass(3_599_999);
    detector.notice(first);
    pass(1);
    detector.notice(first);
    expect(reported).toEqual([first.secretId, second.secretId, first.secretId]);
    expect(revoked).toEqual([]);
  });

  it("revokes the token where the policy says so", async () => {
    const { detector, revoked, settled } = setUp();
    const done = settled();
    detector.notice(reused({ policy: strict }));
    await done;
    expect(revoked).toEqual([{ time: testTime, by: "system", reason: "REUSE_DETECTED" }]);
  });

  it("leaves a token alone whose policy was relaxed meanwhile", async () => {
    const { detector, revoked, settled } = setUp({ policy: noPolicy });
    const done = settled();
    detector.notice(reused({ policy: strict }));
    await done;
    expect(revoked).toEqual([undefined]);
  });

  it("tries again at the next use when the database did not answer", async () => {
    const { detector, reported, failures, settled } = setUp({}, new Error("down"));
    const failing = reused({ policy: strict });
    const other = reused();
    const done = settled();
    detector.notice(other);
    detector.notice(failing);
    await done;
    detector.notice(other);
    detector.notice(failing);
    expect(reported).toEqual([other.secretId, failing.secretId, failing.secretId]);
    expect(failures).toHaveLength(1);
  });
});
