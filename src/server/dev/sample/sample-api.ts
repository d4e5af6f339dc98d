import type { IncomingMessage, ServerResponse } from "node:http";
import { meanings } from "../../../check/explain.js";
import { bearerOf } from "../../../domain/bearer.js";
import { peerAddress } from "../../../domain/network.js";
import { type Reason, reasons } from "../../../domain/reason.js";
import { sendJson } from "../../../transport/route.js";

export interface SampleApiOptions {
  /** `http://HOST:PORT` of Patwarden. */
  readonly patwarden: string;
  /** A service key with the permission `check`. */
  readonly serviceKey: string;
}

/** The action that each method needs on the document. */
const actions: Readonly<Record<string, string>> = { GET: "viewer", PUT: "editor" };

/**
 * Returns the handler of a small API, as a company would write it: `GET /documents/ID` reads a document, `PUT` writes
 * one. Each request is one Check with the bearer's token. Returns undefined for any other path.
 */
export function sampleApi(options: SampleApiOptions) {
  return (request: IncomingMessage, response: ServerResponse): Promise<void> | undefined => {
    const id = /^\/documents\/([\w.-]{1,100})$/.exec(request.url ?? "")?.[1];
    return id === undefined ? undefined : answer(options, `document:${id}`, request, response);
  };
}

async function answer(
  { patwarden, serviceKey }: SampleApiOptions,
  resource: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const action = actions[request.method ?? ""];
  if (action === undefined) {
    response.setHeader("allow", Object.keys(actions).join(", "));
    sendJson(response, 405, { error: "use GET or PUT" });
    return;
  }
  const token = bearerOf(request.headers.authorization);
  if (token === undefined) {
    refuse(response, 401, "no token: send `authorization: Bearer pw_pat_…`");
    return;
  }
  const checked = await fetch(`${patwarden}/patwarden.v1.AuthorizationService/Check`, {
    method: "POST",
    headers: { authorization: `Bearer ${serviceKey}`, "content-type": "application/json" },
    body: JSON.stringify({
      ...{ token, resource, action },
      context: { clientIp: peerAddress(request.socket.remoteAddress)?.toString() },
    }),
  });
  const decision = Object(await checked.json());
  if (!checked.ok) {
    // No decision: never a yes, and never "invalid token".
    sendJson(response, 503, { error: "no decision could be made", because: decision.message });
    return;
  }
  if (decision.allowed === true) {
    const done = action === "viewer" ? "read_by" : "written_by";
    sendJson(response, 200, { document: resource, [done]: decision.subject, token: decision.tokenId });
    return;
  }
  const reason = String(decision.reason).replace(/^REASON_/, "");
  const meaning = reason in reasons ? meanings[reason as Reason] : "this reason is new";
  refuse(response, decision.tokenValid === true ? 403 : 401, `${reason}: ${meaning}`);
}

function refuse(response: ServerResponse, status: 401 | 403, because: string): void {
  if (status === 401) response.setHeader("www-authenticate", "Bearer");
  sendJson(response, status, { error: status === 401 ? "this token is not accepted" : "this is not allowed", because });
}
