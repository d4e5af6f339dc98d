import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { testTime, tokenRecord } from "../../test/kit/token.js";
import { startWebhookReceiver, type WebhookReceiver } from "../../test/kit/webhook-receiver.js";
import type { LeakNotice } from "./leak.js";
import { createWebhook } from "./webhook.js";

let receiver: WebhookReceiver;
beforeEach(async () => {
  receiver = await startWebhookReceiver();
});
afterEach(() => receiver.stop());

const notice = (over: Partial<LeakNotice> = {}): LeakNotice => {
  const { id, kind, subject, organization, name, createdBy } = tokenRecord();
  const leak = { reporter: "github", url: "https://example.com", source: "commit", hint: "pw_pat_...abcd" } as const;
  return {
    ...{ id, kind, subject, organization, name, createdBy },
    ...leak,
    time: testTime,
    revoked: true,
    ...over,
  };
};
const running = new AbortController().signal;
const webhook = (over: object = {}) =>
  createWebhook({ url: receiver.url, key: receiver.key, clock: { now: () => testTime }, ...over });

describe("the webhook", () => {
  it("gets a signed event whose id stays the same", async () => {
    const told = notice();
    await webhook()(told, running);
    await webhook({ clock: { now: () => new Date(testTime.getTime() + 60_000) } })(told, running);
    const event = {
      type: "token.leaked",
      token_id: told.id,
      subject: "user:alice",
      name: "laptop",
      hint: "pw_pat_...abcd",
      created_by: "service:test",
      reporter: "github",
      source: "commit",
      url: "https://example.com",
      revoked: true,
      time: testTime.toISOString(),
    };
    expect(receiver.received).toEqual(Array.from({ length: 2 }, () => ({ id: `leak-${told.id}`, event })));
  });

  it("gets no secret, whatever people have put into a name", async () => {
    const secret = `pw_pat_${"a1B2".repeat(12)}`;
    await webhook()(notice({ name: `my "${secret}"` }), running);
    expect(receiver.received[0]?.event["name"]).toBe('my "pw_pat_***"');
  });

  it("whose key is another one refuses it", async () => {
    await webhook({ key: "x".repeat(32) })(notice(), running);
    expect([receiver.received, receiver.forged]).toEqual([[], 1]);
  });

  it.each([300, 404, 500])("has failed when it answers %i", async (status) => {
    receiver.answer(status);
    await expect(webhook()(notice(), running)).rejects.toThrow(`the webhook answered ${status}`);
  });

  it("has failed when it redirects, is not there, or does not answer in time", async () => {
    const redirecting = createServer((_, response) => response.writeHead(307, { location: receiver.url }).end());
    const silent = createServer(() => undefined);
    for (const [server, over] of [
      [redirecting, {}],
      [silent, { timeoutMs: 50 }],
    ] as const) {
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
      await expect(webhook({ url, ...over })(notice(), running)).rejects.toThrow();
      const stopped = AbortSignal.abort();
      await expect(webhook({ url })(notice(), stopped)).rejects.toThrow();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await expect(webhook({ url })(notice(), running)).rejects.toThrow();
    }
    expect(receiver.received).toEqual([]);
  });
});
