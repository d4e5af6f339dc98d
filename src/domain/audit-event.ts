import { fromString, fromUUIDBytes, toUUID, typeidUnboxed } from "typeid-js";
import { redactText } from "./redact.js";
import type { TokenId } from "./token.js";

/** `aud_` and 26 characters: a TypeID over a UUIDv7. */
export type AuditEventId = string & { readonly __brand: "AuditEventId" };

/** Every kind of event, as security tools search for it. None is renamed, and none is used for another meaning. */
export const auditActions = [
  "token.created",
  "token.updated",
  "token.rotated",
  "token.revoked",
  "token.suspended",
  "token.resumed",
  "token.approved",
  "token.denied",
  "token.reused",
  "token.leaked",
  "secret.revoked",
  "subject.disabled",
  "subject.enabled",
  "subject.deleted",
  "policy.changed",
  "policy.loosened",
  "access.refused",
] as const;
export type AuditAction = (typeof auditActions)[number];

/** What happened, written once and never changed. It holds no secret. */
export interface AuditEvent {
  readonly id: AuditEventId;
  readonly time: Date;
  /**
   * Who: a user's name (`user:<id>`), `service:<name>`, `token:<id>`, `system`, or of leaks `provider:<name>` of the
   * secret-scanning program or `reporter` for anybody.
   */
  readonly actor: string;
  readonly action: AuditAction;
  /** For whom: the subject of the token, or the subject that was changed. */
  readonly subject: string | undefined;
  /** Need not be the id of a token that exists: refused calls are events too. */
  readonly tokenId: TokenId | undefined;
  /** Where the call came from, as far as the server knows. */
  readonly clientIp: string | undefined;
  readonly outcome: "ok" | "refused";
  /** Whatever else is worth knowing, at most 2 KiB of UTF-8 a value; longer ones end in `…`. */
  readonly details: Readonly<Record<string, string>>;
}

export interface AuditFacts {
  readonly time: Date;
  readonly actor: string;
  readonly action: AuditAction;
  readonly subject?: string | undefined;
  readonly tokenId?: TokenId | undefined;
  readonly clientIp?: string | undefined;
  /** Default `ok`. */
  readonly outcome?: AuditEvent["outcome"];
  readonly details?: Readonly<Record<string, string>>;
}

/** An event with an id of its own, its texts such that any database keeps them and no secret by shape is in them. */
export function newAuditEvent(facts: AuditFacts): AuditEvent {
  const { time, actor, action, subject, tokenId, clientIp, outcome = "ok", details = {} } = facts;
  return {
    id: typeidUnboxed(idPrefix) as string as AuditEventId, // just made with the prefix
    time,
    actor: clean(actor),
    action,
    subject: subject === undefined ? undefined : clean(subject),
    tokenId,
    clientIp: clientIp === undefined ? undefined : clean(clientIp),
    outcome,
    details: Object.fromEntries(Object.entries(details).map(([name, value]) => [clean(name), clean(value)])),
  };
}

/** Facts that are secrets, or only make sense beside one, at any depth. */
const neverShown = new Set(["secret", "secrets", "newSecret", "digest", "sealedSecret", "fingerprint"]);

/**
 * Details that show what a change changed: for each field of either side that differs `<field>.before` and
 * `<field>.after`. An absent side had no value. Values that are no text are shown as JSON with sorted keys, times in
 * ISO 8601.
 */
export function changes(before: object, after: object): Readonly<Record<string, string>> {
  const details: Record<string, string> = {};
  const sides = { before: new Map(Object.entries(before)), after: new Map(Object.entries(after)) };
  const fields = new Set([...sides.before.keys(), ...sides.after.keys()]);
  for (const field of [...fields].filter((name) => !neverShown.has(name)).sort()) {
    const was = sides.before.get(field);
    const is = sides.after.get(field);
    // Compared before anything is cut or hidden: a difference behind the limit is a difference.
    if (text(was, false) === text(is, false)) continue;
    for (const [side, value] of [
      ["before", text(was, true)],
      ["after", text(is, true)],
    ] as const) {
      if (value !== undefined) details[`${field}.${side}`] = clean(value);
    }
  }
  return details;
}

function text(value: unknown, hide: boolean): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string") return value;
  if (value instanceof Date) return value.toISOString();
  return JSON.stringify(value, (name, node: unknown) => {
    if (hide && neverShown.has(name)) return "***";
    return isPlain(node) ? Object.fromEntries(Object.entries(node).sort(([a], [b]) => (a < b ? -1 : 1))) : node;
  });
}

/** An object whose keys have no order that means anything. */
function isPlain(node: unknown): node is object {
  return typeof node === "object" && node !== null && !Array.isArray(node);
}

const maxBytes = 2048;
const ellipsis = "…";
// PostgreSQL keeps neither in a text: what is hashed must be what is read back.
const unstorable = /\0|\p{Cs}/gu;

function clean(written: string): string {
  // A secret that was pasted into a name or comment; before the cut, which could take its shape away.
  const shown = redactText(written).replace(unstorable, "\ufffd");
  const bytes = Buffer.from(shown);
  if (bytes.length <= maxBytes) return shown;
  let end = maxBytes - Buffer.byteLength(ellipsis);
  while (isContinuation(bytes[end])) end--;
  return bytes.toString("utf8", 0, end) + ellipsis;
}

/** Whether a cut before this byte of UTF-8 would go through a character. */
function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

const idPrefix = "aud";

/** As the database's `uuid` shows it: lower case, with dashes. */
export function auditEventUuid(id: AuditEventId): string {
  return toUUID(fromString(id, idPrefix));
}

/** From 32 hexadecimal digits, with or without dashes; throws for anything else. */
export function auditEventIdFromUuid(uuid: string): AuditEventId {
  return fromUUIDBytes(idPrefix, Buffer.from(uuid.replaceAll("-", ""), "hex")) as string as AuditEventId;
}
