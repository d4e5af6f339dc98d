import type { AuditEvent, AuditEventId } from "../domain/audit-event.js";
import type { TokenId } from "../domain/token.js";
import type { Place, Seal, SealedEvent } from "./chain.js";

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

/** A place of the chain with what was signed about it. */
export interface KeptCheckpoint {
  readonly position: number;
  /** When the chain ended there. */
  readonly time: Date;
  /** As `verifyStatement` reads it; only what it says can be trusted. */
  readonly statement: string;
}

/** Events and their chain. The events of a change are committed with it (`transactChange` of database/change.ts). */
export interface AuditStore {
  /** Writes events that belong to no change, such as refused calls: all of them or none. */
  append(...events: readonly AuditEvent[]): Promise<void>;
  /** Ordered by id, newest first, starting after `after`. */
  list(filter: AuditFilter, page: { readonly size: number; readonly after?: AuditEventId }): Promise<AuditPage>;
  /**
   * Adds up to `limit` waiting events to the chain and tells how many; 0 also while another process does it. Each
   * committed event is sealed once, however late it came to light.
   */
  sealNext(limit: number): Promise<number>;
  /** The chain from a position on, by position. */
  readSealed(fromPosition: number, limit: number): Promise<readonly SealedEvent[]>;
  /** The end of the chain; undefined while it is empty. */
  lastSeal(): Promise<Place | undefined>;
  /** Looks through the next `limit` events after an id, by id. */
  findUnsealed(after: AuditEventId | undefined, limit: number): Promise<UnsealedPage>;
  /** Keeps a checkpoint, unless one of the hour before is kept or something is at its position. */
  keepCheckpoint(checkpoint: KeptCheckpoint): Promise<void>;
  /** Up to `limit` kept checkpoints below a position, the last of them first. */
  checkpointsBelow(position: number, limit: number): Promise<readonly KeptCheckpoint[]>;
  /** The first one that is kept: the cut, if the chain was cut. */
  firstCheckpoint(): Promise<KeptCheckpoint | undefined>;
  /** The last one from before a time. */
  lastCheckpointBefore(time: Date): Promise<KeptCheckpoint | undefined>;
  /** Puts another statement in the place of that of a kept checkpoint, unless it is another one by now. */
  restate(checkpoint: KeptCheckpoint, statement: string): Promise<void>;
  /**
   * Cuts the chain at a kept checkpoint: keeps the cut in its place and nothing before it, and deletes the event
   * there. Its seal stays.
   */
  cut(position: number, statement: string): Promise<void>;
  /**
   * Deletes up to `limit` sealed events before a position, with their seals, and tells how many; 0 also while another
   * process does it.
   */
  deleteBefore(position: number, limit: number): Promise<number>;
}
