import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { domainToASCII } from "node:url";
import { z } from "zod";
import { parseSubjectTemplate } from "../callers/oidc/subject-template.js";
import { parseGrant } from "../domain/grant.js";
import { type HostPort, parseHostPort } from "../domain/host-port.js";
import { parseSubject, type SubjectTypes } from "../domain/identifier.js";
import { isConfidential, isLoopback, parseCidr } from "../domain/network.js";
import { readHost } from "../integrations/shared/request-path.js";
import { parseDatabaseUrl } from "./database-url.js";
import { durationMs } from "./duration.js";
import { headerProblem } from "./secret.js";
import { sizeBytes } from "./size.js";

/*
 * The kinds of values that the configuration file is made of. Problems say what would be right and never repeat the value, which may be a
 * secret in the wrong place.
 */

export const text = z.string().min(1, "must not be empty");

/** A secret that is sent in a header, or known to somebody who does so. */
export const headerSecret = z.string().superRefine((secret, context) => {
  const problem = headerProblem(secret);
  if (problem !== undefined) context.addIssue(problem);
});

export const hostPort = text.transform((value, context) => {
  const parsed = parseHostPort(value);
  if (parsed.ok) return parsed.value;
  context.addIssue(parsed.problem);
  return z.NEVER;
});

/** Where PostgreSQL is. The files that the URL names are read. */
export const databaseUrl = text.transform((url, context) => {
  const parsed = parseDatabaseUrl(url, (name) => readFileSync(name, "utf8"));
  if (!parsed.ok) {
    context.addIssue(parsed.problem);
    return z.NEVER;
  }
  const { ca, cert, key } = parsed.value.tls;
  try {
    if (ca !== undefined || cert !== undefined) createSecureContext({ ca, cert, key });
  } catch {
    context.addIssue("must name PEM files by sslrootcert, sslcert and sslkey, of which sslkey fits sslcert");
  }
  return parsed.value;
});

export const ulid = text.regex(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/, "must be a ULID: 26 upper-case letters and digits");

/** Milliseconds, from and to these durations. */
export function duration(min: string, max: string) {
  const minMs = durationMs(min) ?? 0;
  const maxMs = durationMs(max) ?? 0;
  return text.transform((value, context) => {
    const valueMs = durationMs(value);
    if (valueMs !== undefined && valueMs >= minMs && valueMs <= maxMs) return valueMs;
    context.addIssue(`must be a duration from ${min} to ${max}, such as 800ms, 5s, 10m, 1h, 90d, 1y`);
    return z.NEVER;
  });
}

/** Bytes, from and to these sizes. */
export function size(min: string, max: string) {
  const minBytes = sizeBytes(min) ?? 0;
  const maxBytes = sizeBytes(max) ?? 0;
  return text.transform((value, context) => {
    const bytes = sizeBytes(value);
    if (bytes !== undefined && bytes >= minBytes && bytes <= maxBytes) return bytes;
    context.addIssue(`must be a size from ${min} to ${max}, such as 512KiB, 64MiB, 1GiB`);
    return z.NEVER;
  });
}

export const pepperKey = text.transform((base64, context) => {
  const bytes = Buffer.from(base64, "base64");
  // Buffer skips what is no base64; coming out the same proves that nothing was skipped.
  if (bytes.length >= 32 && bytes.toString("base64") === base64) return bytes;
  context.addIssue("must be base64 of at least 32 bytes");
  return z.NEVER;
});

/** What people write where they mean to put a key later. The empty one is what a variable that is not set hashes to. */
const guessed = new Set(
  [
    "",
    "\n",
    "changeme",
    "secret",
    "password",
    "admin",
    "test",
    "key",
    "token",
    "patwarden",
    "pw_svc_…",
    "pw_svc_...",
  ].map((weak) => createHash("sha256").update(weak).digest("hex")),
);

/** SHA-256 of a service key. */
export const serviceKeyHash = text
  .regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hex digits")
  .refine((hash) => !guessed.has(hash), {
    error: "must be of a key that nobody guesses: this is the hash of an empty or a well-known text",
  });

/** As CreateToken takes it. */
export const grant = z
  .object({
    full: z.boolean().default(false),
    rules: z.array(z.object({ actions: z.array(z.string()), resources: z.array(z.string()) })).default([]),
  })
  .transform((value, context) => {
    const parsed = parseGrant(value);
    if (parsed.ok) return parsed.grant;
    for (const { field, description } of parsed.violations) {
      context.addIssue({ code: "custom", message: description, path: field === "" ? [] : [field] });
    }
    return z.NEVER;
  });

/** `user:*` and the like become prefixes that end in `:`, as `ServiceCaller.subjects` has them. */
export function subjectScope(types: SubjectTypes) {
  return text.transform((value, context) => {
    for (const type of [types.user, types.organization]) if (value === `${type}:*`) return `${type}:`;
    const parsed = parseSubject(value, types);
    if (parsed.ok) return parsed.value.name as string;
    context.addIssue(`must be ${types.user}:*, ${types.organization}:* or a subject of these types`);
    return z.NEVER;
  });
}

