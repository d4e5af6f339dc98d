import type { SubjectName } from "../domain/identifier.js";
import type { SubjectState } from "../domain/subject-state.js";

/** A signed-in person. */
export interface Session {
  /** SHA-256 of the secret in the cookie, 32 bytes. */
  readonly id: Uint8Array;
  readonly subject: SubjectName;
  readonly issuer: string;
  /** `sub` of the ID token. */
  readonly issuerSubject: string;
  /** `sid` of the ID token. Absent: the provider does not tell. */
  readonly issuerSession?: string;
  /** Whether the person administers the deployment. */
  readonly admin: boolean;
  /** `name` of the ID token. Absent: the provider does not tell. */
  readonly displayName?: string;
  /** `auth_time` of the ID token. Absent: the provider does not tell. */
  readonly authTime?: Date;
  /** `acr` of the ID token. Absent: the provider does not tell. */
  readonly acr?: string;
  /** When the person came back from the provider. */
  readonly createTime: Date;
  /** Kept to a minute. */
  readonly lastUseTime: Date;
}

/** The circumstances of a new session. */
export interface SessionStart {
  /** SHA-256 of the `state` of the authorization request, 32 bytes. */
  readonly state: Uint8Array;
  /** The id of the session that the new one replaces. */
  readonly replaces?: Uint8Array;
  /** The most sessions of one person; the new one ends those that were used longest ago. */
  readonly mostSessions: number;
}

/** Sessions of the console, in the database. */
export interface SessionStore {
  /**
   * Stores a session. Stores none, and says why: `used` when this sign-in has made a session before, else the state of
   * a subject that is not active.
   */
  start(session: Session, start: SessionStart): Promise<"started" | "used" | Exclude<SubjectState, "ACTIVE">>;
  /** Returns the session, also one that is too old; undefined when it has ended. */
  find(id: Uint8Array): Promise<Session | undefined>;
  /** Sets the time of last use. */
  touch(id: Uint8Array, lastUseTime: Date): Promise<void>;
  end(id: Uint8Array): Promise<void>;
  /** Deletes sessions that were used last, or started, before these times, and sign-ins before a third. */
  sweep(before: { readonly lastUse: Date; readonly create: Date; readonly signIn: Date }): Promise<void>;
}
