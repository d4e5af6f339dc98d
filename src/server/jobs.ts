import { Loop } from "../async/loop.js";
import { checkpointKey, checkpointKeyLabel } from "../audit/chain.js";
import { createRetention } from "../audit/retention.js";
import { createSealer } from "../audit/sealer.js";
import type { Console } from "../console/console.js";
import { deleteDeadTokens } from "../database/dead-tokens.js";
import type { SigningKeys } from "../exchange/signing-keys.js";
import { revokeUnused } from "../manage/revoke-unused.js";
import type { Parts } from "./parts.js";

const sweepIntervalMs = 60_000;
/** The job reads all tokens under a limit, and a limit is at least a day. */
const unusedIntervalMs = 600_000;
/** Secrets are kept for repeats of a call only as long as promised. */
const requestSecretsMs = 10 * 60_000;
const requestsMs = 24 * 3_600_000;
/** A replica may miss this many changes and still drop records one by one. */
const epochsKept = 10_000;

/** Jobs that run again and again, on any replica. */
export interface Housekeeping {
  start(): void;
  /** Waits for jobs that have begun. */
  stop(): Promise<void>;
}

export function createHousekeeping(
  parts: Parts,
  signingKeys: SigningKeys | undefined,
  console: Console | undefined,
): Housekeeping {
  const { config, database, tokens, policies, events, revocations, peppers, clock, watch, log } = parts;
  const clocksAgree = () => watch.clocksAgree();
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
  // Where uses are not recorded, every token would look unused.
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
    // A wrong clock could make rows look old, and they would be deleted.
    if (!(await clocksAgree())) return;
    const ago = (ms: number): Date => new Date(clock.now().getTime() - ms);
    const done = async (what: string, job: Promise<unknown>): Promise<void> => {
      await job.catch((error: unknown) => log.warn({ error }, `failed to delete old ${what}; retrying in a minute`));
    };
    await done("remembered requests", tokens.sweepRequests(ago(requestSecretsMs), ago(requestsMs)));
    await done("changes", revocations.trim(epochsKept));
    if (signingKeys) await done("signing keys", signingKeys.sweep());
    if (console) await done("sessions", console.sweep(clock.now()));
  }

  async function endUnused(): Promise<void> {
    if (!(await clocksAgree())) return;
    await revokeUnused({ policies, store: tokens, clock }).catch((error: unknown) => {
      log.warn({ error }, "failed to revoke unused tokens; retrying in ten minutes");
    });
  }
}
