import { readdirSync } from "node:fs";
import type postgres from "postgres";
import type { Server } from "../../test/kit/server.js";
import { median } from "../lib/measurement.js";
import { heldBytes } from "../lib/patwarden.js";

/** Values that must not grow while the load stays the same. */
interface Sample {
  /** Memory of each replica, once garbage has been collected, bytes. */
  readonly heap: readonly number[];
  readonly descriptors: readonly number[];
  /** Connections of all replicas to PostgreSQL. */
  readonly connections: number;
}

/** Growth that does not count: compiled code, or connections that are open for a moment. */
const slack = { heapShare: 0.1, heapBytes: 4 * 2 ** 20, descriptors: 8, connections: 6 };
const fewestSamples = 6;

/** Samples replicas that are not restarted meanwhile. */
export class Watch {
  readonly #samples: Sample[] = [];
  readonly #servers: readonly Server[];
  readonly #sql: postgres.Sql;

  /** `sql`: a connection to their database. */
  constructor(servers: readonly Server[], sql: postgres.Sql) {
    this.#servers = servers;
    this.#sql = sql;
  }

  async look(): Promise<void> {
    const [row] = await this.#sql<{ count: number }[]>`
      select count(*)::int as count from pg_stat_activity
      where datname = current_database() and application_name = 'patwarden'`;
    this.#samples.push({
      heap: await Promise.all(this.#servers.map(heldBytes)),
      descriptors: this.#servers.map(({ child }) => readdirSync(`/proc/${child.pid}/fd`).length),
      connections: row?.count ?? 0,
    });
  }

  /** Compares the first third of the samples with the last: returns what was measured, and what has grown. */
  verdict(): { readonly seen: readonly string[]; readonly grown: readonly string[] } {
    const third = Math.floor(this.#samples.length / 3);
    const seen: string[] = [];
    const grown: string[] = [];
    if (this.#samples.length < fewestSamples) grown.push(`only ${this.#samples.length} samples: too short a run`);
    const compare = (what: string, unit: number, of: (sample: Sample) => number, limit: (before: number) => number) => {
      const before = median(this.#samples.slice(0, third).map(of));
      const after = median(this.#samples.slice(-third).map(of));
      const line = `${what}: ${(before / unit).toFixed(1)} in the first third, ${(after / unit).toFixed(1)} in the last`;
      seen.push(line);
      if (!(after <= limit(before))) grown.push(line);
    };
    for (const replica of this.#servers.keys()) {
      const heap = (sample: Sample): number => sample.heap[replica] ?? Number.NaN;
      const descriptors = (sample: Sample): number => sample.descriptors[replica] ?? Number.NaN;
      const heapLimit = (before: number): number => before * (1 + slack.heapShare) + slack.heapBytes;
      compare(`heap of replica ${replica}, MiB`, 2 ** 20, heap, heapLimit);
      compare(`file descriptors of replica ${replica}`, 1, descriptors, (before) => before + slack.descriptors);
    }
    compare(
      "connections to PostgreSQL",
      1,
      ({ connections }) => connections,
      (before) => before + slack.connections,
    );
    return { seen, grown };
  }
}
