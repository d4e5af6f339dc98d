import { describe, expect, it } from "vitest";
import type { SubjectName } from "../domain/identifier.js";
import { Cookies } from "./cookies.js";
import { newSession } from "./session.js";
import type { Session, SessionStore } from "./session-store.js";
import { Sessions } from "./sessions.js";
import type { ConsoleSettings } from "./settings.js";

const [older, newer] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
const cookies = new Cookies("https://tokens.example.com");
const now = new Date("2026-01-01T00:00:00Z");
const { secret, id } = newSession([older]);
const session: Session = {
  id,
  subject: "user:alice" as SubjectName,
  issuer: "https://id.example.com",
  issuerSubject: "alice",
  admin: false,
  createTime: now,
  lastUseTime: now,
};

function find(issuer: string, keys: readonly Uint8Array[]): Promise<Session | undefined> {
  const lifetimes = { idleMs: 1000, absoluteMs: 1000, adminAbsoluteMs: 1000 };
  const sessions = new Sessions({
    settings: { issuer, lifetimes } as ConsoleSettings, // nothing else is used
    store: { find: async (wanted) => (Buffer.compare(wanted, id) === 0 ? session : undefined) } as SessionStore,
    keys,
    cookies,
    clock: { now: () => now },
  });
  return sessions.find(`${cookies.session}=${secret}`);
}

describe("a session", () => {
  it("is found by the secret in its cookie, as long as one of the peppers made it", async () => {
    expect(await find(session.issuer, [older])).toBe(session);
    expect(await find(session.issuer, [newer, older])).toBe(session);
    expect(await find(session.issuer, [newer])).toBeUndefined();
  });

  it("CS-14 ends when people sign in at another provider", async () => {
    expect(await find("https://other.example.com", [older])).toBeUndefined();
  });
});
