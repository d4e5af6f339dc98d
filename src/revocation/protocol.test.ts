import { describe, expect, it } from "vitest";
import { Lease, type LeaseOptions, type Names, type Now, type Progress } from "./lease.js";
import { leaseMarginMs, type Renewal, type RevocationChange } from "./revocation-store.js";

/**
 * The protocol as a discrete-event model: replicas with the Lease of the product, a database with snapshots and row
 * versions, slow messages, processes that stand still, clocks that are set. Every promise is checked against what the
 * database knew. Each broken variant must break at least one promise.
 */

/** Each field does one step of the protocol wrong. */
interface Broken {
  /** LP-1 */ readonly noWait?: true;
  /** LP-2 */ readonly leaseFromAnswer?: true;
  /** LP-3 */ readonly extendBeforeDrop?: true;
  /** LP-4 */ readonly cacheBeforeLease?: true;
  /** LP-5 */ readonly acknowledgeUnseen?: true;
  /** LP-6 */ readonly epochBeforeCommit?: true;
  /** LP-7 */ readonly replicasBeforeCommit?: true;
  /** LP-8 */ readonly leaseBeforeRegistration?: true;
  /** LP-9 */ readonly readOnlyRenewal?: true;
  /** LP-10 */ readonly repeatReturnsAtOnce?: true;
  /** LP-14 */ readonly fillsUnchecked?: true;
  readonly fillsIgnoreFloor?: true;
  readonly seenRaisedBeforeDrop?: true;
  /** On a sync, the replica acknowledges whatever the database has by now instead of what was read. */
  readonly syncAcknowledgesNewest?: true;
  /** A sync extends the lease, though no row was written. */
  readonly syncExtends?: true;
  /** S4: a registration is removed when it looks old by the database's clock, as in 175ae3e. */
  readonly staleByDatabaseClock?: true;
  /** S4: such a registration is not removed but ignored. */
  readonly staleIgnored?: true;
  /** The revoker waits by a clock that can be set. */
  readonly waitsByWallClock?: true;
  /** Every lease is assumed to be as long as the revoker's own. */
  readonly waitsOwnLease?: true;
  /** A registration is removed after the wait though it was renewed in the meantime. */
  readonly removesRenewed?: true;
  /** A registration is removed after a wait that began at the commit, and not when its lease was read. */
  readonly removesSinceCommit?: true;
  /** A lease runs by a clock that can be set. */
  readonly leaseByWallClock?: true;
  /** A suspension of the machine while a renewal was on its way is not noticed. */
  readonly offsetFromAnswer?: true;
}

/** One lease for each replica: they may be configured differently. */
const leases = [1_000, 1_400, 700];
const shortestMs = 700;
const tokens = ["t0", "t1", "t2", "t3", "t4", "t5"];
const namesOf = (tokenId: string): Names => ({ tokenId, subjects: [], scopes: [] });

/** mulberry32: the same numbers for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Runs generators, which yield the time that they wait, by virtual time. */
class World {
  time = 0;
  readonly #due: { readonly at: number; readonly order: number; readonly run: () => void }[] = [];
  #order = 0;

