import type { Metric, Registry } from "prom-client";

/** The calls of one method that ended with one code. */
interface Series {
  /** How many calls took at most the bound at the same position and longer than the one before. */
  readonly counts: number[];
  count: number;
  sum: number;
}

interface Sample {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/**
 * A histogram of the durations of calls by method and code. Its own class, since prom-client joins and hashes the
 * labels at each observation, which takes a tenth of a Check.
 */
export class CallDurations {
  readonly name = "rpc_server_call_duration_seconds";
  readonly #bounds: readonly number[];
  readonly #series = new Map<string, Map<string, Series>>();

  /** `bounds`: upper bounds of the buckets in ascending order, seconds. */
  constructor(bounds: readonly number[], registers: readonly Registry[]) {
    this.#bounds = bounds;
    // A registry reads only the name and `get` of a metric.
    for (const registry of registers) registry.registerMetric(this as unknown as Metric);
  }

  /** Counts a call. Both labels must have few values: each pair is remembered. */
  observe(method: string, code: string, seconds: number): void {
    const series = this.#series.get(method)?.get(code) ?? this.#begin(method, code);
    series.count++;
    series.sum += seconds;
    let bucket = 0;
    while (bucket < this.#bounds.length && seconds > (this.#bounds[bucket] as number)) bucket++;
    // Longer calls are only in `count`, the bucket without a bound.
    if (bucket < this.#bounds.length) series.counts[bucket] = (series.counts[bucket] as number) + 1;
  }

  /** Called by the registry at each scrape. */
  async get(): Promise<object> {
    const values: Sample[] = [];
    for (const [method, byCode] of this.#series) {
      for (const [code, { counts, count, sum }] of byCode) {
        const labels = { rpc_method: method, rpc_response_status_code: code };
        const sample = (suffix: string, value: number, bound?: string | number): void =>
          void values.push({
            metricName: `${this.name}_${suffix}`,
            labels: bound === undefined ? labels : { le: bound, ...labels },
            value,
          });
        let below = 0;
        for (const [bucket, bound] of this.#bounds.entries()) {
          below += counts[bucket] ?? 0;
          sample("bucket", below, bound);
        }
        sample("bucket", count, "+Inf");
        sample("sum", sum);
        sample("count", count);
      }
    }
    return { name: this.name, help: "Duration of calls to the API", type: "histogram", values, aggregator: "sum" };
  }

  #begin(method: string, code: string): Series {
    const series: Series = { counts: this.#bounds.map(() => 0), count: 0, sum: 0 };
    let byCode = this.#series.get(method);
    if (!byCode) {
      byCode = new Map();
      this.#series.set(method, byCode);
    }
    byCode.set(code, series);
    return series;
  }
}
