import {
  type DescEnum,
  type DescField,
  type DescMessage,
  fromJson,
  type JsonValue,
  ScalarType,
} from "@bufbuild/protobuf";
import { isInCalendar } from "../domain/calendar.js";
import type { FieldViolation } from "../domain/errors.js";
import { nearest } from "../domain/nearest.js";

/**
 * Describes what is wrong with a JSON body that cannot be decoded, and where. The decoder's own messages repeat input,
 * and so perhaps a secret; these contain only names and formats of the API.
 */

const duration = "google.protobuf.Duration";
const timestamp = "google.protobuf.Timestamp";

/** The most problems that are reported: a body has room for a hundred thousand, and each takes time. */
const maxProblems = 20;

/** Returns the first problems of the value as a message of this type, with proto paths; empty when there are none. */
export function jsonProblems(desc: DescMessage, json: JsonValue): readonly FieldViolation[] {
  const found: FieldViolation[] = [];
  for (const problem of problemsIn(desc, json, "")) if (found.push(problem) === maxProblems) break;
  return found;
}

function* problemsIn(desc: DescMessage, json: JsonValue, path: string): Generator<FieldViolation> {
  if (!isObject(json)) {
    yield { field: path, description: "must be a JSON object" };
    return;
  }
  const seen = new Map<string, DescField>();
  for (const [key, value] of Object.entries(json)) {
    const field = desc.fields.find(({ name, jsonName }) => key === name || key === jsonName);
    if (!field) {
      yield misspelt(desc, json, key, path);
      continue;
    }
    const at = join(path, field.name);
    const earlier = seen.get(field.oneof?.name ?? field.name);
    if (value !== null) seen.set(field.oneof?.name ?? field.name, field);
    if (earlier && value !== null) {
      const description = earlier === field ? "is given twice" : `must not be set together with ${earlier.name}`;
      yield { field: at, description };
    } else yield* fieldProblems(desc, field, value, at);
  }
}

/** Returns whether messages of this type may contain times: the decoder accepts some that do not exist. */
export function holdsTimes(desc: DescMessage, above: ReadonlySet<DescMessage> = new Set()): boolean {
  if (desc.typeName === duration || desc.typeName === timestamp) return true;
  if (above.has(desc)) return false;
  return desc.fields.some(({ message }) => message && holdsTimes(message, new Set([...above, desc])));
}

/** Names of fields are less than half as long. */
const maxNameLength = 64;

function misspelt(desc: DescMessage, json: object, key: string, path: string): FieldViolation {
  const names = desc.fields.map(({ jsonName }) => jsonName);
  const missing = names.filter((name) => !Object.hasOwn(json, name));
  // Comparing takes time that grows with the length of the key.
  const meant = key.length > maxNameLength ? undefined : nearest(key, missing);
  const field = desc.fields.find(({ jsonName }) => jsonName === meant);
  // The key is repeated only when it looks like a field and not like a secret that a caller put there.
  const shown = /^(?!\w*_(?:pat|oat|svc)_)[a-z]\w{0,31}$/i.test(key);
  if (field) {
    const sent = shown ? `, not "${key}"` : "";
    return { field: join(path, field.name), description: `is misspelt: its name is "${field.jsonName}"${sent}` };
  }
  const unknown = shown ? `the unknown field ${key}` : "an unknown field";
  return { field: path, description: `has ${unknown}; the known fields are: ${names.join(", ") || "none"}` };
}

function* fieldProblems(desc: DescMessage, field: DescField, value: JsonValue, at: string): Generator<FieldViolation> {
  if (value === null) return;
  const { message } = field;
  const inner = message && !isWellKnown(message) ? message : undefined;
  if (inner && field.fieldKind === "message") yield* problemsIn(inner, value, at);
  else if (field.fieldKind === "list" && Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      if (inner) yield* problemsIn(inner, item, `${at}[${index}]`);
      else if (item === null || !decodes(desc, field, [item]))
        yield { field: `${at}[${index}]`, description: itemForm(field) };
    }
  } else {
    const right = decodes(desc, field, value) && (field.fieldKind !== "message" || timeExists(message, value));
    if (!right) yield { field: at, description: formOf(field) };
  }
}

/** Returns whether the decoder accepts this one field. */
function decodes(desc: DescMessage, { jsonName }: DescField, value: JsonValue): boolean {
  try {
    fromJson(desc, { [jsonName]: value });
    return true;
  } catch {
    return false;
  }
}

function timeExists(message: DescMessage | undefined, value: JsonValue): boolean {
  if (typeof value !== "string") return true;
  if (message?.typeName === duration) return /^-?\d{1,12}(\.\d{1,9})?s$/.test(value);
  return message?.typeName !== timestamp || isInCalendar(value);
}

function isWellKnown({ typeName }: DescMessage): boolean {
  return typeName.startsWith("google.protobuf.");
}

function formOf(field: DescField): string {
  switch (field.fieldKind) {
    case "list":
      return "must be a list";
    case "map":
      return "must be an object with string values";
    case "enum":
      return enumForm(field.enum);
    case "scalar":
      return scalarForm(field.scalar);
    case "message":
      return messageForm(field.message);
  }
}

function itemForm(field: DescField): string {
  if (field.fieldKind !== "list") return formOf(field);
  if (field.listKind === "enum") return enumForm(field.enum);
  return field.listKind === "scalar" ? scalarForm(field.scalar) : messageForm(field.message);
}

function enumForm({ values }: DescEnum): string {
  return `must be one of ${values.map(({ name }) => name).join(", ")}`;
}

function messageForm({ typeName }: DescMessage): string {
  switch (typeName) {
    case duration:
      return 'must be a number of seconds followed by s, such as "3600s"';
    case timestamp:
      return 'must be an RFC 3339 time that exists, such as "2030-06-30T12:00:00Z"';
    case "google.protobuf.FieldMask":
      return 'must be field names separated by commas, such as "name,allowedCidrs"';
    default:
      return "must be a JSON object";
  }
}

function scalarForm(scalar: ScalarType): string {
  switch (scalar) {
    case ScalarType.STRING:
      return "must be a string";
    case ScalarType.BOOL:
      return "must be true or false";
    case ScalarType.INT32:
      return "must be a whole number from -2147483648 to 2147483647";
    case ScalarType.UINT32:
      return "must be a whole number from 0 to 4294967295";
    case ScalarType.BYTES:
      return "must be a base64 string";
    default:
      return "must be a 64-bit whole number, in quotes when it is large";
  }
}

function isObject(json: JsonValue): json is { [key: string]: JsonValue } {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}
