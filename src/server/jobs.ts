import { Loop } from "../async/loop.js";
import type { AuditStore } from "../audit/audit-store.js";
import { checkpointKey, checkpointKeyLabel } from "../audit/chain.js";
import { createRetention } from "../audit/retention.js";
import { createSealer } from "../audit/sealer.js";
import type { Config } from "../config/config.js";
import type { Database } from "../database/database.js";
import { deleteDeadTokens } from "../database/dead-tokens.js";
import type { Clock } from "../domain/clock.js";
import type { PepperRing } from "../domain/pepper.js";
import type { PolicyStore } from "../domain/policy-store.js";
import type { TokenStore } from "../domain/token-store.js";
import type { SigningKeys } from "../exchange/signing-keys.js";
import { revokeUnused } from "../manage/revoke-unused.js";
import type { RevocationStore } from "../revocation/revocation-store.js";
import type { Logger } from "../telemetry/log.js";

const sweepIntervalMs = 60_000;
/** It goes through all tokens under a limit, which is a day at least. */
const unusedIntervalMs = 600_000;
/** Secrets are kept for repeats of a call no longer than promised. */
const requestSecretsMs = 10 * 60_000;
const requestsMs = 24 * 3_600_000;
/** Changes that a replica may have missed and still drop one by one. */
const epochsKept = 10_000;

export interface HousekeepingOptions {
  readonly config: Pick<Config, "audit" | "usage">;
  readonly database: Database;
  readonly tokens: TokenStore;
  readonly policies: PolicyStore;
  readonly events: AuditStore;
  readonly revocations: RevocationStore;
  /** Undefined: no JWTs are made. */
  readonly signingKeys: SigningKeys | undefined;
  readonly peppers: PepperRing;
  readonly clock: Clock;
  /** Compares this machine's clock with the database's now. */
  readonly clocksAgree: () => Promise<boolean>;
  readonly log: Logger;
}

/** What has to be done now and then, by any replica. */
export interface Housekeeping {
  start(): void;
  /** Lets what has begun end. */
  stop(): Promise<void>;
}

export function composeHousekeeping(options: HousekeepingOptions): Housekeeping {
  const { config, database, tokens, policies, events, revocations, signingKeys, peppers, clock, clocksAgree, log } =
    options;
  const signing = {
    store: events,
    log,
    key: checkpointKey(peppers.deriveKey(checkpointKeyLabel)),
    clock,
    clocksAgree,
  };
  const retention = createRetention({
    ...signing,
    keys: peppers.deriveKeys(checkpointKeyLabel).map(checkpointKey),
    retentionMs: config.audit.retentionMs,
    deleteDeadTokens: (before, limit) => deleteDeadTokens(database, before, limit),
  });
  const jobs = [createSealer(signing), retention, new Loop(sweep, sweepIntervalMs, { firstAfterMs: sweepIntervalMs })];
  // Every token would look unused where uses are not recorded.
  if (config.usage.lastUse) jobs.push(new Loop(endUnused, unusedIntervalMs));
  return {
    start() {
      for (const job of jobs) job.start();
    },
    async stop() {
      await Promise.all(jobs.map((job) => job.stop()));
    },
  };

  async function sweep(): Promise<void> {
    // What a wrong clock takes for old would be gone for good.
    if (!(await clocksAgree())) return;
    const ago = (ms: number): Date => new Date(clock.now().getTime() - ms);
    const done = async (what: string, job: Promise<unknown>): Promise<void> => {
      await job.catch((error: unknown) => log.warn({ error, what }, "could not be swept; trying again in a minute"));
    };
    await done("remembered requests", tokens.sweepRequests(ago(requestSecretsMs), ago(requestsMs)));
    await done("changes", revocations.trim(epochsKept));
    if (signingKeys) await done("signing keys", signingKeys.sweep());
  }

  async function endUnused(): Promise<void> {
    if (!(await clocksAgree())) return;
    await revokeUnused({ policies, store: tokens, clock }).catch((error: unknown) => {
      log.warn({ error }, "could not revoke unused tokens; trying again in ten minutes");
    });
  }
}
