import { hash, type KeyObject, verify } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Address } from "../../domain/network.js";
import { type ScanningProvider, scanningProviders } from "../../leaks/leak.js";
import { type Route, send, sendJson } from "../../transport/route.js";
import { readBytes } from "../shared/body.js";
import { type RawHeaders, rawHeadersOf, theOnly } from "../shared/raw-headers.js";
import { type Refusal, sendRefusal, undecided } from "../shared/refusal.js";
import type { ProviderKeys } from "./provider-keys.js";
import { maxReportBytes, maxReported, type ReportFound } from "./report.js";

export interface SecretScanningOptions {
  /** Providers that may report. */
  readonly providers: Readonly<Partial<Record<ScanningProvider, ProviderKeys>>>;
  readonly report: ReportFound;
  readonly addressOf: (request: IncomingMessage) => Address | undefined;
  /** Called for each answer. Must not wait and not throw. */
  readonly onAnswer: (answer: string) => void;
  readonly onDefect: (error: unknown) => void;
}

/**
 * Returns the route `POST /secret-scanning`: the partner protocol of GitHub, which GitLab uses too, with its own names.
 */
export function secretScanningRoute(options: SecretScanningOptions): Route {
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const given = await answer(options, request).catch((error) => undecided(error, options.onDefect));
    if ("status" in given) {
      options.onAnswer(String(given.status));
      sendRefusal(response, given);
      return;
    }
    options.onAnswer(given.provider);
    if (given.provider === "github") sendJson(response, 200, given.labels);
    else send(response, 200, "text/plain", "");
  };
  return { method: "POST", path: "/secret-scanning", handle };
}

interface Accepted {
  readonly provider: ScanningProvider;
  /** The feedback on each entry, in order, in GitHub's format. */
  readonly labels: readonly object[];
}

const unauthenticated: Refusal = { status: 401, message: "the report is not signed by a known provider" };
const malformed: Refusal = { status: 400, message: "the body must be a JSON array of {type, token, url, source}" };
const tooBig: Refusal = { status: 413, message: "the body must have at most 1 MiB and 1,000 entries" };

async function answer(
  { providers, report, addressOf }: SecretScanningOptions,
  request: IncomingMessage,
): Promise<Accepted | Refusal> {
  const shown = signatureIn(rawHeadersOf(request));
  const key = shown && (await providers[shown.provider]?.find(shown.keyId));
  if (!shown || !key) return unauthenticated;
  const body = await readBytes(request, maxReportBytes);
  if (!body) return tooBig;
  if (!isSigned(body, shown.signature, key)) return unauthenticated;
  const entries = entriesIn(body);
  if (!entries) return malformed;
  if (entries.length > maxReported) return tooBig;
  const found = entries.map(({ token: text, url, source }) => ({ text, url, source }));
  const ours = await report(found, shown.provider, addressOf(request));
  return { provider: shown.provider, labels: entries.map((entry, index) => labelOf(entry, ours[index] === true)) };
}

interface Shown {
  readonly provider: ScanningProvider;
  readonly keyId: string;
  readonly signature: Buffer;
}

/**
 * Reads the pair of headers of one provider. Returns undefined for none, an incomplete pair, or more than one provider.
 */
function signatureIn(headers: RawHeaders): Shown | undefined {
  const claimed = scanningProviders.filter((name) => headers.some(([header]) => header.startsWith(prefixOf(name))));
  const [provider] = claimed;
  if (!provider || claimed.length > 1) return undefined;
  const keyId = theOnly(headers, `${prefixOf(provider)}identifier`);
  const base64 = theOnly(headers, `${prefixOf(provider)}signature`);
  // A DER signature over P-256 has at most 72 bytes.
  if (keyId === undefined || !/^[A-Za-z0-9+/]{1,96}={0,2}$/.test(base64 ?? "")) return undefined;
  return { provider, keyId, signature: Buffer.from(base64 ?? "", "base64") };
}

function prefixOf(provider: ScanningProvider): string {
  return `${provider}-public-key-`;
}

/** Verifies ECDSA over P-256 and SHA-256, of the bytes as received: JSON that is serialized again may differ. */
export function isSigned(body: Uint8Array, signature: Uint8Array, key: KeyObject): boolean {
  return verify("sha256", body, { key, dsaEncoding: "der" }, signature);
}

interface Entry {
  readonly type: string;
  readonly token: string;
  /** Empty when GitHub does not send it. */
  readonly url: string;
  readonly source: string;
}

/** Returns undefined for anything but a list of entries. */
function entriesIn(body: Buffer): readonly Entry[] | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
  if (!Array.isArray(parsed)) return undefined;
  const entries = parsed.map((entry) => {
    const { type, token, url = "", source = "" } = Object(entry);
    return { type, token, url, source };
  });
  const sound = (entry: (typeof entries)[number]): entry is Entry =>
    Object.values(entry).every((value) => typeof value === "string");
  return entries.every(sound) ? entries : undefined;
}

/** Returns the feedback to GitHub on a match. The hash is lower-case hex; the token itself is never sent back. */
function labelOf({ type, token }: Entry, ours: boolean): object {
  return {
    token_hash: hash("sha256", token, "hex"),
    token_type: type,
    label: ours ? "true_positive" : "false_positive",
  };
}
