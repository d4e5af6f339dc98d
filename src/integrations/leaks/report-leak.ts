import type { IncomingMessage, ServerResponse } from "node:http";
import type { Address } from "../../domain/network.js";
import { keyOfAddress, type RateLimiter } from "../../domain/rate-limiter.js";
import { type Route, sendJson } from "../../transport/route.js";
import { mediaTypeOf, readBody } from "../shared/body.js";
import { type Refusal, sendRefusal, tooFast, undecided } from "../shared/refusal.js";
import { maxReportBytes, maxReported, type ReportFound } from "./report.js";

export interface ReportLeakOptions {
  /** Limits each address. Undefined means nobody is limited. */
  readonly limiter: Pick<RateLimiter, "waitMs"> | undefined;
  readonly addressOf: (request: IncomingMessage) => Address | undefined;
  readonly report: ReportFound;
  /** Called for each answer. Must not wait and not throw. */
  readonly onAnswer: (answer: string) => void;
  readonly onDefect: (error: unknown) => void;
}

const malformed: Refusal = { status: 422, message: 'the body must be JSON, {"credentials":["..."]}' };
const tooBig: Refusal = { status: 413, message: "the body must have at most 1 MiB and 1,000 credentials" };

/**
 * Returns the route `POST /report-leak`, open to anybody: possession of a secret is enough to revoke its token. It
 * replies 202 for any credentials, once every replica has applied the revocations, so that the reply does not reveal
 * which tokens were usable.
 */
export function reportLeakRoute(options: ReportLeakOptions): Route {
  const { limiter, addressOf, onAnswer, onDefect } = options;
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const waitMs = limiter?.waitMs(keyOfAddress(addressOf(request))) ?? 0;
    const refusal =
      waitMs > 0 ? tooFast(waitMs) : await take(options, request).catch((error) => undecided(error, onDefect));
    onAnswer(String(refusal?.status ?? 202));
    if (refusal) sendRefusal(response, refusal);
    else sendJson(response, 202, {});
  };
  return { method: "POST", path: "/report-leak", handle };
}

async function take({ report, addressOf }: ReportLeakOptions, request: IncomingMessage): Promise<Refusal | undefined> {
  // A web page of another origin cannot send JSON without a preflight.
  if (mediaTypeOf(request) !== "application/json") return malformed;
  const body = await readBody(request, maxReportBytes);
  if (body === undefined) return tooBig;
  const credentials = credentialsIn(body);
  if (!credentials) return malformed;
  if (credentials.length > maxReported) return tooBig;
  const found = credentials.map((text) => ({ text, url: "", source: "" }));
  await report(found, "anybody", addressOf(request));
  return undefined;
}

function credentialsIn(body: string): readonly string[] | undefined {
  try {
    const { credentials } = Object(JSON.parse(body));
    const sound = Array.isArray(credentials) && credentials.every((entry) => typeof entry === "string");
    return sound ? credentials : undefined;
  } catch {
    return undefined;
  }
}
