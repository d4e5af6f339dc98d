import { hash, randomBytes } from "node:crypto";
import { openPosition, sealPosition } from "../domain/page-token.js";
import type { Session } from "./session-store.js";
import type { SessionLifetimes } from "./settings.js";

/** The most sessions of one person. */
export const mostSessions = 20;

/** How exactly the time of last use is stored, milliseconds. */
export const useIntervalMs = 60_000;

/** The label with which the keys for secrets of sessions are derived from the peppers. */
export const sessionLabel = "patwarden console session";

/** Makes the secret of a new session, which only its cookie holds: 256 random bits, and a MAC by the first key. */
export function newSecret(keys: readonly Uint8Array[]): string {
  return sealPosition(keys, sessionLabel, randomBytes(32));
}

/** Returns the id under which a session is stored, or undefined for a secret that none of the keys made. */
export function idOf(keys: readonly Uint8Array[], secret: string): Uint8Array | undefined {
  const random = openPosition(keys, sessionLabel, secret);
  return random && hash("sha256", random, "buffer");
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
