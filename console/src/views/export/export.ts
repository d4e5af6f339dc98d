import { type DescEnum, toJsonString } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { ReasonSchema } from "#gen/patwarden/v1/reason_pb.js";
import { RevocationReasonSchema, type Token, Token_StateSchema, TokenSchema } from "#gen/patwarden/v1/token_pb.js";

/** A format of an exported list. */
export type ExportFormat = "csv" | "ndjson";

/** The column of a CSV file: its name, as the API names the field, and its value. */
type Column = readonly [string, (token: Token) => string];

const time = (value: Token["createTime"]): string => (value ? timestampDate(value).toISOString() : "");
const nameOf = (names: DescEnum, value: number): string => names.value[value]?.localName ?? String(value);

const columns: readonly Column[] = [
  ["id", ({ id }) => id],
  ["name", ({ name }) => name],
  ["state", ({ state }) => nameOf(Token_StateSchema, state)],
  ["usable", ({ usable }) => nameOf(ReasonSchema, usable)],
  ["blocked_by", ({ blockedBy }) => blockedBy.join(" ")],
  ["subject", ({ subject }) => subject],
  ["organization", ({ organization }) => organization],
  ["created_by", ({ createdBy }) => createdBy],
  ["created_via", ({ createdVia }) => createdVia],
  ["create_time", ({ createTime }) => time(createTime)],
  ["not_before", ({ notBefore }) => time(notBefore)],
  ["expire_time", ({ expireTime }) => time(expireTime)],
  ["never_expires", ({ neverExpires }) => String(neverExpires)],
  ["last_use_time", ({ lastUseTime }) => time(lastUseTime)],
  ["last_use_ip", ({ lastUseIp }) => lastUseIp],
  ["revoke_time", ({ revokeTime }) => time(revokeTime)],
  ["revocation_reason", ({ revocationReason: reason }) => (reason === 0 ? "" : nameOf(RevocationReasonSchema, reason))],
  ["full", ({ grant }) => String(grant?.full ?? false)],
  [
    "rules",
    ({ grant }) => (grant?.rules ?? []).map(({ actions, resources }) => `${actions} on ${resources}`).join("; "),
  ],
  ["allowed_cidrs", ({ allowedCidrs }) => allowedCidrs.join(" ")],
  ["hint", ({ secrets }) => secrets[0]?.hint ?? ""],
  ["description", ({ description }) => description],
  ["justification", ({ justification }) => justification],
];

/**
 * Returns the text of a CSV cell (RFC 4180). A text that a spreadsheet would take for a formula gets an apostrophe in
 * front: names are chosen by others.
 */
export function csvCell(text: string): string {
  const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

const row = (cells: readonly string[]): string => `${cells.map(csvCell).join(",")}\r\n`;

/** Returns what a file begins with. The mark tells spreadsheets that the text is UTF-8. */
export const exportHead = (format: ExportFormat): string =>
  format === "csv" ? `\ufeff${row(columns.map(([name]) => name))}` : "";

/** Returns the lines of tokens. They contain no secret. */
export const exportLines = (format: ExportFormat, tokens: readonly Token[]): string =>
  tokens
    .map((token) =>
      format === "csv"
        ? row(columns.map(([, value]) => value(token)))
        : `${toJsonString(TokenSchema, { ...token, permitted: [] }, { useProtoFieldName: true })}\n`,
    )
    .join("");
