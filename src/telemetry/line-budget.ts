/** Lines of one kind a minute. An operator sees what goes on from far fewer. */
const linesPerMinute = 60;

interface Minute {
  since: number;
  written: number;
  omitted: number;
}

/** Lets so many log lines of a kind pass in a minute, so that nobody can fill a disk from outside; what is left out is counted. */
export class LineBudget {
  readonly #monotonicMs: () => number;
  readonly #minutes = new Map<string, Minute>();

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** Returns how many lines were left out since the last one, or undefined when this one is to be left out. `kind` must be one of few: it is remembered. */
  admit(kind: string): number | undefined {
    const now = this.#monotonicMs();
    let minute = this.#minutes.get(kind);
    if (!minute || now - minute.since >= 60_000) {
      minute = { since: now, written: 0, omitted: minute?.omitted ?? 0 };
      this.#minutes.set(kind, minute);
    }
    if (minute.written >= linesPerMinute) {
      minute.omitted++;
      return undefined;
    }
    minute.written++;
    const { omitted } = minute;
    minute.omitted = 0;
    return omitted;
  }
}
