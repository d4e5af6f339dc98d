import { hash, randomBytes } from "node:crypto";
import { verifyMac, withMac } from "../domain/mac.js";
import type { Session } from "./session-store.js";
import type { SessionLifetimes } from "./settings.js";

/** The most sessions of one person. */
export const mostSessions = 20;

/** How exactly the time of last use is stored, milliseconds. */
export const useIntervalMs = 60_000;

/** The label with which the keys for secrets of sessions are derived from the peppers. */
export const sessionLabel = "patwarden console session";

/** The secret of a new session, and the id under which the session is stored. */
export interface NewSession {
  /** Only the cookie holds it: 256 random bits, and a MAC by the first key. */
  readonly secret: string;
  readonly id: Uint8Array;
}

export function newSession(keys: readonly Uint8Array[]): NewSession {
  const random = randomBytes(32);
  return { secret: withMac(keys, sessionLabel, random), id: idOfRandom(random) };
}

/** Returns the id under which a session is stored, or undefined for a secret that none of the keys made. */
export function idOf(keys: readonly Uint8Array[], secret: string): Uint8Array | undefined {
  const random = verifyMac(keys, sessionLabel, secret);
  return random && idOfRandom(random);
}

function idOfRandom(random: Uint8Array): Uint8Array {
  return hash("sha256", random, "buffer");
}

/** Returns when a session ends if it is not used again. */
export function endOf(session: Session, lifetimes: SessionLifetimes): Date {
  return new Date(Math.min(session.lastUseTime.getTime() + lifetimes.idleMs, lastEndOf(session, lifetimes)));
}

/** Returns when a session ends that is used at this time and then no more. */
export function endAfterUse(session: Session, lifetimes: SessionLifetimes, now: Date): Date {
  return endOf({ ...session, lastUseTime: now }, lifetimes);
}

function lastEndOf({ admin, createTime }: Session, { absoluteMs, adminAbsoluteMs }: SessionLifetimes): number {
  return createTime.getTime() + (admin ? adminAbsoluteMs : absoluteMs);
}
