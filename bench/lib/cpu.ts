import { readdirSync, readFileSync } from "node:fs";

/** Length of a clock tick, fixed in the kernel's interface. */
const tickUs = 10_000;

interface ProcessTimes {
  readonly parent: number;
  readonly ticks: number;
}

/**
 * Returns the CPU time (user and system) of a process and its descendants, ended ones included, microseconds. Linux.
 */
export function cpuOf(pid: number): number {
  const processes = new Map(
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => {
        const times = timesOf(name);
        return times ? [[Number(name), times] as const] : [];
      }),
  );
  const below = (id: number): boolean => {
    const found = processes.get(id);
    return id === pid || (found !== undefined && found.parent > 1 && below(found.parent));
  };
  let ticks = 0;
  for (const [id, times] of processes) if (below(id)) ticks += times.ticks;
  return ticks * tickUs;
}

function timesOf(pid: string): ProcessTimes | undefined {
  try {
    // After the name, which may be any text: state, parent, … and from the 12th on utime, stime, cutime, cstime.
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1")
      .replace(/^.*\) /s, "")
      .split(" ")
      .map(Number);
    const [utime = 0, stime = 0, cutime = 0, cstime = 0] = fields.slice(11, 15);
    return { parent: fields[1] ?? 0, ticks: utime + stime + cutime + cstime };
  } catch {
    return undefined; // it has ended
  }
}

/** Returns the time during which all cores of the machine were busy or taken away by its host, microseconds. */
export function cpuOfMachine(): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = readFileSync("/proc/stat", "latin1")
    .slice("cpu ".length, 200)
    .trim()
    .split(/\s+/)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) * tickUs;
}
