import { actorOf, type ManagingCaller } from "../callers/caller.js";
import { type AuditEvent, type AuditFacts, newAuditEvent } from "../domain/audit-event.js";
import type { Clock } from "../domain/clock.js";
import type { AuditStore } from "./audit-store.js";
import { whoAndWhence } from "./change-event.js";

export interface RefusalRecorderOptions {
  readonly store: Pick<AuditStore, "append">;
  readonly clock: Clock;
  /** Called with what could not be recorded. */
  readonly onFailure: (error: unknown) => void;
  /** How long refusals are counted together, milliseconds. Default a minute. */
  readonly windowMs?: number;
}

/**
 * Nobody must be able to fill the trail: of each caller, and of all strangers together, so many refusals a minute are
 * events of their own. The others are counted, and one event at the end of the minute tells how many there were.
 */
export const refusalLimits = {
  ofCaller: 20,
  ofStrangers: 60,
  /** Callers that are counted apart; those beyond are counted with the strangers. */
  callers: 100,
} as const;

interface Window {
  readonly timer: NodeJS.Timeout;
  readonly who: Pick<AuditFacts, "actor" | "clientIp">;
  recorded: number;
  more: number;
}

/** Records refused calls of the management plane, off the request path. */
export class RefusalRecorder {
  readonly #options: RefusalRecorderOptions;
  /** By actor; strangers have the empty one. */
  readonly #windows = new Map<string, Window>();
  #waiting: AuditEvent[] = [];
  #writing: Promise<void> | undefined;

  constructor(options: RefusalRecorderOptions) {
    this.#options = options;
  }

  record(reason: string, caller: ManagingCaller | undefined, method: string, from: string | undefined): void {
    const who = caller ? whoAndWhence(caller) : { actor: "unknown", clientIp: from };
    const actor = caller ? actorOf(caller) : "";
    const known = this.#windows.has(actor) || this.#windows.size < refusalLimits.callers;
    const key = known ? actor : "";
    const window = this.#windows.get(key) ?? this.#open(key, who);
    if (window.recorded >= (key === "" ? refusalLimits.ofStrangers : refusalLimits.ofCaller)) window.more++;
    else {
      window.recorded++;
      void this.#append({ ...who, details: { method, reason } });
    }
  }

  /** Tells the counts that are not told yet. */
  async stop(): Promise<void> {
    await Promise.all([...this.#windows.keys()].map((key) => this.#close(key)));
  }

  #open(key: string, { actor }: Window["who"]): Window {
    const timer = setTimeout(() => void this.#close(key), this.#options.windowMs ?? 60_000).unref();
    const who = { actor: key === "" ? "unknown" : actor };
    const window = { timer, who, recorded: 0, more: 0 };
    this.#windows.set(key, window);
    return window;
  }

  async #close(key: string): Promise<void> {
    const window = this.#windows.get(key);
    this.#windows.delete(key);
    clearTimeout(window?.timer);
    if (window && window.more > 0) await this.#append({ ...window.who, details: { more: String(window.more) } });
  }

  #append(facts: Pick<AuditFacts, "actor" | "clientIp" | "details">): Promise<void> {
    const time = this.#options.clock.now();
    this.#waiting.push(newAuditEvent({ ...facts, time, action: "access.refused", outcome: "refused" }));
    this.#writing ??= this.#write();
    return this.#writing;
  }

  /** By one transaction at a time: a burst of refused calls must not keep look-ups waiting for a connection. */
  async #write(): Promise<void> {
    const { store, onFailure } = this.#options;
    while (this.#waiting.length > 0) {
      const events = this.#waiting;
      this.#waiting = [];
      await store.append(...events).catch(onFailure);
    }
    this.#writing = undefined;
  }
}
