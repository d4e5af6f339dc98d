import { Loop } from "../async/loop.js";
import type { Listening } from "../revocation/revocation-store.js";
import type { Pool } from "./pool.js";

/** Options of the driver; it does not declare `onnotify` (postgres 3.4.9, connection.js NotificationResponse). */
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
 * LISTEN on a connection that is opened again whenever it is lost, also when the first attempt fails. The driver's own
 * `listen` gives up when a reconnection fails. Resolves when the first notification has arrived, the first attempt has
 * failed, or a second has passed: through a pooler in transaction mode LISTEN succeeds and no notification ever
 * arrives, so one notification to ourselves tells.
 */
export async function listenTo(
  channel: string,
  onNotification: () => void,
  { open, notify }: ListenParts,
): Promise<Listening> {
  let notified = false;
  let listening = false;
  let settle: (() => void) | undefined;
  const settled = new Promise<void>((resolve) => {
    settle = resolve;
  });
  const pool = open({
    onnotify(name) {
      if (name !== channel) return;
      notified = true;
      settle?.();
      onNotification();
    },
    onclose: lost,
    max_lifetime: null,
  });
  const loop = new Loop(look, heartbeatMs, { spacingMs: reconnectMs });
  loop.start();
  const giveUp = setTimeout(() => settle?.(), hearsWithinMs);
  await settled;
  clearTimeout(giveUp);
  return {
    notified: () => notified,
    async stop() {
      const stopped = loop.stop();
      await pool.end(1);
      await stopped;
    },
  };

  async function look(): Promise<void> {
    try {
      // On a half-open connection only a question that is not answered tells.
      if (listening) await pool.sql.unsafe("select 1");
      else await listen();
    } catch {
      lost();
      settle?.();
    }
  }

  async function listen(): Promise<void> {
    // Before the statement: the connection may be lost again while it is answered.
    listening = true;
    await pool.sql.unsafe(`listen ${channel}`);
    // What was sent before is missed; whether anything arrives from here on shows by this one, if it can be sent.
    onNotification();
    await notify().catch(() => undefined);
  }

  function lost(): void {
    notified = false;
    listening = false;
    loop.wake();
  }
}
