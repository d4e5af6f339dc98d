import { createHmac } from "node:crypto";
import type { Clock } from "../domain/clock.js";
import { redactText } from "../domain/redact.js";
import { organizationOf } from "../domain/token.js";
import type { LeakNotice } from "./leak.js";

export interface WebhookConfig {
  /** https, or http on loopback. */
  readonly url: string;
  /** The shared key, 32 characters or more. */
  readonly key: string;
}

export interface WebhookOptions extends WebhookConfig {
  readonly clock: Clock;
  /** Deadline of one call, milliseconds. Default 10,000. */
  readonly timeoutMs?: number;
}

/**
 * Returns a function that sends a notification to a webhook and throws unless it replies 2xx. Signed as Standard
 * Webhooks 1.0 requires: `webhook-signature` is `v1,` and the base64 of the HMAC-SHA-256 of
 * `<webhook-id>.<webhook-timestamp>.<body>` under the bytes of the key. The id is the same in every repeat.
 */
export function createWebhook({ url, key, clock, timeoutMs = 10_000 }: WebhookOptions) {
  return async (notice: LeakNotice, stopped: AbortSignal): Promise<void> => {
    const id = `leak-${notice.id}`;
    const timestamp = String(Math.floor(clock.now().getTime() / 1000));
    // Somebody may have used a secret as the name of the token.
    const body = redactText(JSON.stringify(eventOf(notice)));
    const signature = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
    const response = await fetch(url, {
      method: "POST",
      redirect: "error",
      signal: AbortSignal.any([stopped, AbortSignal.timeout(timeoutMs)]),
      headers: {
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": `v1,${signature}`,
      },
      body,
    });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`the webhook answered ${response.status}`);
  };
}

function eventOf(notice: LeakNotice): object {
  const { id, subject, name, hint, createdBy, reporter, source, url, revoked, time } = notice;
  const organization = organizationOf(notice);
  return {
    type: "token.leaked",
    token_id: id,
    subject,
    ...(organization && { organization }),
    name,
    hint,
    created_by: createdBy,
    reporter,
    source,
    url,
    revoked,
    time: time.toISOString(),
  };
}
