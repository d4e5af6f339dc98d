import type { GateAnswer, Identity } from "./gate.js";

/** The reply that a proxy should send, or the headers that it should add to a request that it forwards. */
export interface ProxyReply {
  /** 200 means that the request is forwarded. */
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

const realm = 'Bearer realm="patwarden"';

/**
 * Returns the reply to an answer, the same in every integration of proxies (RFC 6750 §3.1: no error code when no
 * credential was sent).
 */
export function replyOf(answer: GateAnswer): ProxyReply {
  switch (answer.kind) {
    case "allow":
      return { status: 200, headers: identityHeaders(answer.identity) };
    case "preflight":
      return { status: 200, headers: identityHeaders({ subject: "", tokenId: "", organization: "" }) };
    case "no-credential":
      return { status: 401, headers: [["www-authenticate", realm]] };
    case "ambiguous":
      return { status: 400, headers: [challenge("invalid_request")] };
    case "invalid-token":
      return { status: 401, headers: [challenge("invalid_token")] };
    case "not-permitted":
      return { status: 403, headers: [challenge("insufficient_scope")] };
    case "no-mapping":
      return { status: 403, headers: [] };
    case "limited":
      return { status: 429, headers: [["retry-after", "1"]] };
    case "undecided":
      return { status: 503, headers: [["retry-after", "1"]] };
  }
}

function challenge(error: string): readonly [string, string] {
  return ["www-authenticate", `${realm}, error="${error}"`];
}

/** Returns all identity headers on every allow, so that headers of the bearer with the same names never pass. */
function identityHeaders({ subject, tokenId, organization }: Identity): ProxyReply["headers"] {
  return [
    ["x-patwarden-subject", subject],
    ["x-patwarden-token-id", tokenId],
    ["x-patwarden-organization", organization],
  ];
}
