import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Session, SessionStore } from "../../src/console/session-store.js";
import { createConsoleSessionStore } from "../../src/database/console-session.js";
import { createSubjectStore } from "../../src/database/subject.js";
import type { SubjectName } from "../../src/domain/identifier.js";
import { engines, type Opened } from "../kit/engines.js";
import { testEvent, tokenRecord } from "../kit/token.js";

const time = new Date("2026-07-01T12:00:00.123Z");
const later = (ms: number): Date => new Date(time.getTime() + ms);

let people = 0;
const sessionOf = (over: Partial<Session> = {}): Session => ({
  id: randomBytes(32),
  subject: `user:person-${++people}` as SubjectName,
  issuer: "https://login.example.com/",
  issuerSubject: "sub",
  admin: false,
  createTime: time,
  lastUseTime: time,
  ...over,
});
/** Returns the session with its id in hexadecimal digits: each engine has its own kind of bytes. */
const shown = (session: Session | undefined): object | undefined =>
  session && { ...session, id: Buffer.from(session.id).toString("hex") };
const startOf = (state = randomBytes(32)) => ({ state, mostSessions: 3 });

describe.each(engines.filter(({ available }) => available))("sessions of the console on $name", ({ open }) => {
  let opened: Opened;
  let store: SessionStore;
  beforeAll(async () => {
    opened = await open();
    await opened.database.migrate();
    store = createConsoleSessionStore(opened.database);
  });
  afterAll(() => opened.close());

  it("are read as they were written, with and without what a provider may leave out", async () => {
    const bare = sessionOf();
    const full = sessionOf({
      issuerSession: "sid",
      admin: true,
      displayName: "Ada",
      authTime: later(-1000),
      acr: "mfa",
    });
    for (const session of [bare, full]) {
      expect(await store.start(session, startOf())).toBe("started");
      expect(shown(await store.find(session.id))).toEqual(shown(session));
    }
    expect(await store.find(randomBytes(32))).toBeUndefined();
    await store.touch(full.id, later(60_000));
    expect(shown(await store.find(full.id))).toEqual(shown({ ...full, lastUseTime: later(60_000) }));
    await store.end(full.id);
    expect([await store.find(full.id), shown(await store.find(bare.id))]).toEqual([undefined, shown(bare)]);
  });

  it("are made once for each sign-in, also by two at the same time", async () => {
    const session = sessionOf();
    const start = startOf();
    const twins = [session, { ...session, id: randomBytes(32) }];
    expect((await Promise.all(twins.map((twin) => store.start(twin, start)))).sort()).toEqual(["started", "used"]);
    expect((await Promise.all(twins.map(({ id }) => store.find(id)))).filter(Boolean)).toHaveLength(1);
  });

  it("are at most so many of one person, also when they start at the same time", async () => {
    const { subject } = sessionOf();
    const many = Array.from({ length: 6 }, (_, index) => sessionOf({ subject, lastUseTime: later(index) }));
    await Promise.all(many.map((session) => store.start(session, startOf())));
    const left = (await Promise.all(many.map(({ id }) => store.find(id)))).filter(Boolean);
    expect(left).toHaveLength(3);
  });

  it("take the place of another one, which does not count", async () => {
    const { subject } = sessionOf();
    const [first, second, third, fourth] = [0, 1, 2, 3].map((ms) => sessionOf({ subject, lastUseTime: later(ms) }));
    if (!first || !second || !third || !fourth) throw new Error("four");
    for (const session of [first, second, third]) await store.start(session, startOf());
    await store.start(fourth, { ...startOf(), replaces: third.id });
    const left = await Promise.all([first, second, third, fourth].map(({ id }) => store.find(id)));
    expect(left.map(shown)).toEqual([first, second, undefined, fourth].map(shown));
  });

  it("end with their subject, and none starts for one that is not active", async () => {
    const session = sessionOf();
    const subjects = createSubjectStore(opened.database);
    const become = (state: "ACTIVE" | "DISABLED" | "DELETED") =>
      subjects.change(session.subject, time, () => ({ state, generation: 1, event: testEvent(tokenRecord()) }));
    for (const state of ["DISABLED", "DELETED"] as const) {
      expect(await store.start(session, startOf())).toBe("started");
      await become(state);
      expect(await store.find(session.id)).toBeUndefined();
      expect(await store.start(session, startOf())).toBe(state);
      await become("ACTIVE");
      expect(await store.find(session.id)).toBeUndefined();
    }
  });

  it("are deleted when they are old, as are sign-ins that were used", async () => {
    const [idle, old, living] = [
      sessionOf({ lastUseTime: later(-101) }),
      sessionOf({ createTime: later(-201) }),
      sessionOf({ createTime: later(-200), lastUseTime: later(-100) }),
    ];
    const states = [randomBytes(32), randomBytes(32), randomBytes(32)];
    for (const [index, session] of [idle, old, living].entries()) await store.start(session, startOf(states[index]));
    await store.sweep({ lastUse: later(-100), create: later(-200), signIn: later(-200) });
    const left = await Promise.all([idle, old, living].map(({ id }) => store.find(id)));
    expect(left.map(shown)).toEqual([undefined, undefined, shown(living)]);
    // The second sign-in was used long ago, so it is forgotten; the cookie that it needs is long over.
    const again = await Promise.all(states.map((state) => store.start(sessionOf(), startOf(state))));
    expect(again).toEqual(["used", "started", "used"]);
  });
});
