import type { KeyObject } from "node:crypto";
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type Checkpoint,
  checkpointKey,
  checkpointKeyLabel,
  checkpointShape,
  verifyCheckpoint,
} from "../audit/chain.js";
import { exportAuditTrail } from "../audit/export.js";
import { verifyAuditTrail } from "../audit/verify.js";
import type { Config } from "../config/config.js";
import { createAuditStore } from "../database/audit.js";
import { patientStatementMs } from "../database/database.js";
import { PepperRing } from "../domain/pepper.js";
import { readConfig, readMigrationConfig } from "./config.js";
import { withDatabase } from "./database.js";
import { fail } from "./fail.js";
import { print, tell, writeOut } from "./output.js";
import { endWithin, exitCodeOf, takeSignals } from "./signals.js";

export interface VerifyAuditOptions {
  readonly config?: string;
  /** Checkpoint lines, or files that contain some, such as a log. */
  readonly checkpoint?: readonly string[];
  readonly json: boolean;
}

/**
 * Verifies the whole chain. Ends with exit code 1 and the first wrong position when the chain is broken. Progress goes
 * to stderr.
 */
export async function verifyAudit({ config: file, checkpoint: sources = [], json }: VerifyAuditOptions): Promise<void> {
  const { database: settings } = readMigrationConfig(file);
  // Only checkpoints and cuts need the peppers. Without them, only `database` of the configuration is needed.
  const checkpoints = sources.length === 0 ? [] : await readCheckpoints(sources, readConfig(file).tokens);
  if (checkpoints.length === 0) tell("no --checkpoint: a truncated or rewritten trail cannot be detected");
  await withDatabase({ ...settings, statementMs: patientStatementMs }, async (database) => {
    const store = createAuditStore(database);
    const keys = (): readonly KeyObject[] => checkpointKeys(readConfig(file).tokens);
    const verdict = await verifyAuditTrail({ store, checkpoints, keys, progress: tell });
    if (!verdict.ok) return fail(new Error(verdict.problem));
    const { position, hash } = verdict.last ?? { position: 0, hash: new Uint8Array() };
    const { cut } = verdict;
    const last = {
      position,
      hash: hex(hash),
      checkpoints: checkpoints.length,
      ...(cut && { cut: { position: cut.position, time: cut.time.toISOString() } }),
    };
    const end = verdict.last ? `; the last position is ${position}, its hash ${last.hash}` : ", and empty";
    const begin = cut ? `; the retention has deleted the events up to position ${cut.position}` : "";
    await print(json, last, `the audit chain is intact, ${checkpoints.length} checkpoint(s) match${end}${begin}`);
  });
}

function checkpointKeys({ brand, peppers }: Pick<Config["tokens"], "brand" | "peppers">): readonly KeyObject[] {
  return new PepperRing(brand, peppers).deriveKeys(checkpointKeyLabel).map(checkpointKey);
}

/** Reads the checkpoints that a configured pepper signed. Throws when there is none, which would prove nothing. */
export async function readCheckpoints(
  sources: readonly string[],
  tokens: Pick<Config["tokens"], "brand" | "peppers">,
): Promise<readonly Checkpoint[]> {
  const keys = checkpointKeys(tokens);
  const checkpoints: Checkpoint[] = [];
  let foreign = 0;
  for (const source of sources) {
    for await (const line of source.match(checkpointShape)?.[0] === source ? [source] : linesOf(source)) {
      for (const [text] of line.matchAll(checkpointShape)) {
        const checkpoint = verifyCheckpoint(keys, text);
        if (checkpoint) checkpoints.push(checkpoint);
        else foreign++;
      }
    }
  }
  if (checkpoints.length === 0) {
    throw new Error(
      foreign === 0
        ? "--checkpoint: it contains no checkpoint"
        : "--checkpoint: no pepper of this configuration signed it",
    );
  }
  if (foreign > 0) tell(`ignored ${foreign} checkpoint(s): no pepper of this configuration signed them`);
  return checkpoints;
}

function linesOf(file: string): AsyncIterable<string> {
  return createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY });
}

export interface ExportAuditOptions {
  readonly config?: string;
  readonly follow: boolean;
  /** First position, 1 or more. */
  readonly from: string;
  /** Only events of this organization, `type:id`. Default: all. */
  readonly organization?: string;
}

const pauseMs = 1_000;
/** Time to finish the current page after a signal, milliseconds. */
const stopGraceMs = 2_000;

/**
 * Writes sealed events to stdout, one JSON object a line, in the order of the chain. With `follow`, runs until SIGTERM
 * or SIGINT.
 */
export async function exportAudit({ config: file, follow, from, organization }: ExportAuditOptions): Promise<void> {
  if (!/^[1-9][0-9]{0,14}$/.test(from)) return fail(new Error("--from must be a position, 1 or more"));
  if (organization !== undefined && !/^[^:\s]+:[^:\s]+$/.test(organization)) {
    return fail(new Error("--organization must be a type and an id, such as organization:acme"));
  }
  const { database: settings } = readMigrationConfig(file);
  const stopped = takeSignals();
  // A reader that does not read, or a database that does not answer, could delay the end.
  endWithin(stopGraceMs);
  try {
    await withDatabase(settings, (database) =>
      exportAuditTrail({
        store: createAuditStore(database),
        from: Number(from),
        follow,
        organization,
        signal: stopped,
        write: writeOut,
        pause: () => sleep(pauseMs, undefined, { signal: stopped }).catch(() => undefined),
        onProblem: tell,
      }),
    );
  } catch (error) {
    // After a signal, the exit code is that of the signal, whatever fails.
    if (stopped.aborted) process.exit(exitCodeOf(stopped.reason));
    throw error;
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
