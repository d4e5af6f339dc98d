import { cpuRatio, type Goal, isMet, type Rounds } from "./goals.js";
import { type Facts, type Measurement, median, type Program, type StrangerCost } from "./measurement.js";
import { directOf, type Row, rows } from "./scenarios.js";

export interface Run {
  /** The version that was measured. */
  readonly label: string;
  readonly date: string;
  /** Machine and versions, one line. */
  readonly conditions: string;
  readonly rounds: Rounds;
  readonly facts: Facts;
  readonly goals: readonly Goal[];
  /** Results that could not be measured as intended, and why. */
  readonly notes: readonly string[];
}

/** Returns the run as two Markdown tables: the measurements, and which goals are met. */
export function markdown(run: Run): string {
  const parts = [
    table(
      [
        "what",
        "decisions/s",
        "p50 ms",
        "p99 ms",
        "alone p50",
        "alone p99",
        "alone µs",
        "server µs",
        "OpenFGA µs",
        "PostgreSQL µs",
      ].concat(["total µs (range)", "× direct", "load µs", "other %", "wrong"]),
      Object.values(rows).flatMap((row: Row) => {
        const measured = run.rounds.get(row.name);
        return measured ? [lineOf(row, measured, run.rounds)] : [];
      }),
    ),
    ...(run.goals.length > 0 ? [goalTable(run.goals)] : []),
    ...(run.facts.strangers.length > 0 ? [strangerTable(run.facts.strangers)] : []),
    factLines(run.facts)
      .concat(run.notes)
      .map((line) => `- ${line}`)
      .join("\n"),
    `${run.conditions};\n${run.date}.`,
  ];
  return parts.join("\n\n");
}

function goalTable(goals: readonly Goal[]): string {
  return table(
    ["goal", "measured", "at most", "met"],
    goals.map((goal) => [
      goal.what,
      amount(goal, goal.value),
      amount(goal, goal.limit),
      { true: "yes", false: "**no**", undefined: "–" }[String(isMet(goal))] ?? "",
    ]),
  );
}

function strangerTable(costs: readonly StrangerCost[]): string {
  return table(
    ["what anybody may send", "server µs", "× no-op", "at most", "met", "bytes back", "calls", "wrong"],
    costs.map(({ name, calls, cpuUs, timesNoop, limit, bytes, wrong }) => [
      name,
      cpuUs.toFixed(0),
      timesNoop.toFixed(2),
      limit === undefined ? "–" : `${limit} ×`,
      limit === undefined ? "–" : timesNoop <= limit ? "yes" : "**no**",
      bytes.toFixed(0),
      String(calls),
      String(wrong),
    ]),
  );
}

function lineOf(row: Row, measured: readonly Measurement[], rounds: Rounds): readonly string[] {
  const of = (figure: (measurement: Measurement) => number | undefined, digits: number): string => {
    const values = measured.flatMap((measurement) => figure(measurement) ?? []);
    return values.length > 0 ? median(values).toFixed(digits) : "–";
  };
  const program = (name: Program): string => of(({ cpuUs }) => cpuUs[name], 1);
  const totals = measured.map(({ totalCpuUs }) => totalCpuUs);
  return [
    row.name,
    of(({ decisionsPerSecond }) => decisionsPerSecond, 0),
    of(({ p50Ms }) => p50Ms, 2),
    of(({ p99Ms }) => p99Ms, 2),
    of(({ alone }) => alone?.p50Ms, 2),
    of(({ alone }) => alone?.p99Ms, 2),
    of(({ alone }) => alone?.totalCpuUs, 1),
    program("server"),
    program("openfga"),
    program("postgres"),
    `${median(totals).toFixed(1)} (${Math.min(...totals).toFixed(1)}–${Math.max(...totals).toFixed(1)})`,
    cpuRatio(rounds, row, directOf(row))?.toFixed(2) ?? "–",
    of(({ generatorCpuUs }) => generatorCpuUs, 1),
    of(({ otherPercent }) => otherPercent, 0),
    String(measured.reduce((sum, { faults }) => sum + faults, 0)),
  ];
}

function factLines({ revocation, memory, embeddedStartMs, helpMs }: Facts): string[] {
  const ms = (value: number): string => `${value.toFixed(1)} ms`;
  return [
    ...(revocation
      ? [
          `RevokeToken with three replicas, ${revocation.count} times: p50 ${ms(revocation.p50Ms)}, p99 ${ms(revocation.p99Ms)}; a commit of one row: p50 ${ms(revocation.commitP50Ms)}, p99 ${ms(revocation.commitP99Ms)}`,
          `CPU time of one revocation in the server that does it: ${ms(revocation.cpuMs)}`,
        ]
      : []),
    ...(memory
      ? [
          `${memory.tokens} more cached token records: ${memory.bytesPerToken.toFixed(0)} bytes each on the heap; by the server's own count ${memory.countedBytesPerToken?.toFixed(0) ?? "unknown"}`,
        ]
      : []),
    ...(embeddedStartMs.length > 0
      ? [`embedded starts: ${embeddedStartMs.map((value) => `${(value / 1000).toFixed(2)} s`).join(", ")}`]
      : []),
    ...(helpMs.length > 0 ? [`patwarden --help: ${helpMs.map((value) => value.toFixed(0)).join(", ")} ms`] : []),
  ];
}

function amount({ unit }: Goal, value: number | undefined): string {
  if (value === undefined) return "–";
  switch (unit) {
    case "times":
      return `${value.toFixed(2)} ×`;
    case "us":
      return `${value.toFixed(1)} µs`;
    case "ms":
      return `${value.toFixed(2)} ms`;
    case "s":
      return `${value.toFixed(2)} s`;
    case "bytes":
      return `${value.toFixed(0)} bytes`;
  }
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const rule = head.map((_, column) => (column === 0 ? "---" : "---:"));
  return [head, rule, ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
