import type { Place, Seal, SealedEvent } from "../audit/chain.js";
import type { AuditEvent, AuditEventId } from "../audit/event.js";
import type { TokenId } from "../token/token.js";

/** Everything that is set must hold. */
export interface AuditFilter {
  readonly tokenId?: TokenId;
  readonly subject?: string;
  /** Names, or prefixes that end in `:`; an event without a subject is none of them. */
  readonly subjects?: readonly string[];
  readonly actor?: string;
  /** Not before this time. */
  readonly start?: Date;
  /** Before this time. */
  readonly end?: Date;
}

export interface AuditEntry {
  readonly event: AuditEvent;
  /** Undefined for a moment, until the event is sealed. */
  readonly seal: Seal | undefined;
}

export interface AuditPage {
  readonly entries: readonly AuditEntry[];
  readonly more: boolean;
}

export interface UnsealedPage {
  /** Events that neither have a seal nor wait for one: they were put in past the server. */
  readonly strangers: readonly AuditEventId[];
  /** Where to go on; undefined after the last event. */
  readonly next: AuditEventId | undefined;
}

/** Events and their chain. Events of a change are written in its transaction, by `appendAudit`. */
export interface AuditStore {
  /** Writes an event that belongs to no change, such as a refused call. */
  append(event: AuditEvent): Promise<void>;
  /** Ordered by id, newest first, starting after `after`. */
  list(filter: AuditFilter, page: { readonly size: number; readonly after?: AuditEventId }): Promise<AuditPage>;
  /**
   * Adds up to `limit` waiting events to the chain and tells how many; 0 also while another process does it. Each committed event is
   * sealed once, however late it came to light.
   */
  sealNext(limit: number): Promise<number>;
  /** The chain from a position on, by position. */
  readSealed(fromPosition: number, limit: number): Promise<readonly SealedEvent[]>;
  /** The end of the chain; undefined while it is empty. */
  lastSeal(): Promise<Place | undefined>;
  /** Looks through the next `limit` events after an id, by id. */
  findUnsealed(after: AuditEventId | undefined, limit: number): Promise<UnsealedPage>;
}
