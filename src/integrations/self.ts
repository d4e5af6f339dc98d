import type { IncomingMessage, ServerResponse } from "node:http";
import type { Authorizer } from "../check/decision.js";
import { Failure } from "../domain/errors.js";
import { endOf } from "../domain/lifetime.js";
import type { Address } from "../domain/network.js";
import { keyOfAddress, type RateLimiter } from "../domain/rate-limiter.js";
import { scopeOf } from "../domain/scope.js";
import { organizationOf, type SecretRecord } from "../domain/token.js";
import type { TokenSnapshot } from "../domain/token-store.js";
import { type Route, sendJson } from "../transport/route.js";
import { readCredential } from "./shared/credential.js";
import { replyOf } from "./shared/proxy-reply.js";
import { rawHeadersOf } from "./shared/raw-headers.js";
import { type Refusal, sendRefusal, tooFast, undecided } from "./shared/refusal.js";

export interface SelfOptions {
  readonly authorizer: Pick<Authorizer, "introspect">;
  /** Limits each address. Undefined means nobody is limited. */
  readonly limiter: Pick<RateLimiter, "waitMs"> | undefined;
  readonly addressOf: (request: IncomingMessage) => Address | undefined;
  /** Called for each answer. Must not wait and not throw. */
  readonly onAnswer: (answer: string) => void;
  readonly onDefect: (error: unknown) => void;
}

/** The longest time for a reply, milliseconds, as in the integrations that decide. */
const deadlineMs = 5_000;

const messages = {
  "no-credential": "a token is required",
  ambiguous: "more than one credential",
  "invalid-token": "the token is not valid",
} as const;

/**
 * Returns the route `GET /v1/self`, which describes the token that is sent: for command lines, and for scanners that
 * want to know whether a token that they found is usable. Like introspection without a context, it knows no address of
 * the bearer, so a token that is bound to networks is not valid here. It moves no last use and counts nothing, so that
 * it leaves no trace on the token.
 */
export function selfRoute(options: SelfOptions): Route {
  return { method: "GET", path: "/v1/self", handle: (request, response) => answer(options, request, response) };
}

async function answer(options: SelfOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { limiter, addressOf, onAnswer, onDefect } = options;
  const waitMs = limiter?.waitMs(keyOfAddress(addressOf(request))) ?? 0;
  const given = waitMs > 0 ? tooFast(waitMs) : await ask(options, request).catch((error) => undecided(error, onDefect));
  if ("status" in given) {
    onAnswer(String(given.status));
    sendRefusal(response, given);
    return;
  }
  onAnswer("active");
  sendJson(response, 200, given);
}

async function ask({ authorizer }: SelfOptions, request: IncomingMessage): Promise<SelfDescription | Refusal> {
  const credential = readCredential(rawHeadersOf(request), { basic: false });
  if (credential.kind === "none") return refused("no-credential");
  if (credential.kind === "ambiguous") return refused("ambiguous");
  const introspection = await authorizer.introspect(credential.text, undefined, undefined, {
    deadline: performance.now() + deadlineMs,
  });
  if (introspection instanceof Failure) throw introspection;
  if (introspection.reason !== "ALLOWED") return refused("invalid-token");
  return describe(introspection.snapshot, introspection.secret);
}

function refused(kind: keyof typeof messages): Refusal {
  const { status, headers } = replyOf({ kind });
  return { status: status === 400 ? 400 : 401, message: messages[kind], headers };
}

/** The facts that a holder may see. The holder may be a thief: no metadata, description, claims or networks. */
interface SelfDescription {
  readonly active: true;
  readonly id: string;
  readonly subject: string;
  readonly subject_type: "user" | "organization";
  readonly organization?: string;
  readonly name: string;
  readonly hint: string;
  /** As introspection writes it. */
  readonly scope: string;
  /** RFC 3339. */
  readonly create_time: string;
  /** When the token or the secret that was sent ends, whichever is first. Absent: never. */
  readonly expire_time?: string;
}

function describe({ token }: TokenSnapshot, secret: SecretRecord): SelfDescription {
  const { id, kind, subject, name, grant, createTime } = token;
  const expireTime = endOf(token, secret);
  const organization = organizationOf(token);
  return {
    active: true,
    id,
    subject,
    subject_type: kind === "oat" ? "organization" : "user",
    ...(organization && { organization }),
    name,
    hint: secret.hint,
    scope: scopeOf(grant),
    create_time: createTime.toISOString(),
    ...(expireTime && { expire_time: expireTime.toISOString() }),
  };
}
