import { randomBytes } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuditService } from "#gen/patwarden/v1/audit_pb.js";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { PolicyService } from "#gen/patwarden/v1/policy_pb.js";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { RevocationReason, TokenService } from "#gen/patwarden/v1/token_pb.js";
import { PepperRing } from "../../src/domain/pepper.js";
import { encodeSecret } from "../../src/domain/secret.js";
import { startTestIssuer, type TestIssuer } from "../kit/issuer.js";
import { type Patwarden, portNames, startPatwarden } from "../kit/patwarden.js";
import type { CallSettings, Reply } from "../kit/ports.js";
import { hashOf, newKey } from "../kit/server.js";

const { check, batchCheck } = AuthorizationService.method;
const { createToken, getToken, listTokens, resumeToken, revokeToken, rotateToken, suspendToken } = TokenService.method;

const behalf = newKey();
let issuer: TestIssuer;
let patwarden: Patwarden;
beforeAll(async () => {
  issuer = await startTestIssuer();
  patwarden = await startPatwarden({
    config: {
      issuers: [{ issuer: issuer.url, audiences: [issuer.audience], admin: { claim: "roles", value: "root" } }],
      // So few that the hour and the minute do not end while a test runs.
      limits: { creations_per_hour: 3, revocations_per_minute: 1, revocations_burst: 3, lists_per_second: 1 },
    },
    // A flood may make a slow machine slower, but no answer wrong.
    env: { PATWARDEN_OPENFGA_TIMEOUT: "10s" },
    callers: [{ name: "backend", key_sha256: [hashOf(behalf)], permissions: ["tokens.behalf"] }],
  });
  const policy = { scope: "user", allowSelfRotation: true };
  const admitted = await patwarden.port.call(PolicyService.method.updatePolicy, {
    policy,
    updateMask: { paths: ["allow_self_rotation"] },
  });
  if (!admitted.ok) throw new Error(admitted.message);
});
/** The ports in turn. */
const anyPort = (index: number) => patwarden.server.port(portNames[index % 2] ?? "gRPC");
afterAll(async () => {
  await patwarden.stop();
  await issuer.stop();
});

const metric = async (name: string): Promise<number> => {
  const line = (await patwarden.metrics()).split("\n").find((text) => text.startsWith(`${name} `));
  if (line === undefined) throw new Error(`no metric ${name}`);
  return Number(line.slice(name.length + 1));
};
const settled = { timeout: 20_000, interval: 50 };

/** Runs all tasks as fast as possible, `atATime` in parallel. */
async function atFullSpeed<T>(tasks: readonly (() => Promise<T>)[], atATime = 64): Promise<readonly T[]> {
  const results: T[] = [];
  const waiting = tasks.values();
  const worker = async () => {
    for (const task of waiting) results.push(await task());
  };
  await Promise.all(Array.from({ length: atATime }, worker));
  return results;
}

const question = (token: string) => ({ token, resource: "document:roadmap", action: "viewer" });
const reasonOf = (reply: Reply<{ readonly reason: Reason }>) => (reply.ok ? reply.value.reason : reply.reason);

