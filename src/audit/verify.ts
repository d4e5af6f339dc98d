import type { KeyObject } from "node:crypto";
import type { AuditEventId } from "../domain/audit-event.js";
import type { AuditStore, KeptCheckpoint } from "./audit-store.js";
import {
  type Checkpoint,
  kindOfStatement,
  type Place,
  type SealedEvent,
  verifyChain,
  verifyStatement,
} from "./chain.js";

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
    const problem = `no pepper of this configuration signed the cut of the audit chain at position ${claimed.position}`;
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
export async function claimedCut(store: Pick<AuditStore, "firstCheckpoint">): Promise<KeptCheckpoint | undefined> {
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