/** Kept to the letter: `iss` of a token is compared with it as it is written, slash at the end and all. */
export const issuerUrl = text.refine(
  (value) => {
    // A blank, a query or a part left empty would still be a URL, but no issuer of OpenID Connect Discovery §3.
    if (!/^https?:\/\/[^\s?#@]+$/.test(value) || !URL.canParse(value)) return false;
    return isConfidential(new URL(value));
  },
  { error: "must be an https: URL without query, or http: on loopback" },
);

export const subjectTemplate = text.superRefine((value, context) => {
  const parsed = parseSubjectTemplate(value);
  if (!parsed.ok) context.addIssue(parsed.problem);
});

/** Of a JWT that we make: a name or an absolute URI. */
export const audience = text.regex(/^[\x21-\x7e]{1,255}$/, "must be 1 to 255 visible ASCII characters");

// SPIFFE ID §2: a trust domain and a path without empty, `.` and `..` segments. The whole trust domain is no workload.
export const spiffeId = text
  .max(2048, "must have at most 2048 characters")
  .regex(
    /^spiffe:\/\/[a-z0-9._-]{1,255}(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)+$/,
    "must be the SPIFFE id of a workload, such as spiffe://cluster.local/ns/shop/sa/orders",
  );

/** A `typ` in the one form that access-token.ts compares. */
export const tokenType = text.transform((value) => value.toLowerCase().replace(/^application\//, ""));

/** CIDR ranges, `10.0.0.0/8`, each in its canonical text. */
export const addressRange = text.transform((value, context) => {
  const parsed = parseCidr(value);
  if (parsed.ok) return parsed.value;
  context.addIssue(parsed.problem);
  return z.NEVER;
});

/** A host of requests, in the one spelling that the integrations compare. Names beyond ASCII may be written as such. */
export const hostName = text.transform((value, context) => {
  const host = /:\d*$/.test(value) ? undefined : readHost(inAscii(value));
  if (host !== undefined) return host;
  context.addIssue("must be a host without port, such as api.example.com");
  return z.NEVER;
});

/** ASCII stays what it is: `127.1` must not become an address. */
function inAscii(name: string): string {
  return /^[\x21-\x7e]*$/.test(name) ? name : domainToASCII(name);
}

/** CIDR ranges of reverse proxies and of nothing else, up to 100: an address of theirs never counts as a client's. */
export const trustedProxies = z
  .array(addressRange)
  .refine(({ length }) => length <= 100, "must have 0 to 100 entries")
  .default([]);

/** As browsers send it in `Origin` (RFC 6454 §6.2); they never send `*`. */
export const origin = text.refine(
  (value) => /^https?:/.test(value) && URL.canParse(value) && new URL(value).origin === value,
  { error: "must be an origin such as https://app.example.com: scheme, host, and port where it is not the usual one" },
);

export function organizationName(types: SubjectTypes) {
  return text.refine(
    (value) => {
      const parsed = parseSubject(value, types);
      return parsed.ok && parsed.value.kind === "organization";
    },
    { error: `must be an organization, ${types.organization}:…` },
  );
}

const pem = z.string().includes("-----BEGIN ", { error: "must be the name of a PEM file" }).meta({ file: true });

const tls = z
  .object({
    /** Certificate and intermediates. */
    cert: pem,
    key: pem,
    /** Authorities whose client certificates are admitted; then every client needs one. Absent: none is asked for. */
    client_ca: pem.optional(),
  })
  .refine(
    ({ cert, key, client_ca }) => {
      try {
        createSecureContext({ cert, key, ca: client_ca });
        return true;
      } catch {
        return false;
      }
    },
    { error: "must be PEM files of which key fits cert" },
  );

const beyondLoopback = { error: "must be true to listen beyond loopback without tls", path: ["plaintext"] };

/** A port without TLS of its own. */
export function plainListener(defaultListen: string) {
  return z
    .object({ listen: hostPort.prefault(defaultListen), plaintext: z.boolean().default(false) })
    .refine(({ listen, plaintext }) => plaintext || isLoopback(listen.host), beyondLoopback);
}

export function listener(defaultListen: string, { loopbackOnly }: { readonly loopbackOnly: boolean }) {
  const listen = hostPort.refine((address) => !loopbackOnly || isLoopback(address.host), {
    error: "must be loopback while dangerously_disable_caller_authentication is true",
  });
  return z
    .object({ listen: listen.prefault(defaultListen), ...protection })
    .refine(isProtected, beyondLoopback)
    .refine(isProtectedOnce, twice);
}

/** A port for people, pages and scanners of the whole internet. */
export function publicListener(defaultListen: string, { forbidden }: { readonly forbidden: boolean }) {
  return z
    .object({
      listen: hostPort.prefault(defaultListen),
      ...protection,
      /** Whose pages may call it (CORS), up to 100: exact origins. */
      origins: z
        .array(origin)
        .refine(({ length }) => length <= 100, "must have 0 to 100 entries")
        .default([]),
      /**
       * Reverse proxies in front of it: of what they hand on, the right-most entry of X-Forwarded-For that is none of them counts as where it came
       * from, for limits of speed, the audit trail and tokens that are bound to networks. Empty: the peer's address does.
       */
      trusted_proxies: trustedProxies,
    })
    .refine(isProtected, beyondLoopback)
    .refine(isProtectedOnce, twice)
    .refine(() => !forbidden, "must not be there while dangerously_disable_caller_authentication is true");
}

const protection = {
  tls: tls.optional(),
  /** Admits a port beyond loopback without TLS, for example behind a mesh that encrypts. */
  plaintext: z.boolean().default(false),
};

interface Protection {
  readonly tls?: unknown;
  readonly plaintext: boolean;
}

const twice = { error: "must not be true beside tls", path: ["plaintext"] };

function isProtected({ listen, tls, plaintext }: Protection & { readonly listen: HostPort }): boolean {
  return tls !== undefined || plaintext || isLoopback(listen.host);
}

function isProtectedOnce({ tls, plaintext }: Protection): boolean {
  return tls === undefined || !plaintext;
}
