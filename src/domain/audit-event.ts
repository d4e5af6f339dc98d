import { fromString, fromUUIDBytes, toUUID, typeidUnboxed } from "typeid-js";
import type { SubjectName } from "./identifier.js";
import { redactText } from "./redact.js";
import type { TokenId } from "./token.js";

/** `aud_` and 26 characters: a TypeID over a UUIDv7. */
export type AuditEventId = string & { readonly __brand: "AuditEventId" };

/** Every kind of event. Security tools search for these names, so none is ever renamed or gets another meaning. */
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

export function isAuditAction(text: string): text is AuditAction {
  return auditActions.some((action) => action === text);
}

/** An event, written once and never changed. It contains no secret. */
export interface AuditEvent {
  readonly id: AuditEventId;
  readonly time: Date;
  /**
   * The actor: `user:<id>`, `service:<name>`, `token:<id>` or `system`. For leaks, `provider:<name>` of the
   * secret-scanning program, or `reporter` for anybody.
   */
  readonly actor: string;
  readonly action: AuditAction;
  /** The subject of the token, or the subject that was changed. */
  readonly subject: string | undefined;
  /** May be the id of a token that does not exist: refused calls are events too. */
  readonly tokenId: TokenId | undefined;
  /**
   * The organization whose history the event belongs to: that of the token, of the policy, or the subject itself. A key
   * for lists, derived from the rest and not sealed with it.
   */
  readonly organization: SubjectName | undefined;
  /** The address that the call came from, if known. */
  readonly clientIp: string | undefined;
  readonly outcome: "ok" | "refused";
  /** Further facts. A value has at most 2 KiB of UTF-8; longer ones are cut and end in `…`. */
  readonly details: Readonly<Record<string, string>>;
}

export interface AuditFacts {
  readonly time: Date;
  readonly actor: string;
  readonly action: AuditAction;
  readonly subject?: string | undefined;
  readonly tokenId?: TokenId | undefined;
  readonly organization?: SubjectName | undefined;
  readonly clientIp?: string | undefined;
  /** Default `ok`. */
  readonly outcome?: AuditEvent["outcome"];
  readonly details?: Readonly<Record<string, string>>;
}

/**
 * Returns an event with a new id. Its texts are cleaned: any database can store them, and nothing that looks like a
 * secret is left.
 */
export function newAuditEvent(facts: AuditFacts): AuditEvent {
  const { time, actor, action, subject, tokenId, organization, clientIp, outcome = "ok", details = {} } = facts;
  return {
    id: typeidUnboxed(idPrefix) as string as AuditEventId, // just made with the prefix
    time,
    actor: clean(actor),
    action,
    subject: subject === undefined ? undefined : clean(subject),
    tokenId,
    organization,
    clientIp: clientIp === undefined ? undefined : clean(clientIp),
    outcome,
    details: Object.fromEntries(Object.entries(details).map(([name, value]) => [clean(name), clean(value)])),
  };
}

/** Facts that are secrets, or only make sense beside one. They are hidden at any depth. */
const neverShown = new Set(["secret", "secrets", "newSecret", "digest", "sealedSecret", "fingerprint"]);

/**
 * Returns details that show a change: `<field>.before` and `<field>.after` for each field that differs. An absent side
 * had no value. Values that are not text are shown as JSON with sorted keys, times in ISO 8601.
 */
export function changes(before: object, after: object): Readonly<Record<string, string>> {
  const details: Record<string, string> = {};
  const sides = { before: new Map(Object.entries(before)), after: new Map(Object.entries(after)) };
  const fields = new Set([...sides.before.keys(), ...sides.after.keys()]);
  for (const field of [...fields].filter((name) => !neverShown.has(name)).sort()) {
    const was = sides.before.get(field);
    const is = sides.after.get(field);
    // Compared before anything is cut or hidden: a difference beyond the limit is a difference.
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

/** Returns whether a value is an object in which the order of keys has no meaning. */
function isPlain(node: unknown): node is object {
  return typeof node === "object" && node !== null && !Array.isArray(node);
}

const maxBytes = 2048;
const ellipsis = "…";
// PostgreSQL stores neither of these in a text, and the text that is hashed must be the text that is read back.
const unstorable = /\0|\p{Cs}/gu;

function clean(written: string): string {
  // Hides secrets that were pasted into a name or comment. Before the cut, which could make them unrecognizable.
  const shown = redactText(written).replace(unstorable, "\ufffd");
  const bytes = Buffer.from(shown);
  if (bytes.length <= maxBytes) return shown;
  let end = maxBytes - Buffer.byteLength(ellipsis);
  while (isContinuation(bytes[end])) end--;
  return bytes.toString("utf8", 0, end) + ellipsis;
}

/** Returns whether a cut before this byte of UTF-8 would split a character. */
function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

const idPrefix = "aud";

/** Returns the UUID of an id as the database shows it: lower case, with dashes. */
export function auditEventUuid(id: AuditEventId): string {
  return toUUID(fromString(id, idPrefix));
}

/** Returns the id of a UUID of 32 hexadecimal digits, with or without dashes. Throws for anything else. */
export function auditEventIdFromUuid(uuid: string): AuditEventId {
  return fromUUIDBytes(idPrefix, Buffer.from(uuid.replaceAll("-", ""), "hex")) as string as AuditEventId;
}
