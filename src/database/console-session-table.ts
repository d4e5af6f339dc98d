import { boolean, index, pgTable, text } from "drizzle-orm/pg-core";
import type { SubjectName } from "../domain/identifier.js";
import { bytea, identifier, instant, readable } from "./columns.js";

/** Sessions of people in the console. A row is deleted when its session ends. */
export const consoleSession = pgTable(
  "console_session",
  {
    /** SHA-256 of the secret in the cookie. */
    id: bytea("id").primaryKey(),
    subject: identifier("subject").$type<SubjectName>().notNull(),
    issuer: text("issuer").notNull(),
    /** The claims `sub` and `sid` of the ID token, with which the provider names the session. */
    issuerSubject: text("issuer_subject").notNull(),
    issuerSession: text("issuer_session"),
    admin: boolean("admin").notNull(),
    displayName: text("display_name"),
    authTime: instant("auth_time"),
    acr: text("acr"),
    createdAt: instant("created_at").notNull(),
    /** Kept to a minute. */
    lastUsedAt: instant("last_used_at").notNull(),
  },
  (table) => [
    ...readable("time", table.authTime, table.createdAt, table.lastUsedAt),
    index("console_session_subject").on(table.subject),
    index("console_session_issuer_subject").on(table.issuerSubject),
  ],
);

/** Sign-ins that have made a session, so that none makes two. */
export const consoleSignIn = pgTable(
  "console_sign_in",
  {
    /** SHA-256 of the `state` of the authorization request. */
    state: bytea("state").primaryKey(),
    usedAt: instant("used_at").notNull(),
  },
  (table) => readable("time", table.usedAt),
);
