import type { Listening } from "../revocation/revocation-store.js";
import type { Pool } from "./pool.js";

/** Of the driver's options: `onnotify` is not declared (postgres 3.4.9, connection.js NotificationResponse). */
export interface ListenHooks {
  readonly onnotify: (channel: string) => void;
  readonly onclose: () => void;
  readonly max_lifetime: null;
}

export interface ListenParts {
  /** One connection of its own. */
  readonly open: (hooks: ListenHooks) => Pool;
  /** Sends a notification by another connection. */
  readonly notify: () => Promise<unknown>;
}

const heartbeatMs = 10_000;
const reconnectMs = 500;
const hearsWithinMs = 1_000;

/**
 * LISTEN on a connection that is opened again whenever it is lost, also when it cannot be had at first. The driver's own `listen` gives up when a
 * reconnection fails. Resolves when the first attempt was heard, has failed, or has been silent for a second: through a pooler in transaction mode
 * LISTEN succeeds and nothing is ever heard, so one notification to ourselves tells.
 */
export async function listenTo(
  channel: string,
  onNotification: () => void,
  { open, notify }: ListenParts,
): Promise<Listening> {
  let stopped = false;
  let hinted = false;
  let retry: NodeJS.Timeout | undefined;
  let settle: (() => void) | undefined;
  const settled = new Promise<void>((resolve) => {
    settle = resolve;
  });
  const pool = open({
    onnotify(name) {
      if (name !== channel) return;
      hinted = true;
      settle?.();
      onNotification();
    },
    onclose: again,
    max_lifetime: null,
  });
  async function listen(): Promise<void> {
    await pool.sql.unsafe(`listen ${channel}`);
    // What was sent before is missed; whether anything is heard from here on shows by this one, if it can be sent.
    onNotification();
    await notify().catch(() => undefined);
  }
  function again(): void {
    hinted = false;
    if (stopped || retry) return;
    retry = setTimeout(() => {
      retry = undefined;
      listen().catch(again);
    }, reconnectMs);
  }

  // On a half-open connection only a question that is not answered tells.
  const heartbeat = setInterval(() => void pool.sql.unsafe("select 1").catch(again), heartbeatMs).unref();
  const patience = setTimeout(() => settle?.(), hearsWithinMs);
  listen().catch(() => {
    again();
    settle?.();
  });
  await settled;
  clearTimeout(patience);
  return {
    hinted: () => hinted,
    async stop() {
      stopped = true;
      clearTimeout(retry);
      clearInterval(heartbeat);
      await pool.end(1);
    },
  };
}
