/** The default number of lines of one kind in a minute. */
const defaultPerMinute = 60;

interface Minute {
  since: number;
  written: number;
  omitted: number;
}

/** Limits the log lines of one kind in a minute, so that no caller can fill a disk. Counts the lines that it omits. */
export class LineBudget {
  readonly #monotonicMs: () => number;
  readonly #minutes = new Map<string, Minute>();

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /**
   * Returns how many lines were omitted since the last one, or undefined when this line must be omitted.
   *
   * @param kind must be one of a small set: it is remembered.
   * @param perMinute how many lines of this kind a minute may have. Default 60.
   */
  admit(kind: string, perMinute = defaultPerMinute): number | undefined {
    const now = this.#monotonicMs();
    let minute = this.#minutes.get(kind);
    if (!minute || now - minute.since >= 60_000) {
      minute = { since: now, written: 0, omitted: minute?.omitted ?? 0 };
      this.#minutes.set(kind, minute);
    }
    if (minute.written >= perMinute) {
      minute.omitted++;
      return undefined;
    }
    minute.written++;
    const { omitted } = minute;
    minute.omitted = 0;
    return omitted;
  }
}