  at(delay: number, run: () => void): void {
    const entry = { at: this.time + delay, order: this.#order++, run };
    const index = this.#due.findIndex((other) => other.at > entry.at);
    this.#due.splice(index < 0 ? this.#due.length : index, 0, entry);
  }

  spawn(process: Generator<number, void>, pausedUntil: () => number = () => 0): void {
    const step = (): void => {
      const paused = pausedUntil();
      if (paused > this.time) {
        this.at(paused - this.time, step);
        return;
      }
      const { value, done } = process.next();
      if (!done) this.at(value, step);
    };
    step();
  }

  run(until: number): void {
    for (let next = this.#due.shift(); next && next.at <= until; next = this.#due.shift()) {
      this.time = next.at;
      next.run();
    }
  }
}

interface Row {
  incarnation: number;
  acked: number;
  renewal: number;
  readonly leaseMs: number;
  /** By the database's clock. */
  renewedAt: number;
  /** A renewal is being committed: a statement that wants to delete the row waits and then reads it again. */
  locked?: boolean;
}

interface Database {
  epoch: number;
  readonly changes: RevocationChange[];
  /** Token to the epoch at which it was revoked; absent while it is good. */
  readonly revoked: Map<string, number>;
  readonly rows: Map<number, Row>;
}

/** Makes a lease that is wrong as `broken` says. */
function brokenLease(broken: Broken, options: LeaseOptions): Lease {
  if (broken.leaseByWallClock) {
    const asWall = (now: Now): Now => ({ ...now, monotonicMs: now.wallMs });
    return new (class extends Lease {
      override isLive(now: Now): boolean {
        return super.isLive(asWall(now));
      }
      override renewed(sent: Now, renewal: Renewal, now: Now): Progress {
        return super.renewed(asWall(sent), renewal, asWall(now));
      }
    })(options);
  }
  if (broken.offsetFromAnswer) {
    return new (class extends Lease {
      override renewed({ monotonicMs }: Now, renewal: Renewal, now: Now): Progress {
        return super.renewed({ monotonicMs, wallMs: monotonicMs + now.wallMs - now.monotonicMs }, renewal, now);
      }
    })(options);
  }
  if (broken.fillsUnchecked) {
    return new (class extends Lease {
      override mayKeep(): boolean {
        return true;
      }
    })(options);
  }
  if (broken.fillsIgnoreFloor) {
    const recent: RevocationChange[] = [];
    return new (class extends Lease {
      override mayKeep({ tokenId }: Names, asOf: number): boolean {
        return recent.every(({ key, epoch }) => key !== tokenId || epoch <= asOf);
      }
    })({
      ...options,
      drop(touched) {
        options.drop(touched);
        recent.push(...touched.filter((each): each is RevocationChange => "epoch" in each));
        recent.splice(0, recent.length - 4);
      },
    });
  }
  return new Lease(options);
}

/** Runs for some seconds of virtual time and returns the violations. */
function simulate(seed: number, broken: Broken = {}): readonly string[] {
  const random = randomFrom(seed);
  const world = new World();
  const database: Database = { epoch: 0, changes: [], revoked: new Map(), rows: new Map() };
  const violations: string[] = [];
  /** Revocations that have returned: the token and the time. */
  const returned = new Map<string, number>();
  /** Mostly short, sometimes long. */
  const delay = (): number => (random() < 0.06 ? random() * 1_600 : random() * 6);
  let renewing = true;
  /** How far the database's clock is ahead of real time, and a revoker's wall clock. */
  let databaseAhead = 0;
  let revokerAhead = 0;

  const replicas = leases.map((leaseMs, id) => {
    const cache = new Map<string, boolean>();
    let pausedUntil = 0;
    let cutUntil = 0;
    let ahead = 0;
    /** How long the machine was suspended in total, which its monotonic clock does not count. */
    let asleep = 0;
    /** Returns the time of one way to the database or back. */
    const hop = (): number => Math.max(cutUntil - world.time, 0) + delay();
    const lease = brokenLease(broken, {
      leaseMs,
      maxRemembered: 4,
      drop(touched) {
        for (const { kind, key } of touched) {
          if (kind === "everything") cache.clear();
          else cache.delete(key);
        }
      },
    });
    const now = () => ({ monotonicMs: world.time - asleep, wallMs: world.time + ahead });
    let incarnation = 0;
    let registered = false;

    function* renewals(): Generator<number, void> {
      yield random() * 300;
      while (renewing) {
        if (!registered) {
          incarnation++;
          const mine = incarnation;
          const insert = (): void => {
            const renewedAt = world.time + databaseAhead;
            database.rows.set(id, { incarnation: mine, acked: 0, renewal: 0, leaseMs, renewedAt });
          };
          if (broken.leaseBeforeRegistration) world.at(hop() + 900, insert);
          else {
            yield hop();
            insert();
            yield hop();
          }
          registered = true;
        }
        const sent = now();
        const seen = lease.seen;
        yield hop(); // to the database
        const row = database.rows.get(id);
        const gone = !broken.leaseBeforeRegistration && !broken.readOnlyRenewal && row?.incarnation !== incarnation;
        if (gone) {
          yield hop();
          lease.lost();
          registered = false;
          continue;
        }
        // The snapshot. The row is written when the statement commits, a little later.
        const epoch = database.epoch;
        const changes = database.changes.filter((change) => change.epoch > seen);
        const databaseTimeMs = world.time + databaseAhead;
        const commitDelay = delay();
        if (row && !broken.readOnlyRenewal) row.locked = true;
        const write = (): void => {
          const current = database.rows.get(id);
          if (!current || broken.readOnlyRenewal) return;
          current.locked = false;
          current.renewedAt = databaseTimeMs;
          current.renewal++;
          current.acked = Math.max(current.acked, broken.acknowledgeUnseen ? epoch : seen);
        };
        if (broken.readOnlyRenewal && row) row.acked = Math.max(row.acked, seen);
        yield commitDelay;
        write();
        yield hop(); // the answer
        const renewal: Renewal = { epoch, nonce: String(epoch), changes, databaseTimeMs };
        const from = broken.leaseFromAnswer ? now() : sent;
        if (broken.extendBeforeDrop && epoch > seen && seen > 0) {
          // The old epoch again extends the lease; changes are fetched afterwards.
          lease.renewed(from, { ...renewal, epoch: seen, nonce: String(seen), changes: [] }, now());
          yield 40;
        }
        if (broken.seenRaisedBeforeDrop && epoch > seen && seen > 0) {
          const current = database.rows.get(id);
          if (current) current.acked = Math.max(current.acked, epoch);
          yield 40;
        }
        const progress = lease.renewed(from, renewal, now());
        if (progress === "behind") continue;
        yield random() < 0.5 ? leaseMs / 5 : random() * 20;
        // Hints: some are late, and many never arrive.
        for (let hints = random() < 0.7 ? 0 : Math.floor(random() * 6); hints > 0; hints--) {
          yield random() * 20;
          yield* sync();
        }
      }
    }

    function* sync(): Generator<number, void> {
      const sent = now();
      const { seen } = lease;
      yield hop(); // to the database
      const news: Renewal = {
        epoch: database.epoch,
        nonce: String(database.epoch),
        changes: database.changes.filter((change) => change.epoch > seen),
        databaseTimeMs: world.time + databaseAhead,
      };
      yield hop(); // the answer
      const progress = broken.syncExtends ? lease.renewed(sent, news, now()) : lease.apply(news);
      if (progress !== "behind") return;
      const acknowledged = lease.seen;
      yield hop(); // to the database
      const row = database.rows.get(id);
      if (row?.incarnation === incarnation) {
        row.acked = Math.max(row.acked, broken.syncAcknowledgesNewest ? database.epoch : acknowledged);
      } else {
        yield hop();
        lease.lost();
        registered = false;
      }
    }

    function* checks(): Generator<number, void> {
      for (;;) {
        yield random() * 12;
        const token = tokens[Math.floor(random() * tokens.length)] ?? "t0";
        const startedAt = world.time;
        const goneBefore = returned.get(token);
        const judge = (good: boolean): void => {
          // The same revocation: the token was not made usable again since.
          if (good && goneBefore !== undefined && goneBefore < startedAt && returned.get(token) === goneBefore) {
            violations.push(`replica ${id} allowed ${token} at ${startedAt}, revoked by ${goneBefore}`);
          }
        };
        let cached = cache.get(token);
        if (broken.cacheBeforeLease) yield delay();
        if (lease.isLive(now())) {
          if (!broken.cacheBeforeLease) cached = cache.get(token);
          if (cached !== undefined) {
            judge(cached);
            continue;
          }
        }
        yield hop();
        const good = !database.revoked.has(token);
        const asOf = database.epoch;
        yield hop();
        judge(good);
        if (lease.isLive(now()) && lease.mayKeep(namesOf(token), asOf)) cache.set(token, good);
      }
    }

    const paused = () => pausedUntil;
    world.spawn(renewals(), paused);
    for (let reader = 0; reader < 3; reader++) world.spawn(checks(), paused);
    return {
      stop(forMs: number) {
        pausedUntil = world.time + forMs;
      },
      suspend(forMs: number) {
        pausedUntil = Math.max(pausedUntil, world.time + forMs);
        asleep += forMs;
      },
      cut(forMs: number) {
        cutUntil = world.time + forMs;
      },
      step(ms: number) {
        ahead += ms;
      },
    };
  });

  function* revocations(): Generator<number, void> {
    for (;;) {
      yield random() * 150;
      const token = tokens[Math.floor(random() * tokens.length)] ?? "t0";
      let stored = database.revoked.get(token);
      const repeated = stored !== undefined;
      if (repeated && random() < 0.3) {
        // Makes the token usable again, so that there is always something to revoke.
        yield* changed(
          token,
          () => void database.revoked.delete(token),
          () => void returned.delete(token),
        );
        continue;
      }
      const early = broken.replicasBeforeCommit ? [...database.rows.keys()] : undefined;
      if (!repeated) {
        yield delay();
        yield* changed(token, (epoch) => {
          stored = epoch;
          database.revoked.set(token, epoch);
        });
      }
      const committedBy = world.time;
      yield delay(); // the commit's answer
      if (!broken.noWait && !(repeated && broken.repeatReturnsAtOnce)) yield* confirmed(committedBy, early);
      if (database.revoked.get(token) === stored && !returned.has(token)) returned.set(token, world.time);
    }
  }

  function* changed(token: string, apply: (epoch: number) => void, after?: () => void): Generator<number, void> {
    if (broken.epochBeforeCommit) {
      // Like a sequence: the number is visible before the change that it stands for.
      const epoch = ++database.epoch;
      yield delay();
      apply(epoch);
      database.changes.push({ epoch, kind: "token", key: token });
    } else {
      const epoch = database.epoch + 1;
      database.epoch = epoch;
      apply(epoch);
      database.changes.push({ epoch, kind: "token", key: token });
    }
    after?.();
  }

  function* confirmed(committedBy: number, only: readonly number[] | undefined): Generator<number, void> {
    const wallMs = (): number => world.time + revokerAhead;
    const committedByWall = wallMs();
    const read = (): ReadonlyMap<number, Readonly<Row>> =>
      new Map([...database.rows].filter(([id]) => only?.includes(id) ?? true).map(([id, row]) => [id, { ...row }]));
    yield delay();
    const { epoch } = database;
    const first = read();
    yield delay();
    const readAt = broken.removesSinceCommit ? committedBy : world.time;
    for (let rows = first; ; ) {
      const waitedMs = broken.waitsByWallClock ? wallMs() - committedByWall : world.time - readAt;
      const stale = (row: Row): boolean => row.renewedAt < world.time + databaseAhead - row.leaseMs - leaseMarginMs;
      const behind = [...rows].filter(([, row]) => row.acked < epoch && !(broken.staleIgnored && stale(row)));
      const longest = ({ leaseMs }: Row): number => (broken.waitsOwnLease ? shortestMs : leaseMs) + leaseMarginMs;
      const over = behind.every(([, row]) => waitedMs >= longest(row));
      const dead = (broken.staleByDatabaseClock ? rows.size > 0 : over) ? behind : [];
      if (dead.length > 0) yield delay();
      for (const [id, { incarnation }] of dead) {
        const row = database.rows.get(id);
        if (!row || row.locked || row.incarnation !== incarnation) continue;
        const waitedFor = broken.removesRenewed || first.get(id)?.renewal === row.renewal;
        if (broken.staleByDatabaseClock ? stale(row) : waitedFor) database.rows.delete(id);
      }
      if (over) return;
      yield 5 + delay() / 4;
      rows = read();
      yield delay() / 4;
    }
  }

  for (let reviser = 0; reviser < 2; reviser++) world.spawn(revocations());
  world.spawn(
    (function* pauses() {
      for (;;) {
        yield random() * 3_000;
        replicas[Math.floor(random() * replicas.length)]?.stop(random() * 2_500);
      }
    })(),
  );
  world.spawn(
    (function* suspensions() {
      // Late, like the steps of the database's clock and for the same reason.
      yield 12_000;
      for (;;) {
        yield random() * 2_000;
        // Some are too short for the clocks to show.
        replicas[Math.floor(random() * replicas.length)]?.suspend(random() < 0.5 ? random() * 300 : random() * 2_800);
      }
    })(),
  );
  world.spawn(
    (function* cutsAndSteps() {
      const steps = [-3_600_000, -10_000, -800, 800, 10_000, 3_600_000];
      const some = (): number => steps[Math.floor(random() * steps.length)] ?? 0;
      for (;;) {
        yield random() * 3_000;
        // A replica that is cut off keeps its lease while clocks are set.
        const replica = replicas[Math.floor(random() * replicas.length)];
        if (random() < 0.5) replica?.cut(random() * 2_500);
        yield random() * 100;
        if (random() < 0.15) replica?.step(some());
        if (random() < 0.3) revokerAhead += some();
        // A step forward makes replicas read the database for ten minutes: it comes late, so a lease can break first.
        if (world.time > 12_000 && random() < 0.3) databaseAhead += some();
      }
    })(),
  );
  world.run(20_000);
  renewing = false;
  return violations;
}

const runs = 300;
/** A broken variant ends at its first violation. */
const brokenRuns = 1_000;
const firstViolation = (broken?: Broken): string | undefined => {
  for (let seed = 1; seed <= (broken ? brokenRuns : runs); seed++) {
    const [violation] = simulate(seed, broken);
    if (violation) return violation;
  }
  return undefined;
};

describe("the lease protocol, in a model", () => {
  it("keeps the promise although messages are delayed, processes pause and changes are forgotten", () => {
    expect(firstViolation()).toBeUndefined();
  });

  it.each<[string, Broken]>([
    ["LP-1 no wait", { noWait: true }],
    ["LP-2 a lease that starts when the answer arrives", { leaseFromAnswer: true }],
    ["LP-3 a lease extended before the drop", { extendBeforeDrop: true }],
    ["LP-4 the cache read before the lease is looked at", { cacheBeforeLease: true }],
    ["LP-5 an epoch acknowledged in the statement that read it", { acknowledgeUnseen: true }],
    ["LP-6 an epoch that is visible before its change", { epochBeforeCommit: true }],
    ["LP-7 replicas listed before the commit", { replicasBeforeCommit: true }],
    ["LP-8 a lease before the registration is committed", { leaseBeforeRegistration: true }],
    ["LP-9 renewals that do not write, and clean-up", { readOnlyRenewal: true }],
    ["LP-10 a repeat that returns at once", { repeatReturnsAtOnce: true }],
    ["LP-14 fills that are stored unchecked", { fillsUnchecked: true }],
    ["fills that ignore what has been forgotten", { fillsIgnoreFloor: true }],
    ["acknowledging before the drop", { seenRaisedBeforeDrop: true }],
    ["a sync that acknowledges more than was read", { syncAcknowledgesNewest: true }],
    ["a sync that extends the lease", { syncExtends: true }],
    ["S4 registrations removed because they look stale by the database's clock", { staleByDatabaseClock: true }],
    ["S4 registrations ignored because they look stale by the database's clock", { staleIgnored: true }],
    ["S4 a revoker that waits by a clock that can be set", { waitsByWallClock: true }],
    ["S4 a revoker that assumes every lease to be as long as its own", { waitsOwnLease: true }],
    ["S4 a registration removed that was renewed meanwhile", { removesRenewed: true }],
    [
      "S4 a registration removed that was waited for since the commit, not since it was read",
      { removesSinceCommit: true },
    ],
    ["S4 a lease by a clock that can be set", { leaseByWallClock: true }],
    ["S4 a lease that looks at the clocks only when the answer arrives", { offsetFromAnswer: true }],
  ])("breaks it with %s", (_name, broken) => {
    expect(firstViolation(broken)).toBeDefined();
  });
});
