import { actorOf, type ManagingCaller } from "../callers/caller.js";
import { type AuditEvent, type AuditFacts, newAuditEvent } from "../domain/audit-event.js";
import type { Clock } from "../domain/clock.js";
import type { AuditStore } from "./audit-store.js";
import { whoAndWhence } from "./change-event.js";

export interface RefusalRecorderOptions {
  readonly store: Pick<AuditStore, "append">;
  readonly clock: Clock;
  /** Called with the error when refusals could not be recorded. */
  readonly onFailure: (error: unknown) => void;
  /** How long refusals are counted together, milliseconds. Default a minute. */
  readonly windowMs?: number;
}

/**
 * Limits that keep refused calls from filling the trail. So many refusals a minute get their own event, for each caller
 * and for all unauthenticated callers ("strangers") together. The others are counted, and one event at the end of the
 * minute records their number.
 */
export const refusalLimits = {
  ofCaller: 20,
  ofStrangers: 60,
  /** The most callers that are counted separately; further ones are counted with the strangers. */
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
  /** Windows by actor; the key of the strangers is empty. */
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

  /** Ends all windows and records their counts. */
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

  /** Writes with one transaction at a time: lookups must not wait for a connection during a burst of refused calls. */
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
