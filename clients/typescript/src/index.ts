/**
 * Checks personal access tokens and API keys, with the permission decision in the same call.
 *
 * @packageDocumentation
 */
export { durationFromMs, durationMs, timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
export type { CallOptions } from "./channel.js";
export {
  type BatchCheckResult,
  type Introspection,
  type IntrospectOptions,
  type ListResourcesOptions,
  PatwardenClient,
} from "./client.js";
export type { Allowed, Decision, Denied, Reason } from "./decision.js";
export {
  type ErrorCode,
  type ErrorReason,
  type FieldViolation,
  PatwardenError,
  type PatwardenErrorInit,
} from "./errors.js";
export type { ClientOptions, Key, TlsOptions } from "./options.js";
export type { CheckItem, CheckOptions, Consistency, RequestContext } from "./question.js";
export type { ResourceList } from "./resource-list.js";
export { type ParsedSecret, parseSecret, Secret, type SecretKind } from "./secret.js";
export type { ServiceCallOptions, ServiceClient } from "./service-client.js";
export { version } from "./version.js";
