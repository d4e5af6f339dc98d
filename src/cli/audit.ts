import type { KeyObject } from "node:crypto";
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import type { AuditStore, KeptCheckpoint } from "../audit/audit-store.js";
import {
  type Checkpoint,
  checkpointKey,
  checkpointKeyLabel,
  checkpointShape,
  kindOfStatement,
  type Place,
  type SealedEvent,
  verifyChain,
  verifyCheckpoint,
  verifyStatement,
} from "../audit/chain.js";
import type { Config, DatabaseConfig } from "../config/config.js";
import { loadConfig, loadMigrationConfig } from "../config/load.js";
import { createAuditStore } from "../database/audit.js";
import { openPostgres, patientStatementMs } from "../database/database.js";
import { verifySettings } from "../database/settings.js";
import type { AuditEventId } from "../domain/audit-event.js";
import { Failure } from "../domain/errors.js";
import { PepperRing } from "../domain/pepper.js";
import { fail, failConfig } from "./fail.js";
import { print, tell, writeOut } from "./output.js";
import { endWithin, exitCodeOf, takeSignals } from "./signals.js";

export interface VerifyAuditOptions {
  readonly config?: string;
  /** Checkpoint lines, or files that hold some: a log will do. */
  readonly checkpoint?: readonly string[];
  readonly json: boolean;
}

