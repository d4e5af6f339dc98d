/**
 * Messages, enums and service descriptors of the proto package `patwarden.v1`, made by protoc-gen-es. They also serve other transports, such as those of
 * Connect.
 *
 * @packageDocumentation
 */
export * from "./gen/patwarden/v1/audit_pb.js";
export * from "./gen/patwarden/v1/authorization_pb.js";
export * from "./gen/patwarden/v1/errors_pb.js";
export * from "./gen/patwarden/v1/policy_pb.js";
export * from "./gen/patwarden/v1/reason_pb.js";
export * from "./gen/patwarden/v1/subject_pb.js";
export * from "./gen/patwarden/v1/token_pb.js";
export * from "./gen/patwarden/v1/usage_pb.js";
