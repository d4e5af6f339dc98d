import { Failure } from "../../domain/errors.js";
import { seal, unseal } from "../../domain/sealed-secret.js";
import {
  type NewRequest,
  type RequestKey,
  RequestKnown,
  type TokenSnapshot,
  type TokenStore,
} from "../../domain/token-store.js";

/** How long a repeat gets the secret again, milliseconds. */
const repeatWindowMs = 10 * 60_000;

export interface IdempotencyOptions {
  readonly store: Pick<TokenStore, "findRequest" | "get">;
  /** Keys that secrets are sealed with for repeats; the first seals, all open. */
  readonly requestKeys: readonly Uint8Array[];
}

/** The result of a call that shows a secret. */
export interface Issued {
  readonly snapshot: TokenSnapshot;
  /** The text of the secret, which is never stored unencrypted. Empty when none was made. */
  readonly secret: string;
}

/**
 * Runs a call that shows a secret. With a request key, a repeat of the same request within ten minutes gets the same
 * secret; another request, or a later repeat, is refused with REQUEST_ID_REUSED. Without a key the call just runs.
 */
export async function once(
  options: IdempotencyOptions,
  key: RequestKey | undefined,
  now: Date,
  run: (requestFor: (secret: string) => { readonly request?: NewRequest }) => Promise<Issued>,
): Promise<Issued> {
  if (!key) return run(() => ({}));
  const earlier = await repeat(options, key, now);
  if (earlier) return earlier;
  try {
    return await run((secret) => ({
      request: { ...key, sealedSecret: seal(options.requestKeys, purposeOf(key), secret), createTime: now },
    }));
  } catch (error) {
    // A concurrent repeat was first. A rotation may find its new secret before it finds the key.
    const conflict = error instanceof Failure && ["STATE_CONFLICT", "ETAG_MISMATCH"].includes(error.reason);
    if (!conflict && !(error instanceof RequestKnown)) throw error;
    const first = await repeat(options, key, now);
    if (first) return first;
    throw error;
  }
}

async function repeat(
  { store, requestKeys }: IdempotencyOptions,
  key: RequestKey,
  now: Date,
): Promise<Issued | undefined> {
  const known = await store.findRequest(key);
  if (!known) return undefined;
  const refused = new Failure("REQUEST_ID_REUSED", { metadata: { tokenId: known.tokenId } });
  if (Buffer.compare(known.fingerprint, key.fingerprint) !== 0) throw refused;
  const { sealedSecret } = known;
  const young = now.getTime() - known.createTime.getTime() < repeatWindowMs;
  const secret = young && sealedSecret ? unseal(requestKeys, purposeOf(key), sealedSecret) : undefined;
  const snapshot = await store.get(known.tokenId);
  if (secret === undefined || !snapshot) throw refused;
  return { snapshot, secret };
}

function purposeOf({ caller, requestId }: RequestKey): string {
  return JSON.stringify([caller, requestId]);
}
