import { changes, newAuditEvent } from "../domain/audit-event.js";
import type { Clock } from "../domain/clock.js";
import type { PepperRing } from "../domain/pepper.js";
import { redactText } from "../domain/redact.js";
import { hintOf, parseSecret } from "../domain/secret.js";
import { endedForGood, tokenState } from "../domain/state.js";
import { harmlessText } from "../domain/text.js";
import { organizationOf, type TokenId } from "../domain/token.js";
import type { TokenStore } from "../domain/token-store.js";
import type { FoundText, LeakReporter } from "./leak.js";
import type { LeakChange, LeakStore } from "./leak-store.js";

export interface ReportLeaksOptions {
  readonly store: Pick<TokenStore, "resolve">;
  readonly leaks: Pick<LeakStore, "report">;
  readonly brand: string;
  readonly peppers: Pick<PepperRing, "recognize">;
  readonly clock: Clock;
  /** Organizations whose tokens, their own and those bound to them, are not revoked. Only a notification is sent. */
  readonly notifyOnly: readonly string[];
}

export interface Informant {
  readonly reporter: LeakReporter;
  /** The address that the report came from, if known. */
  readonly from: string | undefined;
}

const maxUrlLength = 2_000;
const maxSourceLength = 100;
/** The most tokens of one transaction. */
const reportedTogether = 100;

/**
 * Revokes the tokens of secrets that were found in the open, no matter whose they are, and stores where they were
 * found, so that one notification is sent for each token. Returns for each text whether it was ever a secret of ours. A
 * token that has ended, or whose found secret was superseded, is left as it is: the owner has rotated it, and the new
 * secret has not leaked. An expired token is revoked too, since an owner may extend it. May be repeated: what was done
 * stays done, even when it throws halfway.
 */
export async function reportLeaks(
  options: ReportLeaksOptions,
  found: readonly FoundText[],
  informant: Informant,
): Promise<readonly boolean[]> {
  const { store, brand, peppers, clock } = options;
  const recognized = found.map(({ text }) => {
    const secret = parseSecret(text, brand);
    return secret && peppers.recognize(secret);
  });
  // The same secret may have been found in many places. The first place is kept.
  const ours = new Map<string, { readonly digest: Uint8Array; readonly first: FoundText }>();
  for (const [index, first] of found.entries()) {
    const digest = recognized[index]?.digest;
    if (digest && !ours.has(first.text)) ours.set(first.text, { digest, first });
  }
  if (ours.size > 0) {
    const secrets = [...ours.values()];
    const { tokens } = await store.resolve(secrets.map(({ digest }) => digest));
    const live = new Map<TokenId, FoundText>();
    for (const [index, { first }] of secrets.entries()) {
      const token = tokens[index];
      if (token && !endedForGood(token, clock.now().getTime()) && !live.has(token.id)) live.set(token.id, first);
    }
    const entries = [...live];
    for (let start = 0; start < entries.length; start += reportedTogether)
      await reportTogether(options, new Map(entries.slice(start, start + reportedTogether)), informant);
  }
  // The tag of a secret shows that it was made here, even long after its token was deleted.
  return recognized.map((secret) => secret !== undefined);
}

async function reportTogether(
  { leaks, clock, notifyOnly }: ReportLeaksOptions,
  places: ReadonlyMap<TokenId, FoundText>,
  { reporter, from }: Informant,
): Promise<void> {
  const time = clock.now();
  const by = reporter === "anybody" ? "reporter" : `provider:${reporter}`;
  const revocation = { by, reason: "LEAKED" as const, time };
  await leaks.report([...places.keys()], revocation, (token, reportedBefore): LeakChange | undefined => {
    const place = places.get(token.id);
    const state = tokenState(token, time);
    if (!place || state === "REVOKED" || state === "DENIED") return undefined;
    const revokes = !notifyOnly.some((organization) => organization === organizationOf(token));
    if (!revokes && reportedBefore) return undefined;
    // A link may contain the secret that was found.
    const url = redactText(harmlessText(place.url, maxUrlLength));
    const source = redactText(harmlessText(place.source, maxSourceLength));
    const event = newAuditEvent({
      time,
      actor: by,
      action: revokes ? "token.revoked" : "token.leaked",
      subject: token.subject,
      tokenId: token.id,
      organization: organizationOf(token),
      clientIp: from,
      details: {
        ...(revokes && changes({}, { revocation })),
        ...(url !== "" && { url }),
        ...(source !== "" && { source }),
      },
    });
    return { leak: { reporter, url, source, hint: hintOf(place.text), time }, event, revokes };
  });
}
