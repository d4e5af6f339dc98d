import type { TokenId } from "../domain/token.js";
import type { ResolvedToken } from "../domain/token-store.js";
import { Lease, type Names, type Now } from "./lease.js";
import type { Touched } from "./revocation-store.js";

export interface TokenCacheOptions {
  /** The most estimated bytes of all entries; above it, entries that were not used lately are dropped. */
  readonly maxBytes: number;
  /** L, milliseconds. 0: nothing is served. */
  readonly leaseMs: number;
  readonly now: () => Now;
  readonly createLease?: (options: ConstructorParameters<typeof Lease>[0]) => Lease;
}

interface Entry {
  readonly key: string;
  readonly token: ResolvedToken;
  readonly bytes: number;
  /** Whether it was used since `#evict` last looked at it. */
  used: boolean;
  /** Another secret of the same token. */
  next: Entry | undefined;
}

/**
 * Token records by the SHA-256 of a secret. They are served only under a valid lease, dropped when a change names them,
 * and limited by bytes.
 */
export class TokenCache {
  readonly lease: Lease;
  readonly #maxBytes: number;
  readonly #now: () => Now;
  readonly #entries = new Map<string, Entry>();
  readonly #byToken = new Map<TokenId, Entry>();
  #bytes = 0;
  #hits = 0;

  constructor({ maxBytes, leaseMs, now, createLease = (options) => new Lease(options) }: TokenCacheOptions) {
    this.#maxBytes = maxBytes;
    this.#now = now;
    this.lease = createLease({ leaseMs, drop: (touched) => this.#drop(touched) });
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The estimated bytes of all entries. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Records served so far. */
  get hits(): number {
    return this.#hits;
  }

  get(key: string): ResolvedToken | undefined {
    // The lease is checked first: nothing may happen between this check and the reading.
    if (!this.lease.isLive(this.#now())) return undefined;
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    entry.used = true;
    this.#hits++;
    return entry.token;
  }

  /** A read that is sent now must not be older than this epoch. */
  get seen(): number {
    return this.lease.seen;
  }

  /** Keeps a record that was read from the snapshot of epoch `asOf`, unless a newer change names it. */
  keep(key: string, token: ResolvedToken, asOf: number): void {
    if (this.#entries.has(key) || !this.lease.isLive(this.#now()) || !this.lease.mayKeep(namesOf(token), asOf)) return;
    const entry: Entry = { key, token, bytes: bytesOf(token), used: false, next: this.#byToken.get(token.id) };
    this.#entries.set(key, entry);
    this.#byToken.set(token.id, entry);
    this.#bytes += entry.bytes;
    while (this.#bytes > this.#maxBytes) this.#evict();
  }

  /** Drops an entry by the second-chance algorithm: the oldest that was not used since it was last looked at. */
  #evict(): void {
    for (const [key, entry] of this.#entries) {
      this.#entries.delete(key);
      if (!entry.used) {
        this.#unlink(entry);
        return;
      }
      entry.used = false;
      this.#entries.set(key, entry);
    }
  }

  #drop(touched: readonly Touched[]): void {
    const subjects = new Set<string>();
    const scopes = new Set<string>();
    for (const { kind, key } of touched) {
      switch (kind) {
        case "token":
          this.#dropToken(key as TokenId); // only compared with ids
          break;
        case "subject":
          subjects.add(key);
          break;
        case "policy":
          scopes.add(key);
          break;
        case "everything":
          this.#entries.clear();
          this.#byToken.clear();
          this.#bytes = 0;
      }
    }
    if (subjects.size === 0 && scopes.size === 0) return;
    for (const { token } of this.#entries.values()) {
      const names = namesOf(token);
      if (names.subjects.some((name) => subjects.has(name)) || names.scopes.some((name) => scopes.has(name))) {
        this.#dropToken(token.id);
      }
    }
  }

  #dropToken(id: TokenId): void {
    for (let entry = this.#byToken.get(id); entry; entry = entry.next) {
      this.#entries.delete(entry.key);
      this.#bytes -= entry.bytes;
    }
    this.#byToken.delete(id);
  }

  #unlink(gone: Entry): void {
    this.#bytes -= gone.bytes;
    const first = this.#byToken.get(gone.token.id);
    if (first === gone && !gone.next) this.#byToken.delete(gone.token.id);
    else if (first === gone && gone.next) this.#byToken.set(gone.token.id, gone.next);
    else for (let entry = first; entry; entry = entry.next) if (entry.next === gone) entry.next = gone.next;
  }
}

/** Returns the names whose changes drop the record. */
function namesOf({ id, kind, subject, organization }: ResolvedToken): Names {
  const own = kind === "pat" ? organization : subject;
  return {
    tokenId: id,
    subjects: organization ? [subject, organization] : [subject],
    scopes: [kind === "pat" ? "user" : "organization", ...(own ? [own] : [])],
  };
}

/** The bytes of the objects, of both maps' slots and of the texts that every token has; measured with 40,000 tokens. */
const baseBytes = 520;
const perTextBytes = 24;
const perListBytes = 48;

function bytesOf({ subject, organization, grant, allowedCidrs, claims }: ResolvedToken): number {
  const text = (value: string): number => perTextBytes + value.length;
  const list = (values: readonly string[]): number =>
    values.reduce((sum, value) => sum + 8 + text(value), perListBytes);
  const rules = grant.kind === "full" ? [] : grant.rules;
  return (
    baseBytes +
    text(subject) +
    (organization ? text(organization) : 0) +
    rules.reduce((sum, rule) => sum + perListBytes + list(rule.actions) + list(rule.resources), 0) +
    (allowedCidrs.length > 0 ? list(allowedCidrs) : 0) +
    Object.entries(claims).reduce((sum, [name, value]) => sum + 16 + text(name) + text(value), 0)
  );
}