/** Goes through the whole chain; ends with exit code 1, naming the first position that is wrong. Progress goes to stderr. */
export async function verifyAudit({ config: file, checkpoint: sources = [], json }: VerifyAuditOptions): Promise<void> {
  const loaded = loadMigrationConfig({ file, env: process.env });
  if (!loaded.ok) return failConfig(loaded.problems);
  const checkpoints = sources.length === 0 ? [] : await readCheckpoints(sources, configured(file).tokens);
  if (checkpoints.length === 0) tell("no --checkpoint: a chain that was cut at its end, or written anew, looks whole");
  await withStore({ ...loaded.config.database, statementMs: patientStatementMs }, async (store) => {
    const keys = (): readonly KeyObject[] => checkpointKeys(configured(file).tokens);
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

export interface AuditTrailParts {
  readonly store: Pick<AuditStore, "readSealed" | "lastSeal" | "findUnsealed" | "firstCheckpoint">;
  readonly checkpoints: readonly Checkpoint[];
  /** Whose signature a cut must bear. Called only when the chain says that it was cut. */
  readonly keys: () => readonly KeyObject[];
  readonly progress: (text: string) => void;
  /** Events of one read. Default 1,000. */
  readonly pageSize?: number;
}

export type TrailVerdict =
  /** `cut`: what stood before was deleted by the retention. */
  | { readonly ok: true; readonly last: Place | undefined; readonly cut: Checkpoint | undefined }
  | { readonly ok: false; readonly problem: string };

const eventsPerReport = 100_000;

/** The chain from its signed beginning on, and that no event was put in past it. */
export async function verifyAuditTrail(parts: AuditTrailParts): Promise<TrailVerdict> {
  const { store, checkpoints, keys, progress, pageSize = 1_000 } = parts;
  const claimed = await claimedCut(store);
  const cut = claimed && verifyStatement(keys(), claimed.statement);
  if (claimed && cut?.position !== claimed.position) {
    const problem = `no pepper of this configuration signed that the audit chain was cut at position ${claimed.position}`;
    return { ok: false, problem };
  }
  const before = cut ? cut.position - 1 : 0;
  const total = ((await store.lastSeal())?.position ?? before) - before;
  progress(`verifying ${total} sealed events`);
  const verdict = await verifyChain(chain(), checkpoints, cut);
  if (!verdict.ok) {
    if ((await claimedCut(store))?.statement !== claimed?.statement) {
      progress("the chain was cut meanwhile; beginning again");
      return verifyAuditTrail(parts);
    }
    return { ok: false, problem: `the audit chain is broken at position ${verdict.position}: ${verdict.why}` };
  }
  progress("looking for events outside the chain");
  let after: AuditEventId | undefined;
  do {
    const { strangers, next } = await store.findUnsealed(after, pageSize);
    if (strangers[0] !== undefined) {
      return { ok: false, problem: `the event ${strangers[0]} is not in the chain and does not wait for its seal` };
    }
    after = next;
  } while (after !== undefined);
  return { ok: true, last: verdict.last, cut };

  async function* chain(): AsyncIterable<SealedEvent> {
    let seen = 0;
    for await (const page of pagesOf(store, before + 1, pageSize)) {
      for (const entry of page) {
        yield entry;
        if (++seen % eventsPerReport === 0) progress(`${seen} of ${total} events are right`);
      }
    }
  }
}

/** Where the chain was cut, as far as the database says, which proves nothing. */
async function claimedCut(store: Pick<AuditStore, "firstCheckpoint">): Promise<KeptCheckpoint | undefined> {
  const first = await store.firstCheckpoint();
  return first && kindOfStatement(first.statement) === "cut" ? first : undefined;
}

/** Pages of the chain from a position to its end. */
async function* pagesOf(
  store: Pick<AuditStore, "readSealed">,
  from: number,
  pageSize: number,
): AsyncIterable<readonly SealedEvent[]> {
  for (let position = from; ; ) {
    const page = await store.readSealed(position, pageSize);
    yield page;
    const last = page.at(-1);
    if (!last || page.length < pageSize) return;
    position = last.position + 1;
  }
}

/** Only checkpoints and cuts need the peppers: without one the rest of the configuration need not be there. */
function configured(file: string | undefined): Config {
  const loaded = loadConfig({ file, env: process.env });
  return loaded.ok ? loaded.config : failConfig(loaded.problems);
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

/** Writes sealed events to stdout, one JSON object a line, in the order of the chain. With `follow` it goes on until SIGTERM or SIGINT. */
export async function exportAudit({ config: file, follow, from }: ExportAuditOptions): Promise<void> {
  if (!/^[1-9][0-9]{0,14}$/.test(from)) return fail(new Error("--from must be a position, 1 or more"));
  const loaded = loadMigrationConfig({ file, env: process.env });
  if (!loaded.ok) return failConfig(loaded.problems);
  const stopped = takeSignals();
  // A reader that reads no more, or a database that does not answer, would hold it up.
  endWithin(stopGraceMs);
  try {
    await withStore(loaded.config.database, (store) =>
      exportAuditTrail({
        store,
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

export interface ExportParts {
  readonly store: Pick<AuditStore, "readSealed" | "firstCheckpoint">;
  readonly from: number;
  readonly follow: boolean;
  /** Ends the export between two pages. */
  readonly signal: AbortSignal;
  /** Whole lines. Resolves when they have gone out. */
  readonly write: (lines: string) => Promise<void>;
  /** Called when there is nothing new, and when the database does not answer. */
  readonly pause: () => Promise<void>;
  readonly onProblem: (text: string) => void;
  /** Events of one read. Default 1,000. */
  readonly pageSize?: number;
}

/** While it follows, a database that does not answer is waited for; nothing is left out or written twice. */
export async function exportAuditTrail(parts: ExportParts): Promise<void> {
  const { store, from, follow, signal, write, pause, onProblem, pageSize = 1_000 } = parts;
  let waiting = false;
  for (let position = from; !signal.aborted; ) {
    let page: readonly SealedEvent[];
    try {
      page = await store.readSealed(position, pageSize);
      const [next] = page;
      const cut = next && (next.position > position || !next.event) ? await claimedCut(store) : undefined;
      if (cut && cut.position >= position) {
        onProblem(`positions ${position} to ${cut.position} were deleted by the retention`);
        position = cut.position + 1;
        continue;
      }
    } catch (error) {
      if (!follow || !(error instanceof Failure && error.code === "UNAVAILABLE")) throw error;
      if (!waiting) onProblem(`${error.message}; waiting from position ${position} on`);
      waiting = true;
      await pause();
      continue;
    }
    if (waiting) onProblem("the database answers again");
    waiting = false;
    for (const entry of page) {
      if (entry.position !== position) onProblem(`positions ${position} to ${entry.position - 1} are not there`);
      if (!entry.event) onProblem(`the event at position ${entry.position} is gone`);
      position = entry.position + 1;
    }
    if (page.length > 0) await write(page.map((entry) => `${JSON.stringify(exported(entry))}\n`).join(""));
    if (page.length === pageSize) continue;
    if (!follow) return;
    await pause();
  }
}

/** The names of the API. */
function exported({ position, previousHash, hash, event }: SealedEvent): unknown {
  return {
    position,
    ...(event && {
      id: event.id,
      time: event.time.toISOString(),
      actor: event.actor,
      action: event.action,
      subject: event.subject,
      token_id: event.tokenId,
      client_ip: event.clientIp,
      outcome: event.outcome,
      details: event.details,
    }),
    previous_hash: hex(previousHash),
    hash: hex(hash),
  };
}

async function withStore(
  options: DatabaseConfig & { readonly statementMs?: number },
  use: (store: AuditStore) => Promise<void>,
): Promise<void> {
  const database = openPostgres(options);
  try {
    await verifySettings(database);
    await use(createAuditStore(database));
  } finally {
    await database.close();
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
