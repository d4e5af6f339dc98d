import { expect, it } from "vitest";
import { describeFault, type Endpoint, type Step } from "./fault.js";

const endpoint: Endpoint = {
  addresses: ["openfga:8081"],
  engine: "builtin",
  tls: false,
  hasRootsFile: false,
  hasKey: true,
  timeoutMs: 800,
  maxBatch: 60,
};

// Texts of grpc-js 1.14 and OpenFGA 1.19.
const noConnection = (last: string) => `round_robin: No connection established. Last error: ${last}. Resolution note: `;

it.each<readonly [what: string, step: Step, code: number, details: string, over: Partial<Endpoint>, words: string]>([
  [
    "nobody listens",
    "store",
    14,
    noConnection("Error: connect ECONNREFUSED 10.0.0.1:8081"),
    {},
    "openfga.addresses: nothing listens at openfga:8081 (gRPC status 14, UNAVAILABLE)",
  ],
  [
    "the host has no address",
    "store",
    14,
    "Name resolution failed for target dns:openfga:8081",
    {},
    "openfga.addresses: the host of openfga:8081 cannot be found (gRPC status 14, UNAVAILABLE)",
  ],
  [
    "TLS to a port without",
    "store",
    14,
    noConnection("Error: 80:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:ssl3_record.c:350:"),
    { tls: true },
    "openfga.addresses: openfga:8081 does not use TLS; set openfga.tls: false (gRPC status 14, UNAVAILABLE)",
  ],
  [
    "no TLS to a port with it",
    "store",
    14,
    noConnection("Failed to connect (2026-11-30T04:41:02.351Z)"),
    {},
    "openfga.addresses: openfga:8081 closed the connection; if it uses TLS, set openfga.tls: true (gRPC status 14, UNAVAILABLE)",
  ],
  [
    "an untrusted certificate",
    "store",
    14,
    noConnection("Error: self-signed certificate"),
    { tls: true },
    "openfga.tls: the certificate of openfga:8081 is not trusted; see NODE_EXTRA_CA_CERTS (gRPC status 14, UNAVAILABLE)",
  ],
  [
    "an untrusted certificate, and a file of authorities that this engine does not read",
    "store",
    14,
    "unable to get local issuer certificate",
    { tls: true, hasRootsFile: true },
    "openfga.tls: the certificate of openfga:8081 is not trusted; see NODE_EXTRA_CA_CERTS; GRPC_DEFAULT_SSL_ROOTS_FILE_PATH has no effect with openfga.engine builtin (gRPC status 14, UNAVAILABLE)",
  ],
  [
    "an untrusted certificate, and a file of authorities that replaces NODE_EXTRA_CA_CERTS",
    "store",
    14,
    noConnection("Error: unable to get local issuer certificate"),
    { tls: true, engine: "grpc-js", hasRootsFile: true },
    "openfga.tls: the certificate of openfga:8081 is not trusted; see GRPC_DEFAULT_SSL_ROOTS_FILE_PATH (gRPC status 14, UNAVAILABLE)",
  ],
  [
    "the certificate of another host",
    "store",
    14,
    "Hostname/IP does not match certificate's altnames: Host: openfga. is not in the cert's altnames: DNS:other",
    { tls: true },
    "openfga.addresses: the certificate of openfga:8081 is for another host (gRPC status 14, UNAVAILABLE)",
  ],
  [
    "an expired certificate",
    "store",
    14,
    "certificate has expired",
    { tls: true },
    "openfga.tls: the certificate of openfga:8081 has expired (gRPC status 14, UNAVAILABLE)",
  ],
  [
    "the HTTP port",
    "store",
    14,
    noConnection("Protocol error (2026-11-30T04:39:02.375Z)"),
    {},
    "openfga.addresses: openfga:8081 does not use gRPC; is it OpenFGA's HTTP port? The gRPC port is 8081 by default (gRPC status 14, UNAVAILABLE)",
  ],
  [
    "silence",
    "store",
    4,
    "Deadline exceeded after 0.8s",
    {},
    "openfga.addresses: openfga:8081 did not answer within openfga.timeout, 800 ms (gRPC status 4, DEADLINE_EXCEEDED)",
  ],
  [
    "a wrong key",
    "store",
    1500,
    "unauthenticated",
    {},
    "openfga.auth.preshared: OpenFGA refuses the key (OpenFGA's error code 1500)",
  ],
  [
    "no key",
    "store",
    1010,
    "missing bearer token",
    { hasKey: false },
    "openfga.auth.preshared: OpenFGA needs a key, and none is configured (OpenFGA's error code 1010)",
  ],
  [
    "another store",
    "store",
    5002,
    "Store ID not found",
    {},
    "openfga.store_id: OpenFGA has no store of this id (OpenFGA's error code 5002)",
  ],
  [
    "another model",
    "model",
    2001,
    "Authorization Model '01' not found",
    {},
    "openfga.model_id: the store has no model of this id (OpenFGA's error code 2001)",
  ],
  [
    "a batch that is too large",
    "batch",
    2000,
    "batchCheck received 60 checks, the maximum allowed is 50",
    {},
    "openfga.max_batch: OpenFGA accepts fewer than 60 questions at once (--max-checks-per-batch-check) (OpenFGA's error code 2000)",
  ],
  [
    "its own database",
    "question",
    4000,
    "postgres://fga:secret@db: refused",
    {},
    "OpenFGA at openfga:8081 failed to answer a first question; its log says why (OpenFGA's error code 4000)",
  ],
])("for %s, says which key to change, and repeats no text of OpenFGA", (_, step, code, details, over, words) => {
  const reply = { ok: false, code, details, deadlinePassed: code === 4, cancelled: false } as const;
  expect(describeFault(step, reply, { ...endpoint, ...over })).toBe(words);
});
