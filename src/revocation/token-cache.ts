import type { TokenId } from "../domain/token.js";
import type { ResolvedToken } from "../domain/token-store.js";
import { Lease, type Names, type Now } from "./lease.js";
import type { Touched } from "./revocation-store.js";

export interface TokenCacheOptions {
  /** Estimated bytes of all entries; beyond it those not used lately are given up. */
  readonly maxBytes: number;
  /** L, milliseconds. 0: nothing is ever served. */
  readonly leaseMs: number;
  readonly now: () => Now;
  readonly createLease?: (options: ConstructorParameters<typeof Lease>[0]) => Lease;
}

interface Entry {
  readonly key: string;
  readonly token: ResolvedToken;
  readonly bytes: number;
  /** Used since it was last passed over. */
  used: boolean;
  /** Another secret of the same token. */
  next: Entry | undefined;
}

/**
 * Token records by the SHA-256 of a secret, served under a live lease alone, dropped when a change names them, bounded
 * by bytes.
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

  /** Estimated. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Records served so far. */
  get hits(): number {
    return this.#hits;
  }

  get(key: string): ResolvedToken | undefined {
    // The lease first: nothing may come between it and the reading.
    if (!this.lease.isLive(this.#now())) return undefined;
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    entry.used = true;
    this.#hits++;
    return entry.token;
  }

  /** The epoch that a read sent now may not be behind. */
  get seen(): number {
    return this.lease.seen;
  }

  /** Keeps a record that was read out of the snapshot of epoch `asOf`, unless something newer is known. */
  keep(key: string, token: ResolvedToken, asOf: number): void {
    if (this.#entries.has(key) || !this.lease.isLive(this.#now()) || !this.lease.mayKeep(namesOf(token), asOf)) return;
    const entry: Entry = { key, token, bytes: bytesOf(token), used: false, next: this.#byToken.get(token.id) };
    this.#entries.set(key, entry);
    this.#byToken.set(token.id, entry);
    this.#bytes += entry.bytes;
    while (this.#bytes > this.#maxBytes) this.#evict();
  }

  /** Second chance: the oldest that was not used since its last turn. */
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
          this.#dropToken(key as TokenId); // compared with ids only
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

/** The keys that drop it. */
function namesOf({ id, kind, subject, organization }: ResolvedToken): Names {
  const own = kind === "pat" ? organization : subject;
  return {
    tokenId: id,
    subjects: organization ? [subject, organization] : [subject],
    scopes: [kind === "pat" ? "user" : "organization", ...(own ? [own] : [])],
  };
}

/** Objects, both maps' slots and the texts that every token has; measured with 40,000 tokens. */
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
