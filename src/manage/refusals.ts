import type { ManagingCaller } from "../access/caller.js";
import { newAuditEvent } from "../audit/event.js";
import type { Clock } from "../check/clock.js";
import type { AuditStore } from "../store/audit-store.js";
import { whoAndWhence } from "./audit.js";

export interface RefusalRecorderOptions {
  readonly store: Pick<AuditStore, "append">;
  readonly clock: Clock;
  /** Told of what could not be recorded, or was not because there were too many. */
  readonly onFailure: (error: unknown) => void;
}

/** Strangers must not be able to fill the trail: of calls without a caller so many a minute are recorded. */
const strangersPerMinute = 60;

/** Records refused calls of the management plane, off the request path. */
export class RefusalRecorder {
  readonly #options: RefusalRecorderOptions;
  #minute = 0;
  #strangers = 0;

  constructor(options: RefusalRecorderOptions) {
    this.#options = options;
  }

  record(reason: string, caller: ManagingCaller | undefined, method: string, from: string | undefined): void {
    const { store, clock, onFailure } = this.#options;
    const time = clock.now();
    if (!caller && !this.#admitsStranger(time)) return;
    const event = newAuditEvent({
      ...(caller ? whoAndWhence(caller) : { actor: "unknown", clientIp: from }),
      time,
      action: "access.refused",
      outcome: "refused",
      details: { method, reason },
    });
    void store.append(event).catch(onFailure);
  }

  #admitsStranger(time: Date): boolean {
    const minute = Math.floor(time.getTime() / 60_000);
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#strangers = 0;
    }
    return ++this.#strangers <= strangersPerMinute;
  }
}
