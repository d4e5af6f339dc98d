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
  /** Returns the keys that a cut may be signed with. Called only when the database says that the chain was cut. */
  readonly keys: () => readonly KeyObject[];
  readonly progress: (text: string) => void;
  /** Most events of one read. Default 1,000. */
  readonly pageSize?: number;
}

export type TrailVerdict =
  /** `cut`: where the retention has deleted the beginning of the chain. */
  | { readonly ok: true; readonly last: Place | undefined; readonly cut: Checkpoint | undefined }
  | { readonly ok: false; readonly problem: string };

const eventsPerReport = 100_000;

/** Verifies the chain from its beginning or its signed cut on, and that no event was inserted outside of it. */
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
      progress("the chain was cut meanwhile; starting again");
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
        if (++seen % eventsPerReport === 0) progress(`${seen} of ${total} events verified`);
      }
    }
  }
}

/** Returns the cut that the database claims. Its signature is not verified. */
export async function claimedCut(store: Pick<AuditStore, "firstCheckpoint">): Promise<KeptCheckpoint | undefined> {
  const first = await store.firstCheckpoint();
  return first && kindOfStatement(first.statement) === "cut" ? first : undefined;
}

/** Yields the chain in pages, from a position to its end. */
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