describe("garbage and guesses", () => {
  const others = new PepperRing("pw", [{ version: 1, key: randomBytes(32), active: true }]);
  const made = (): string => others.mint("pat").text;
  /** Every kind of text that is not one of our secrets, with the reason for which it is refused. */
  const kinds: readonly (readonly [Reason, () => string])[] = [
    [Reason.TOKEN_MALFORMED, () => randomBytes(24).toString("base64")],
    [Reason.TOKEN_MALFORMED, () => `pw_pat_${randomBytes(37).toString("base64url").slice(0, 49)}`],
    [Reason.TOKEN_MALFORMED, () => made().slice(0, -1)],
    [Reason.TOKEN_MALFORMED, () => made().replace("pw_pat_", "pw_oat_")],
    [Reason.TOKEN_MALFORMED, () => "pw_pat_".padEnd(300, "x")],
    [Reason.TOKEN_UNKNOWN, made],
    [Reason.TOKEN_UNKNOWN, () => encodeSecret("pw", "oat", randomBytes(32))],
  ];
  const guessAt = (index: number) => {
    const [reason, make] = kinds[index % kinds.length] ?? [Reason.UNSPECIFIED, () => ""];
    return { reason, token: make() };
  };

  /** Sends single Checks over both ports, and full batches; each answer must be that of its kind. */
  async function flood(singles: number, batches: number): Promise<void> {
    const alone = Array.from({ length: singles }, (_, index) => async () => {
      const { reason, token } = guessAt(index);
      expect(reasonOf(await anyPort(index).call(check, question(token)))).toBe(reason);
    });
    const many = Array.from({ length: batches }, (_, batch) => async () => {
      const guesses = Array.from({ length: 500 }, (_, index) => guessAt(index + batch));
      const reply = await anyPort(batch).call(batchCheck, {
        items: guesses.map(({ token }) => question(token)),
      });
      if (!reply.ok) throw new Error(reply.message);
      const reasons = reply.value.results.map(({ result }) => result.case === "decision" && result.value.reason);
      expect(reasons).toEqual(guesses.map(({ reason }) => reason));
    });
    await atFullSpeed([...alone, ...many]);
  }

  it("RL-7 T19 cost no read of the database, however many there are", async () => {
    const before = await metric("patwarden_token_lookups_total");
    await flood(1_000, 10);
    expect(await metric("patwarden_token_lookups_total")).toBe(before);
  });

  it.each(portNames)("RL-7 cost none either where a caller's credential is expected (%s)", async (name) => {
    const before = await metric("patwarden_token_lookups_total");
    const calls = Array.from({ length: 200 }, (_, index) => async () => {
      const reply = await patwarden.server.port(name).call(listTokens, {}, { key: guessAt(index).token });
      expect(reply).toMatchObject({ ok: false, reason: "CALLER_UNAUTHENTICATED" });
    });
    await atFullSpeed(calls);
    expect(await metric("patwarden_token_lookups_total")).toBe(before);
  });

  /** Makes calls from the attacker's address, one after the other over both ports, until the attack is over. */
  async function victimDuring(attack: Promise<void>): Promise<number> {
    let over = false;
    let asked = 0;
    const victim = async () => {
      for (; !over || asked < 20; asked++) {
        const reply = await anyPort(asked).call(check, question(patwarden.alice.secret));
        expect(reasonOf(reply)).toBe(Reason.ALLOWED);
        await turn();
      }
    };
    const ended = attack.finally(() => {
      over = true;
    });
    await Promise.all([victim(), ended]);
    return asked;
  }

  it("T23 do not touch others at the same address: every answer they get is right, and the only reads are theirs", async () => {
    const before = await metric("patwarden_token_lookups_total");
    const asked = await victimDuring(flood(1_000, 10));
    expect(await metric("patwarden_token_lookups_total")).toBeLessThanOrEqual(before + asked);
  });

  it("T23 do not touch others even when they were good once: a whole fleet with revoked, suspended and superseded secrets", async () => {
    const fleet = await Promise.all(
      Array.from({ length: 12 }, async (_, index) => {
        const { token, secret } = await patwarden.createToken({
          subject: "user:fleet",
          name: `${index}`,
          grant: { full: true },
        });
        const [end, reason] =
          (
            [
              [revokeToken, Reason.TOKEN_REVOKED],
              [suspendToken, Reason.TOKEN_SUSPENDED],
              [rotateToken, Reason.TOKEN_SUPERSEDED],
            ] as const
          )[index % 3] ?? [];
        if (!end) throw new Error("one of three");
        const reply = await patwarden.port.call<DescMessage, DescMessage>(end, { id: token.id });
        if (!reply.ok) throw new Error(reply.message);
        return { secret, reason };
      }),
    );
    const replay = async () => {
      const calls = Array.from({ length: 1_000 }, (_, index) => async () => {
        const { secret = "", reason } = fleet[index % fleet.length] ?? {};
        expect(reasonOf(await anyPort(index).call(check, question(secret)))).toBe(reason);
      });
      await atFullSpeed(calls);
    };
    await victimDuring(replay());
    expect(reasonOf(await patwarden.server.port("HTTP").call(check, question(patwarden.alice.secret)))).toBe(
      Reason.ALLOWED,
    );
  });
});

