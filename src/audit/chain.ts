import { createHash, createPrivateKey, type KeyObject, sign, verify } from "node:crypto";
import type { AuditEvent } from "../domain/audit-event.js";

/*
 * Events are chained in the order in which they were sealed. This is not the order of their ids: a slow transaction
 * commits its event late, and the event is sealed then. Each hash covers the event and the hash before it. A person who
 * changes, removes or reorders events has to compute every later hash again, and then the checkpoints that were written
 * elsewhere no longer match.
 */

/** The position of an event in the chain, with its hashes. */
export interface Seal {
  /** 1, 2, 3 and so on, without a gap. */
  readonly position: number;
  /** 32 bytes: the hash at the position before. */
  readonly previousHash: Uint8Array;
  /** 32 bytes. */
  readonly hash: Uint8Array;
}

/** A seal as read from the database. The event is undefined when its row was deleted. */
export interface SealedEvent extends Seal {
  readonly event: AuditEvent | undefined;
}

/** The end of the chain at some time. */
export interface Checkpoint {
  readonly position: number;
  readonly hash: Uint8Array;
  readonly time: Date;
}

/** The `previousHash` of the first event. */
export const chainStart: Uint8Array = new Uint8Array(32);

/** Returns the hash of an event that follows `previousHash`. */
export function seal(previousHash: Uint8Array, event: AuditEvent): Uint8Array {
  return createHash("sha256").update(previousHash).update(canonical(event)).digest();
}

/**
 * Returns the text of an event; different events have different texts. This format, version 1, must never change. The
 * organization is not in it: events from before it was stored got theirs later.
 */
function canonical({ id, time, actor, action, subject, tokenId, clientIp, outcome, details }: AuditEvent): string {
  const sorted = Object.entries(details).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([
    "patwarden audit 1",
    id,
    time.toISOString(),
    actor,
    action,
    subject ?? null,
    tokenId ?? null,
    clientIp ?? null,
    outcome,
    sorted,
  ]);
}

/** A position and its hash. */
export type Place = Pick<Checkpoint, "position" | "hash">;

export type ChainVerdict =
  /** `last` is undefined for a chain without events. */
  | { readonly ok: true; readonly last: Place | undefined }
  | { readonly ok: false; readonly position: number; readonly why: string };

/**
 * Verifies that the chain is as it was written: no event was altered, removed, inserted or reordered. Checkpoints also
 * prove that the end of the chain was not removed and that the chain was not written again. Entries must be ordered by
 * position, from 1 or from a cut on. At the cut, the seal must still exist, with the hash that the cut attests; its
 * event may be deleted. Checkpoints of positions before the cut are ignored.
 */
export async function verifyChain(
  entries: AsyncIterable<SealedEvent> | Iterable<SealedEvent>,
  checkpoints: readonly Checkpoint[] = [],
  cut?: Place,
): Promise<ChainVerdict> {
  const attested = new Map<number, Uint8Array>();
  for (const { position, hash } of cut ? [cut, ...checkpoints] : checkpoints) {
    const other = attested.get(position);
    if (other && !equal(other, hash)) return { ok: false, position, why: "two checkpoints attest different hashes" };
    attested.set(position, hash);
  }
  const start = cut ? cut.position - 1 : 0;
  let last: Place | undefined;
  for await (const entry of entries) {
    const why = problemOf(entry, last ?? { position: start, hash: chainStart }, attested, cut);
    if (why !== undefined) return { ok: false, ...why };
    last = { position: entry.position, hash: entry.hash };
  }
  const end = last?.position ?? start;
  let newest = end;
  for (const position of attested.keys()) newest = Math.max(newest, position);
  if (newest > end) {
    return {
      ok: false,
      position: end + 1,
      why: `the chain ends before this position, but a checkpoint attests position ${newest}`,
    };
  }
  return { ok: true, last };
}

