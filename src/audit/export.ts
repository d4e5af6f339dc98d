import { Failure } from "../domain/errors.js";
import type { AuditStore } from "./audit-store.js";
import type { SealedEvent } from "./chain.js";
import { claimedCut } from "./verify.js";

export interface ExportParts {
  readonly store: Pick<AuditStore, "readSealed" | "firstCheckpoint">;
  readonly from: number;
  readonly follow: boolean;
  /** Writes only events of this organization, as ListAuditEvents finds them. Absent: all. */
  readonly organization?: string | undefined;
  /** Ends the export between two pages. */
  readonly signal: AbortSignal;
  /** Writes whole lines. Resolves when they are written. */
  readonly write: (lines: string) => Promise<void>;
  /** Waits before the next read. Called when there is nothing new, and when the database does not answer. */
  readonly pause: () => Promise<void>;
  readonly onProblem: (text: string) => void;
  /** Events of one read. Default 1,000. */
  readonly pageSize?: number;
}

/**
 * Exports sealed events, and reports gaps of the whole chain. With `follow`, waits while the database does not answer;
 * no event is skipped or repeated.
 */
export async function exportAuditTrail(parts: ExportParts): Promise<void> {
  const { store, from, follow, organization, signal, write, pause, onProblem, pageSize = 1_000 } = parts;
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
      if (!waiting) onProblem(`${error.message}; waiting; will continue at position ${position}`);
      waiting = true;
      await pause();
      continue;
    }
    if (waiting) onProblem("the database answers again");
    waiting = false;
    for (const entry of page) {
      if (entry.position !== position) onProblem(`positions ${position} to ${entry.position - 1} are missing`);
      if (!entry.event) onProblem(`the event at position ${entry.position} was deleted`);
      position = entry.position + 1;
    }
    const wanted = page.filter(({ event }) => organization === undefined || event?.organization === organization);
    if (wanted.length > 0) await write(wanted.map((entry) => `${JSON.stringify(exported(entry))}\n`).join(""));
    if (page.length === pageSize) continue;
    if (!follow) return;
    await pause();
  }
}

/** Renders an event with the field names of the API. */
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

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
