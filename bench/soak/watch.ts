import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type postgres from "postgres";
import type { Server } from "../../test/kit/server.js";
import { median } from "../lib/measurement.js";
import { heldBytes, readMetrics } from "../lib/patwarden.js";
import type { Surroundings } from "./replicas.js";

/** Values that must not grow while the load stays the same. */
interface Sample {
  /** Memory of each replica, once garbage has been collected, bytes. */
  readonly heap: readonly number[];
  /** All memory of each replica, bytes. */
  readonly rss: readonly number[];
  readonly descriptors: readonly number[];
  /** Those of `descriptors` that are sockets. */
  readonly sockets: readonly number[];
  /** Sockets of each replica to OpenFGA, in any state. */
  readonly toOpenFga: readonly number[];
  /** Connections of all replicas to PostgreSQL. */
  readonly connections: number;
}

/** Growth that does not count: compiled code, pages that are kept, or connections that are open for a moment. */
const slack = {
  heap: { share: 0.1, bytes: 4 * 2 ** 20 },
  rss: { share: 0.2, bytes: 16 * 2 ** 20 },
  descriptors: 8,
  toOpenFga: 2,
  connections: 6,
};
const fewestSamples = 6;

/** Samples replicas that are not restarted meanwhile. */
export class Watch {
  readonly #samples: Sample[] = [];
  readonly #servers: readonly Server[];
  readonly #surroundings: readonly Surroundings[];
  readonly #sql: postgres.Sql;
  /** Connections to the gRPC ports that were ended for their age. */
  #aged = 0;

  /** `surroundings`: of each server. `sql`: a connection to their database. */
  constructor(servers: readonly Server[], surroundings: readonly Surroundings[], sql: postgres.Sql) {
    this.#servers = servers;
    this.#surroundings = surroundings;
    this.#sql = sql;
  }

  async look(): Promise<void> {
    const [row] = await this.#sql<{ count: number }[]>`
      select count(*)::int as count from pg_stat_activity
      where datname = current_database() and application_name = 'patwarden'`;
    const heap = await Promise.all(this.#servers.map(heldBytes));
    const open = this.#servers.map(({ child }) => descriptorsOf(child.pid));
    const isSocket = (target: string): boolean => target.startsWith("socket:");
    this.#samples.push({
      heap,
      rss: this.#servers.map(({ child }) => residentBytes(child.pid)),
      descriptors: open.map(({ length }) => length),
      sockets: open.map((targets) => targets.filter(isSocket).length),
      toOpenFga: this.#surroundings.map(({ openfga }, replica) => {
        const reached = socketsTo(openfga.port);
        return open[replica]?.filter((target) => reached.has(target)).length ?? Number.NaN;
      }),
      connections: row?.count ?? 0,
    });
    const aged = 'patwarden_connections_closed_total{port="grpc",cause="age"}';
    const counts = await Promise.all(this.#servers.map(async (server) => (await readMetrics(server))(aged) ?? 0));
    this.#aged = counts.reduce((sum, count) => sum + count, 0);
  }

  /** Compares the first third of the samples with the last: returns what was measured, and what has grown. */
  verdict(): { readonly seen: readonly string[]; readonly grown: readonly string[] } {
    const third = Math.floor(this.#samples.length / 3);
    const seen: string[] = [`${this.#aged} connections were ended for their age`];
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
      const ofReplica = (name: "heap" | "rss" | "descriptors" | "sockets" | "toOpenFga") => (sample: Sample) =>
        sample[name][replica] ?? Number.NaN;
      for (const name of ["heap", "rss"] as const) {
        const { share, bytes } = slack[name];
        compare(
          `${name} of replica ${replica}, MiB`,
          2 ** 20,
          ofReplica(name),
          (before) => before * (1 + share) + bytes,
        );
      }
      for (const name of ["descriptors", "sockets"] as const)
        compare(`${name} of replica ${replica}`, 1, ofReplica(name), (before) => before + slack.descriptors);
      compare(
        `sockets of replica ${replica} to OpenFGA`,
        1,
        ofReplica("toOpenFga"),
        (before) => before + slack.toOpenFga,
      );
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

/** Returns what each open descriptor stands for, as `socket:[INODE]`. */
function descriptorsOf(pid: number | undefined): readonly string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).flatMap((name) => {
    try {
      return [readlinkSync(`${folder}/${name}`)];
    } catch {
      return []; // closed meanwhile
    }
  });
}

/** Returns the sockets of this machine to a port of IPv4, as `socket:[INODE]`. */
function socketsTo(port: number): ReadonlySet<string> {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const rows = readFileSync("/proc/net/tcp", "utf8").split("\n");
  const columns = rows.map((row) => row.trim().split(/\s+/));
  return new Set(columns.filter(([, , remote]) => remote?.endsWith(`:${hex}`)).map((row) => `socket:[${row[9]}]`));
}

function residentBytes(pid: number | undefined): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kib) * 1024;
}
