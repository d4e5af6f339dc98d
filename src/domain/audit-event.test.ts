import { describe, expect, it } from "vitest";
import { type AuditFacts, auditEventIdFromUuid, auditEventUuid, changes, newAuditEvent } from "./audit-event.js";
import { newTokenId } from "./ids.js";

const time = new Date("2026-03-01T12:00:00.123Z");
const facts = (over: Partial<AuditFacts> = {}): AuditFacts => ({
  time,
  actor: "service:shop",
  action: "token.created",
  ...over,
});

describe("an audit event", () => {
  it("has the given facts, and a new id that converts to a UUID and back", () => {
    const tokenId = newTokenId();
    const told = facts({ tokenId, subject: "user:alice", clientIp: "192.0.2.1", details: { via: "service:shop" } });
    const { id, ...event } = newAuditEvent(told);
    expect(event).toEqual({ ...told, outcome: "ok" });
    expect(id).toMatch(/^aud_[0-9a-z]{26}$/);
    expect(auditEventIdFromUuid(auditEventUuid(id))).toBe(id);
    expect(newAuditEvent(told).id > id).toBe(true);
  });

  it("keeps no secret that somebody put into a text, wherever it is", () => {
    const secret = `pw_pat_${"a1B2".repeat(12)}`;
    const event = newAuditEvent(
      facts({
        actor: `user:${secret}`,
        subject: secret,
        clientIp: secret,
        details: {
          [secret]: `${"x".repeat(2030)} ${secret}`,
          ...changes({}, { name: secret, metadata: { note: secret } }),
        },
      }),
    );
    expect(JSON.stringify(event)).not.toContain("a1B2");
    expect(event.details["name.after"]).toBe("pw_pat_***");
  });

  it("holds nothing that PostgreSQL would refuse or change", () => {
    const { actor, details } = newAuditEvent(facts({ actor: "a\0b", details: { "k\ud800": "\udc00 🛡️" } }));
    expect(actor).toBe("a\ufffdb");
    expect(details).toEqual({ "k\ufffd": "\ufffd 🛡️" });
  });

  it.each([
    ["ASCII", "x".repeat(2048), "x".repeat(2048)],
    ["one byte too many", "x".repeat(2049), `${"x".repeat(2045)}…`],
    ["a character that the cut would go through", "é".repeat(1100), `${"é".repeat(1022)}…`],
    ["four bytes a character", "🛡".repeat(600), `${"🛡".repeat(511)}…`],
  ])("cuts a value to 2 KiB: %s", (_, value, expected) => {
    expect(newAuditEvent(facts({ details: { value } })).details["value"]).toBe(expected);
  });
});

describe("changes", () => {
  it("show both sides of what differs, and only of that", () => {
    const before = { name: "a", grant: { kind: "rules", rules: [] }, expireTime: time, same: { x: 1, y: [1, 2] } };
    const after = {
      name: "b",
      grant: { kind: "full" },
      expireTime: undefined,
      same: { y: [1, 2], x: 1 },
      selfRotate: true,
    };
    expect(changes(before, after)).toEqual({
      "expireTime.before": "2026-03-01T12:00:00.123Z",
      "grant.before": '{"kind":"rules","rules":[]}',
      "grant.after": '{"kind":"full"}',
      "name.before": "a",
      "name.after": "b",
      "selfRotate.after": "true",
    });
  });

  it("show that lists were reordered, and that something beyond the limit differs", () => {
    expect(Object.keys(changes({ list: [1, 2] }, { list: [2, 1] }))).toEqual(["list.before", "list.after"]);
    const long = "x".repeat(5000);
    const { "text.before": was, "text.after": is } = changes({ text: long }, { text: `${long}y` });
    expect([was?.length, is?.length]).toEqual([2046, 2046]);
  });

  it("leave out facts that are secret at the top and hide them below", () => {
    const shown = changes(
      {},
      { secrets: ["S1"], digest: "S2", newSecret: { digest: "S3" }, metadata: { secret: "S4" } },
    );
    expect(shown).toEqual({ "metadata.after": '{"secret":"***"}' });
  });
});
