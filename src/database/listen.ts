import { Loop } from "../async/loop.js";
import type { Listening } from "../revocation/revocation-store.js";
import type { Pool } from "./pool.js";

/** Callbacks by channel: for each notification with its payload, and with an empty one when some may be missed. */
export type Channels = Readonly<Record<string, (payload: string) => void>>;

/** Options of the driver. Its types do not declare `onnotify` (postgres 3.4.9, connection.js NotificationResponse). */
export interface ListenHooks {
  readonly onnotify: (channel: string, payload: string) => void;
  readonly onclose: () => void;
  readonly max_lifetime: null;
}

export interface ListenParts {
  /** Opens a separate connection. */
  readonly open: (hooks: ListenHooks) => Pool;
  /** Sends a notification to a channel on another connection. */
  readonly notify: (channel: string) => Promise<unknown>;
}

const heartbeatMs = 10_000;
const reconnectMs = 500;
const hearsWithinMs = 1_000;

/**
 * Runs LISTEN on a connection that is opened again whenever it is lost, also when the first attempt fails; the driver's
 * own `listen` gives up when a reconnection fails. Sends a notification to itself, because through a pooler in
 * transaction mode LISTEN succeeds and no notification ever arrives. Resolves when the first notification has arrived,
 * when the first attempt has failed, or after a second.
 */
export async function listenTo(channels: Channels, { open, notify }: ListenParts): Promise<Listening> {
  const names = Object.keys(channels);
  let notified = false;
  let listening = false;
  let settle: (() => void) | undefined;
  const settled = new Promise<void>((resolve) => {
    settle = resolve;
  });
  const pool = open({
    onnotify(name, payload) {
      notified = true;
      settle?.();
      channels[name]?.(payload);
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
      // Only a statement that is not answered reveals a half-open connection.
      if (listening) await pool.sql.unsafe("select 1");
      else await listen();
    } catch {
      lost();
      settle?.();
    }
  }

  async function listen(): Promise<void> {
    // Set before the statement: the connection may be lost again while LISTEN is answered.
    listening = true;
    await pool.sql.unsafe(names.map((name) => `listen ${name}`).join("; "));
    // Notifications from before LISTEN were missed. The one sent now, if possible, shows whether any arrive.
    for (const name of names) channels[name]?.("");
    await notify(names[0] ?? "").catch(() => undefined);
  }

  function lost(): void {
    notified = false;
    listening = false;
    loop.wake();
  }
}
