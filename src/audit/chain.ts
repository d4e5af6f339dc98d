import { createHash, createPrivateKey, type KeyObject, sign, verify } from "node:crypto";
import type { AuditEvent } from "../domain/audit-event.js";

/*
 * Events are chained in the order in which they were sealed, which is not that of their ids: a slow transaction shows
 * its event late, and it is sealed then. Each hash covers the event and the hash before it, so that a person who
 * changes, removes or reorders events has to make every later hash again, and then the checkpoints that were written
 * elsewhere no longer fit.
 */

/** An event in its place. */
export interface Seal {
  /** 1, 2, 3 and so on, without a gap. */
  readonly position: number;
  /** 32 bytes: the hash at the position before. */
  readonly previousHash: Uint8Array;
  /** 32 bytes. */
  readonly hash: Uint8Array;
}

/** As read back; the event is undefined where its row is gone. */
export interface SealedEvent extends Seal {
  readonly event: AuditEvent | undefined;
}

/** What the chain ended with at some time. */
export interface Checkpoint {
  readonly position: number;
  readonly hash: Uint8Array;
  readonly time: Date;
}

/** Before the first event. */
export const chainStart: Uint8Array = new Uint8Array(32);

/** The hash of an event that follows `previousHash`. */
export function seal(previousHash: Uint8Array, event: AuditEvent): Uint8Array {
  return createHash("sha256").update(previousHash).update(canonical(event)).digest();
}

/** One text for each event, and no two events with the same. The format is that of version 1 forever. */
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

/** The hash of a position. */
export type Place = Pick<Checkpoint, "position" | "hash">;

export type ChainVerdict =
  /** `last` is undefined for a chain without events. */
  | { readonly ok: true; readonly last: Place | undefined }
  | { readonly ok: false; readonly position: number; readonly why: string };

/**
 * Whether the chain is as it was written: nothing altered, removed, inserted or reordered, and, as far as checkpoints
 * tell, nothing cut off its end or written again. Entries come by position, from 1 or from a cut on: there its seal
 * must still be, with the hash that the cut attests; the event need not. A checkpoint of an earlier position has
 * nothing left that it could fit.
 */
export async function verifyChain(
  entries: AsyncIterable<SealedEvent> | Iterable<SealedEvent>,
  checkpoints: readonly Checkpoint[] = [],
  cut?: Place,
): Promise<ChainVerdict> {
  const attested = new Map<number, Uint8Array>();
  for (const { position, hash } of cut ? [cut, ...checkpoints] : checkpoints) {
    const other = attested.get(position);
    if (other && !equal(other, hash)) return { ok: false, position, why: "two checkpoints disagree about it" };
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
      why: `the chain ends before it, and a checkpoint attests position ${newest}`,
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
  if (position > expected) return { position: expected, why: `it is missing; the next one is ${position}` };
  if (position < expected) return { position, why: "it comes twice or out of order" };
  if (position !== cut?.position) {
    if (!equal(previousHash, last.hash)) return { position, why: "it does not follow the event before it" };
    if (!event) return { position, why: "its event is gone" };
    if (!equal(hash, seal(previousHash, event))) return { position, why: "its event is not the one that was sealed" };
  }
  const attestedHash = attested.get(position);
  if (attestedHash && !equal(attestedHash, hash)) return { position, why: "a checkpoint attests another hash" };
  return undefined;
}

/** Not secret: no need of constant time. */
function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** Label under which the seed of the key is derived from a pepper. */
export const checkpointKeyLabel = "patwarden audit checkpoint";

// RFC 8410 §7: what stands before the 32 bytes of an Ed25519 private key in PKCS #8.
const pkcs8Prefix = Buffer.from("302e020100300506032b657004220420", "hex");

/** The Ed25519 key that signs checkpoints, from a seed of 32 bytes. */
export function checkpointKey(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: "der", type: "pkcs8" });
}

/**
 * What a signed line says of a place. `checkpoint`: there the chain ended at that time. `cut`: at that time the server
 * deleted what was older than its retention, up to there; nobody without a pepper can say so, and so nobody else can
 * cut.
 */
export interface Statement extends Checkpoint {
  readonly kind: keyof typeof kinds;
}

// Kind, position, time (each 8 bytes, big endian), hash; then the signature.
const kinds = { checkpoint: 1, cut: 2 } as const;
const payloadLength = 1 + 8 + 8 + 32;
const signatureLength = 64;
/** What is signed besides, so that no signature of ours for another purpose can pass for one of these. */
const context = Buffer.from("patwarden audit checkpoint 1\0");

/** One line of base64url, 151 characters. */
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

/** What a checkpoint attests; undefined when none of the keys has signed it, or it is none. */
export function verifyCheckpoint(keys: readonly KeyObject[], line: string): Checkpoint | undefined {
  const statement = verifyStatement(keys, line);
  return statement?.kind === "checkpoint" ? statement : undefined;
}

/** A whole checkpoint line wherever it stands in a text, such as a line of a log. */
export const checkpointShape = /(?<![A-Za-z0-9_-])AQ[A-Za-z0-9_-]{149}(?![A-Za-z0-9_-])/g;

/** What the line says it is, signed or not. */
export function kindOfStatement(line: string): Statement["kind"] | undefined {
  const [byte] = Buffer.from(line.slice(0, 4), "base64url");
  return (["checkpoint", "cut"] as const).find((kind) => kinds[kind] === byte);
}

/** What the line says; undefined when none of the keys has signed it. */
export function verifyStatement(keys: readonly KeyObject[], line: string): Statement | undefined {
  const bytes = Buffer.from(line, "base64url");
  // Node ignores what is no base64url: only the one canonical spelling is a checkpoint.
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