describe.each(portNames)("how fast users make expensive calls, over %s", (name) => {
  type Settings = CallSettings & { readonly key: string };
  /** Makes a new user who calls with their own access token. */
  const newcomer = async (): Promise<{
    readonly sub: string;
    readonly self: Settings;
    readonly byBackend: Settings;
  }> => {
    const sub = `u${randomBytes(6).toString("hex")}`;
    const access = await issuer.sign({ sub });
    const byBackend = { key: behalf, headers: { "patwarden-user-authorization": `Bearer ${access}` } };
    return { sub, self: { key: access }, byBackend };
  };
  const call = <I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    settings?: CallSettings,
  ): Promise<Reply<MessageShape<O>>> => patwarden.server.port(name).call(method, request, settings);
  const made = async (
    settings?: CallSettings,
    subject = "",
  ): Promise<{ readonly id: string; readonly secret: string }> => {
    const reply = await call(createToken, { subject, name: "n", grant: { full: true } }, settings);
    if (!reply.ok || !reply.value.token) throw new Error(JSON.stringify(reply));
    return { id: reply.value.token.id, secret: reply.value.secret };
  };
  const tooFast = (limit: string) => ({
    ok: false,
    code: "RESOURCE_EXHAUSTED",
    reason: "OVERLOADED",
    metadata: { limit },
  });

  it("is limited for creations, rotations among them, by themselves and through a backend together", async () => {
    const { sub, self, byBackend } = await newcomer();
    const { id } = await made(self);
    await made(byBackend);
    expect(await call(rotateToken, { id }, self)).toMatchObject({ ok: true });
    for (const settings of [self, byBackend]) {
      const refused = await call(createToken, { name: "n" }, settings);
      expect(refused).toMatchObject(tooFast("creations"));
      // One is refilled every twenty minutes, and the first of the three was made a moment ago.
      const { retryDelayMs = 0 } = refused.ok ? {} : refused;
      expect(retryDelayMs).toBeGreaterThan(15 * 60_000);
      expect(retryDelayMs).toBeLessThanOrEqual(20 * 60_000);
    }
    expect(await call(rotateToken, { id }, self)).toMatchObject(tooFast("creations"));
    // No limit for other users, for her other calls, or for calls that a service makes for her.
    expect(await call(getToken, { id }, self)).toMatchObject({ ok: true });
    expect(await call(suspendToken, { id }, self)).toMatchObject({ ok: true });
    await made((await newcomer()).self);
    for (let more = 0; more < 5; more++) await made({}, `user:${sub}`);
  });

  it("is limited for what takes something away, but never for what has leaked", async () => {
    const { sub, self } = await newcomer();
    const [kept, leaked] = [await made({}, `user:${sub}`), await made({}, `user:${sub}`)];
    for (let round = 0; round < 3; round++) {
      expect(await call(suspendToken, { id: kept.id }, self)).toMatchObject({ ok: true });
      expect(await call(resumeToken, { id: kept.id }, self)).toMatchObject({ ok: true });
    }
    expect(await call(revokeToken, { id: kept.id }, self)).toMatchObject(tooFast("revocations"));
    expect(await call(revokeToken, { id: leaked.id, reason: RevocationReason.LEAKED }, self)).toMatchObject({
      ok: true,
    });
    expect(reasonOf(await call(check, question(leaked.secret)))).toBe(Reason.TOKEN_REVOKED);
    expect(await call(revokeToken, { id: kept.id })).toMatchObject({ ok: true });
  });

  it("is limited for lists", async () => {
    const { self } = await newcomer();
    const replies = await Promise.all(Array.from({ length: 20 }, () => call(listTokens, {}, self)));
    expect(new Set(replies.map(({ ok }) => ok))).toEqual(new Set([true, false]));
    for (const reply of replies) if (!reply.ok) expect(reply).toMatchObject(tooFast("lists"));
  });

  it("T23 does not affect others: a user who tries to end another's token uses up their own limit", async () => {
    const [owner, stranger] = [await newcomer(), await newcomer()];
    const { id } = await made(owner.self);
    for (let attempt = 0; attempt < 3; attempt++) {
      expect(await call(revokeToken, { id }, stranger.self)).toMatchObject({ ok: false, reason: "NOT_FOUND" });
    }
    expect(await call(revokeToken, { id }, stranger.self)).toMatchObject(tooFast("revocations"));
    expect(await call(revokeToken, { id }, owner.self)).toMatchObject({ ok: true });
  });

  it("T23 is separate for a token as the caller: its rotations are limited, and its user's are not affected", async () => {
    const { sub, self } = await newcomer();
    const reply = await call(createToken, { subject: `user:${sub}`, name: "n", selfRotate: true });
    if (!reply.ok) throw new Error(reply.message);
    let { secret } = reply.value;
    for (let round = 0; round < 3; round++) {
      const rotated = await call(rotateToken, {}, { key: secret });
      if (!rotated.ok) throw new Error(rotated.message);
      ({ secret } = rotated.value);
    }
    expect(await call(rotateToken, {}, { key: secret })).toMatchObject(tooFast("creations"));
    await made(self);
  });

  it("does not affect Checks, nor Checks the limit", async () => {
    const { self, sub } = await newcomer();
    const { secret } = await made({}, `user:${sub}`);
    const asked = Array.from({ length: 100 }, () => async () => reasonOf(await call(check, question(secret))));
    expect(new Set(await atFullSpeed(asked))).toEqual(new Set([Reason.NOT_PERMITTED]));
    for (let more = 0; more < 3; more++) await made(self);
    expect(await call(createToken, { name: "n" }, self)).toMatchObject(tooFast("creations"));
    expect(new Set(await atFullSpeed(asked))).toEqual(new Set([Reason.NOT_PERMITTED]));
  });

  it("is unlimited for administrators of the deployment", async () => {
    const root = { key: await issuer.sign({ sub: "root", roles: ["root"] }) };
    for (let more = 0; more < 5; more++) await made(root, "user:someone");
  });

  it("is counted every time, and written to log and trail once a user and minute", async () => {
    const { self, sub } = await newcomer();
    const counted = () => metric('patwarden_calls_limited_total{limit="creations"}');
    for (let more = 0; more < 3; more++) await made(self);
    const before = await counted();
    for (let more = 0; more < 4; more++)
      expect(await call(createToken, { name: "n" }, self)).toMatchObject({ ok: false });
    expect(await counted()).toBe(before + 4);
    const actor = `user:${sub}`;
    const logged = patwarden.server
      .log()
      .split("\n")
      .filter((line) => line.includes("excess_rate_limit_exceeded") && line.includes(`"${actor}"`));
    expect(logged.map((line) => JSON.parse(line))).toMatchObject([{ level: "warn", actor, limit: "creations" }]);
    const recorded = async () => {
      const reply = await call(AuditService.method.listAuditEvents, { actor });
      return reply.ok ? reply.value.events.filter(({ action }) => action === "access.refused") : [];
    };
    await expect.poll(async () => (await recorded()).length, settled).toBe(1);
    expect(await recorded()).toMatchObject([
      { outcome: "refused", details: { reason: "OVERLOADED", method: "patwarden.v1.TokenService/CreateToken" } },
    ]);
  });
});
