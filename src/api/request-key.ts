import { createHash } from "node:crypto";
import { type DescMessage, type JsonValue, type MessageShape, toJson } from "@bufbuild/protobuf";
import { actorOf, type Caller, viaOf } from "../callers/caller.js";
import type { RequestKey } from "../domain/token-store.js";
import type { Violations } from "./violations.js";

/** Returns the key for idempotent retries: the caller, the request id and a fingerprint of the rest of the request. */
export function takeRequestKey<D extends DescMessage>(
  violations: Violations,
  schema: D,
  request: MessageShape<D> & { readonly requestId: string },
  caller: Caller,
): RequestKey | undefined {
  const { requestId } = request;
  if (requestId === "") return undefined;
  if (!uuid.test(requestId)) {
    violations.add("request_id", "must be a UUID");
    return undefined;
  }
  // `toJson` throws for some times that a request can hold; those are violations already.
  if (!violations.isEmpty) return undefined;
  const rest = toJson(schema, { ...request, requestId: "" });
  const fingerprint = createHash("sha256")
    // The service in between is part of the request: another service must not get the secret by repeating it.
    .update(canonicalJson([schema.typeName, rest, viaOf(caller) ?? ""]))
    .digest();
  return { caller: actorOf(caller), requestId: requestId.toLowerCase(), fingerprint };
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Writes JSON with sorted keys: maps arrive in any order, and the same request must have the same text. */
function canonicalJson(value: JsonValue): string {
  return JSON.stringify(value, (_key, node: JsonValue) =>
    node !== null && typeof node === "object" && !Array.isArray(node)
      ? Object.fromEntries(Object.entries(node).sort(([a], [b]) => (a < b ? -1 : 1)))
      : node,
  );
}
