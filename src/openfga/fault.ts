import { status } from "@grpc/grpc-js";
import type { GrpcEngine } from "../domain/grpc-engine.js";
import type { Refused } from "./channel.js";
import { readRefusal } from "./outcome.js";

/** How OpenFGA is reached, as configured under `openfga`. */
export interface Endpoint {
  /** `host:port`. */
  readonly addresses: readonly string[];
  readonly engine: GrpcEngine;
  readonly tls: boolean;
  /** Whether GRPC_DEFAULT_SSL_ROOTS_FILE_PATH is set: grpc-js then trusts that file alone, and `builtin` ignores it. */
  readonly hasRootsFile: boolean;
  readonly hasKey: boolean;
  readonly timeoutMs: number;
  readonly maxBatch: number;
}

/** The step at which the fault showed. */
export type Step = "store" | "model" | "question" | "batch";

/**
 * Describes what is wrong with OpenFGA or with its configuration: the key of the configuration to change, the cause,
 * and the status in brackets, for a search in OpenFGA's log. Nothing of OpenFGA's own text is repeated: some texts hold
 * its database's address and user, and `/readyz` shows this to everybody.
 */
export function describeFault(step: Step, reply: Refused, endpoint: Endpoint): string {
  return `${words(step, reply, endpoint)} (${statusText(reply.code)})`;
}

/** Statuses below 100 are gRPC's; the others are OpenFGA's own. */
function statusText(code: number): string {
  return code < 100 ? `gRPC status ${code}, ${status[code] ?? "unknown"}` : `OpenFGA's error code ${code}`;
}

const asked: Readonly<Record<Step, string>> = {
  store: "the store of openfga.store_id",
  model: "the model of openfga.model_id",
  question: "a first question",
  batch: "a first batch of questions",
};

function words(step: Step, reply: Refused, endpoint: Endpoint): string {
  const { code, details } = reply;
  const { hasKey, timeoutMs, maxBatch } = endpoint;
  const where = endpoint.addresses.join(", ");
  if (code === 5002) return "openfga.store_id: OpenFGA has no store of this id";
  if (step === "model" && code === 2001) return "openfga.model_id: the store has no model of this id";
  if (step === "batch" && code === 2000 && details.includes("maximum allowed")) {
    return `openfga.max_batch: OpenFGA accepts fewer than ${maxBatch} questions at once (--max-checks-per-batch-check)`;
  }
  if (code === 16 || (code >= 1001 && code <= 1600)) {
    return hasKey
      ? "openfga.auth.preshared: OpenFGA refuses the key"
      : "openfga.auth.preshared: OpenFGA needs a key, and none is configured";
  }
  if (code === 12) return `openfga.addresses: the server at ${where} has no such method; OpenFGA must be 1.19 or later`;
  switch (readRefusal(reply).outcome) {
    case "deadline":
      return `openfga.addresses: ${where} did not answer within openfga.timeout, ${timeoutMs} ms`;
    case "overloaded":
      return `OpenFGA at ${where} is overloaded`;
    case "engine-failure":
      return `OpenFGA at ${where} failed to answer ${asked[step]}; its log says why`;
    case "unreachable":
      return unreachable(details, endpoint, where);
    default:
      return `OpenFGA at ${where} refused ${asked[step]}`;
  }
}

/** Describes why OpenFGA is unreachable. The texts of Node and grpc-js only make it more precise. */
function unreachable(details: string, endpoint: Endpoint, where: string): string {
  const { tls } = endpoint;
  if (details.includes("ECONNREFUSED")) return `openfga.addresses: nothing listens at ${where}`;
  if (/ENOTFOUND|EAI_AGAIN|Name resolution failed/.test(details)) {
    return `openfga.addresses: the host of ${where} cannot be found`;
  }
  if (tls && /wrong version number|EPROTO/.test(details)) {
    return `openfga.addresses: ${where} does not use TLS; set openfga.tls: false`;
  }
  if (tls && /altname/.test(details)) return `openfga.addresses: the certificate of ${where} is for another host`;
  if (tls && /certificate has expired/.test(details)) return `openfga.tls: the certificate of ${where} has expired`;
  if (tls && /certificate/.test(details)) {
    return `openfga.tls: the certificate of ${where} is not trusted; see ${authoritiesOf(endpoint)}`;
  }
  if (/Protocol error|without gRPC status/.test(details)) {
    return `openfga.addresses: ${where} does not use gRPC; is it OpenFGA's HTTP port? The gRPC port is 8081 by default`;
  }
  if (!tls && /Failed to connect|ECONNRESET|EPIPE/.test(details)) {
    return `openfga.addresses: ${where} closed the connection; if it uses TLS, set openfga.tls: true`;
  }
  return `openfga.addresses: cannot reach ${where}`;
}

/** Names the variable of the environment by which the engine takes further authorities. */
function authoritiesOf({ engine, hasRootsFile }: Endpoint): string {
  if (!hasRootsFile) return "NODE_EXTRA_CA_CERTS";
  return engine === "grpc-js"
    ? "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"
    : "NODE_EXTRA_CA_CERTS; GRPC_DEFAULT_SSL_ROOTS_FILE_PATH has no effect with openfga.engine builtin";
}
