import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";
import { type Grant as GrantMessage, RevocationReason } from "#gen/patwarden/v1/token_pb.js";
import { parseGrant } from "../domain/grant.js";
import { parseSubject, type Subject, type SubjectName, type SubjectTypes } from "../domain/identifier.js";
import { parseTimestamp } from "../domain/lifetime.js";
import { checkText } from "../domain/text.js";
import type { Grant, RevocationReason as Requested } from "../domain/token.js";
import type { Violations } from "./violations.js";

/*
 * Fields that several requests have. Each function returns the parsed field, or undefined when it is absent or not
 * valid; what is not valid is added to the violations under the path.
 */

export function takeSubject(
  violations: Violations,
  field: string,
  text: string,
  types: SubjectTypes,
): Subject | undefined {
  return text === "" ? undefined : violations.take(field, parseSubject(text, types));
}

export function takeOrganization(
  violations: Violations,
  text: string,
  types: SubjectTypes,
  path = "organization",
): SubjectName | undefined {
  const subject = takeSubject(violations, path, text, types);
  if (subject && subject.kind !== "organization") violations.add(path, `must be of type ${types.organization}`);
  return subject?.name;
}

export function takeGrant(
  violations: Violations,
  message: GrantMessage | undefined,
  path = "grant",
): Grant | undefined {
  const parsed = parseGrant({ full: message?.full ?? false, rules: message?.rules ?? [] });
  if (parsed.ok) return parsed.grant;
  for (const { field, description } of parsed.violations) {
    violations.add(field === "" ? path : `${path}.${field}`, description);
  }
  return undefined;
}

export function takeTime(violations: Violations, field: string, message: Timestamp | undefined): Date | undefined {
  return message && violations.take(field, parseTimestamp(seconds(message)));
}

/** Returns the fields of a message that domain/lifetime.ts parses. */
export function seconds(message: Duration | Timestamp): { readonly seconds: bigint; readonly nanos: number } {
  return { seconds: message.seconds, nanos: message.nanos };
}

/**
 * Parses the entries of a list, and returns each value once. An entry that is not known is a violation.
 *
 * @param what what an entry must be, such as `a known state`.
 */
export function takeEnums<E, T>(
  violations: Violations,
  path: string,
  entries: readonly E[],
  parse: (entry: E) => T | undefined,
  what: string,
): readonly T[] {
  const values = entries.map((entry, index) => {
    const known = parse(entry);
    if (known === undefined) violations.add(`${path}[${index}]`, `must be ${what}, and not UNSPECIFIED`);
    return known;
  });
  return [...new Set(values)].filter((value) => value !== undefined);
}

const maxQuery = 100;

/** Checks the text to search for. Empty searches for nothing. */
export function checkQuery(violations: Violations, query: string, path = "query"): void {
  violations.check(path, checkText(query, { max: maxQuery }));
}

/** Returns REQUESTED for a request without a reason. */
export function takeRevocationReason(violations: Violations, reason: RevocationReason): Requested | undefined {
  switch (reason) {
    case RevocationReason.UNSPECIFIED:
    case RevocationReason.REQUESTED:
      return "REQUESTED";
    case RevocationReason.LEAKED:
      return "LEAKED";
    case RevocationReason.ADMINISTRATIVE:
      return "ADMINISTRATIVE";
    default:
      violations.add("reason", "must be REQUESTED, LEAKED or ADMINISTRATIVE");
      return undefined;
  }
}
