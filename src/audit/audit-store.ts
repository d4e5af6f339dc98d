import type { AuditAction, AuditEvent, AuditEventId } from "../domain/audit-event.js";
import type { SubjectName } from "../domain/identifier.js";
import type { TokenId } from "../domain/token.js";
import type { Place, Seal, SealedEvent } from "./chain.js";

/** Matches events for which every field that is set holds. */
export interface AuditFilter {
  readonly tokenId?: TokenId;
  readonly subject?: string;
  /** Names, or prefixes that end in `:`. An event without a subject does not match. */
  readonly subjects?: readonly string[];
  readonly organization?: SubjectName;
  readonly actor?: string;
  /** One of these. */
  readonly actions?: readonly AuditAction[];
  /** Any but this one. */
  readonly exceptAction?: AuditAction;
  /** Not before this time. */
  readonly start?: Date;
  /** Before this time. */
  readonly end?: Date;
}

export interface AuditEntry {
  readonly event: AuditEvent;
  /** Undefined until the event is sealed, which takes a moment. */
  readonly seal: Seal | undefined;
}

export interface AuditPage {
  readonly entries: readonly AuditEntry[];
  readonly more: boolean;
}

export interface UnsealedPage {
  /** Events that neither have a seal nor wait for one: they were not inserted by the server. */
  readonly strangers: readonly AuditEventId[];
  /** The id after which the next page starts; undefined after the last event. */
  readonly next: AuditEventId | undefined;
}

/** A position of the chain with the signed statement about it. */
export interface KeptCheckpoint {
  readonly position: number;
  /** When the chain ended at this position. */
  readonly time: Date;
  /** The line that `verifyStatement` verifies. Only its content can be trusted, not the other fields. */
  readonly statement: string;
}

/** Stores events and their chain. `transactChange` of database/change.ts commits the events of a change with it. */
export interface AuditStore {
  /** Writes events that belong to no change, such as refused calls: all of them or none. */
  append(...events: readonly AuditEvent[]): Promise<void>;
  /** Returns events ordered by id, newest first, starting after `after`. */
  list(filter: AuditFilter, page: { readonly size: number; readonly after?: AuditEventId }): Promise<AuditPage>;
  /**
   * Adds up to `limit` waiting events to the chain and returns how many; 0 also while another process does it. Each
   * committed event is sealed once, however late its transaction commits.
   */
  sealNext(limit: number): Promise<number>;
  /** Returns up to `limit` entries of the chain from a position on, ordered by position. */
  readSealed(fromPosition: number, limit: number): Promise<readonly SealedEvent[]>;
  /** Returns the last position of the chain, or undefined while the chain is empty. */
  lastSeal(): Promise<Place | undefined>;
  /** Checks the next `limit` events after an id, ordered by id. */
  findUnsealed(after: AuditEventId | undefined, limit: number): Promise<UnsealedPage>;
  /** Stores a checkpoint, unless one is stored for the hour before or for the same position. */
  keepCheckpoint(checkpoint: KeptCheckpoint): Promise<void>;
  /** Returns up to `limit` stored checkpoints below a position, the last one first. */
  checkpointsBelow(position: number, limit: number): Promise<readonly KeptCheckpoint[]>;
  /** Returns the first stored checkpoint. It is the cut if the chain was cut. */
  firstCheckpoint(): Promise<KeptCheckpoint | undefined>;
  /** Returns the last stored checkpoint from before a time. */
  lastCheckpointBefore(time: Date): Promise<KeptCheckpoint | undefined>;
  /** Replaces the statement of a stored checkpoint, unless it has changed since it was read. */
  restate(checkpoint: KeptCheckpoint, statement: string): Promise<void>;
  /**
   * Cuts the chain at a stored checkpoint: replaces it with the cut, and deletes earlier checkpoints and the event at
   * this position. The seal at this position stays.
   */
  cut(position: number, statement: string): Promise<void>;
  /**
   * Deletes up to `limit` sealed events before a position, with their seals, and returns how many; 0 also while another
   * process does it.
   */
  deleteBefore(position: number, limit: number): Promise<number>;
}
