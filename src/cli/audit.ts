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
  /** Checkpoint lines, or files that hold some: a log will do. */
  readonly checkpoint?: readonly string[];
  readonly json: boolean;
}

/**
 * Goes through the whole chain; ends with exit code 1, naming the first position that is wrong. Progress goes to
 * stderr.
 */
export async function verifyAudit({ config: file, checkpoint: sources = [], json }: VerifyAuditOptions): Promise<void> {
  const { database: settings } = readMigrationConfig(file);
  // Only checkpoints and cuts need the peppers: without one the rest of the configuration need not be there.
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
    const begin = cut ? `; the retention has deleted what stood up to position ${cut.position}` : "";
    await print(json, last, `the audit chain is whole, ${checkpoints.length} checkpoint(s) fit${end}${begin}`);
  });
}

function checkpointKeys({ brand, peppers }: Pick<Config["tokens"], "brand" | "peppers">): readonly KeyObject[] {
  return new PepperRing(brand, peppers).deriveKeys(checkpointKeyLabel).map(checkpointKey);
}

/** All that a pepper of the configuration signed. Throws when there is none: then nothing would be proven. */
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
        ? "--checkpoint: there is no checkpoint in it"
        : "--checkpoint: no pepper of this configuration signed it",
    );
  }
  if (foreign > 0) tell(`${foreign} checkpoint(s) left out: no pepper of this configuration signed them`);
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
}

const pauseMs = 1_000;
/** For the page that is under way at a signal. */
const stopGraceMs = 2_000;

/**
 * Writes sealed events to stdout, one JSON object a line, in the order of the chain. With `follow` it goes on until
 * SIGTERM or SIGINT.
 */
export async function exportAudit({ config: file, follow, from }: ExportAuditOptions): Promise<void> {
  if (!/^[1-9][0-9]{0,14}$/.test(from)) return fail(new Error("--from must be a position, 1 or more"));
  const { database: settings } = readMigrationConfig(file);
  const stopped = takeSignals();
  // A reader that reads no more, or a database that does not answer, would hold it up.
  endWithin(stopGraceMs);
  try {
    await withDatabase(settings, (database) =>
      exportAuditTrail({
        store: createAuditStore(database),
        from: Number(from),
        follow,
        signal: stopped,
        write: writeOut,
        pause: () => sleep(pauseMs, undefined, { signal: stopped }).catch(() => undefined),
        onProblem: tell,
      }),
    );
  } catch (error) {
    // What fails after a signal is no reason to end otherwise than by it.
    if (stopped.aborted) process.exit(exitCodeOf(stopped.reason));
    throw error;
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