function problemOf(
  { position, previousHash, hash, event }: SealedEvent,
  last: Place,
  attested: ReadonlyMap<number, Uint8Array>,
  cut: Place | undefined,
): { readonly position: number; readonly why: string } | undefined {
  const expected = last.position + 1;
  if (position > expected) return { position: expected, why: `the position is missing; the next one is ${position}` };
  if (position < expected) return { position, why: "the position is there twice or out of order" };
  if (position !== cut?.position) {
    if (!equal(previousHash, last.hash))
      return { position, why: "its previous hash does not match the hash of the event before" };
    if (!event) return { position, why: "its event was deleted" };
    if (!equal(hash, seal(previousHash, event))) return { position, why: "its event was changed after it was sealed" };
  }
  const attestedHash = attested.get(position);
  if (attestedHash && !equal(attestedHash, hash)) return { position, why: "a checkpoint attests another hash" };
  return undefined;
}

/** Compares hashes. They are not secret, so constant time is not needed. */
function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** The label for deriving the seed of the checkpoint key from a pepper. */
export const checkpointKeyLabel = "patwarden audit checkpoint";

// RFC 8410 §7: the bytes before the 32 bytes of an Ed25519 private key in PKCS #8.
const pkcs8Prefix = Buffer.from("302e020100300506032b657004220420", "hex");

/** Returns the Ed25519 key that signs checkpoints, made of a seed of 32 bytes. */
export function checkpointKey(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: "der", type: "pkcs8" });
}

/**
 * The content of a signed line about a position. `checkpoint`: the chain ended at this position at that time. `cut`: at
 * that time the server deleted events older than the retention, up to this position. Only a holder of a pepper can sign
 * a cut.
 */
export interface Statement extends Checkpoint {
  readonly kind: keyof typeof kinds;
}

// Kind, position, time (each 8 bytes, big endian), hash; then the signature.
const kinds = { checkpoint: 1, cut: 2 } as const;
const payloadLength = 1 + 8 + 8 + 32;
const signatureLength = 64;
/** A prefix of the signed bytes, so that signatures for other purposes cannot be used as statements. */
const context = Buffer.from("patwarden audit checkpoint 1\0");

/** Returns a signed statement: one line of base64url, 151 characters. */
export function signStatement(key: KeyObject, { kind, position, hash, time }: Statement): string {
  const payload = Buffer.alloc(payloadLength);
  payload.writeUInt8(kinds[kind], 0);
  payload.writeBigUInt64BE(BigInt(position), 1);
  payload.writeBigUInt64BE(BigInt(time.getTime()), 9);
  payload.set(hash, 17);
  return Buffer.concat([payload, sign(null, Buffer.concat([context, payload]), key)]).toString("base64url");
}

export function signCheckpoint(key: KeyObject, checkpoint: Checkpoint): string {
  return signStatement(key, { ...checkpoint, kind: "checkpoint" });
}

/** Returns a checkpoint, or undefined when the line is no checkpoint or was signed by none of the keys. */
export function verifyCheckpoint(keys: readonly KeyObject[], line: string): Checkpoint | undefined {
  const statement = verifyStatement(keys, line);
  return statement?.kind === "checkpoint" ? statement : undefined;
}

/** Matches a whole checkpoint anywhere in a text, such as a line of a log. */
export const checkpointShape = /(?<![A-Za-z0-9_-])AQ[A-Za-z0-9_-]{149}(?![A-Za-z0-9_-])/g;

/** Returns the kind that the line claims. The signature is not verified. */
export function kindOfStatement(line: string): Statement["kind"] | undefined {
  const [byte] = Buffer.from(line.slice(0, 4), "base64url");
  return (["checkpoint", "cut"] as const).find((kind) => kinds[kind] === byte);
}

/** Returns the statement of a line, or undefined when it was signed by none of the keys. */
export function verifyStatement(keys: readonly KeyObject[], line: string): Statement | undefined {
  const bytes = Buffer.from(line, "base64url");
  // Node ignores characters that are not base64url; only the canonical text is accepted.
  if (bytes.length !== payloadLength + signatureLength || bytes.toString("base64url") !== line) return undefined;
  const payload = bytes.subarray(0, payloadLength);
  const kind = kindOfStatement(line);
  if (!kind) return undefined;
  const signed = Buffer.concat([context, payload]);
  const signature = bytes.subarray(payloadLength);
  if (!keys.some((key) => verify(null, signed, key, signature))) return undefined;
  return {
    kind,
    position: Number(payload.readBigUInt64BE(1)),
    time: new Date(Number(payload.readBigUInt64BE(9))),
    hash: payload.subarray(17),
  };
}
