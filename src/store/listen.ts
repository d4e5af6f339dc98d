import type postgres from "postgres";
import type { Listening } from "./revocation-store.js";

/** Of the driver's options: `onnotify` is not declared (postgres 3.4.9, connection.js NotificationResponse). */
export interface ListenHooks {
  readonly onnotify: (channel: string) => void;
  readonly onclose: () => void;
  readonly max_lifetime: null;
}

export interface ListenParts {
  /** One connection of its own. */
  readonly open: (hooks: ListenHooks) => postgres.Sql;
  /** Sends a notification by another connection. */
  readonly notify: () => Promise<unknown>;
}

const heartbeatMs = 10_000;
const reconnectMs = 500;
const hearsWithinMs = 1_000;

/**
 * LISTEN on a connection that is opened again whenever it is lost. The driver's own `listen` gives up when a reconnection fails. Rejects when the first
 * attempt fails. Through a pooler in transaction mode LISTEN succeeds and nothing is ever heard, so one notification to ourselves tells.
 */
export async function listenTo(
  channel: string,
  onNotification: () => void,
  { open, notify }: ListenParts,
): Promise<Listening> {
  let stopped = false;
  let heard: (() => void) | undefined;
  let retry: NodeJS.Timeout | undefined;
  const again = (): void => {
    if (stopped || retry) return;
    retry = setTimeout(() => {
      retry = undefined;
      listen().then(onNotification, again);
    }, reconnectMs);
  };
  const connection = open({
    onnotify(name) {
      if (name !== channel) return;
      heard?.();
      onNotification();
    },
    onclose: again,
    max_lifetime: null,
  });
  const listen = () => connection.unsafe(`listen ${channel}`);

  await listen();
  // On a half-open connection only a question that is not answered tells.
  const heartbeat = setInterval(() => void connection.unsafe("select 1").catch(again), heartbeatMs).unref();
  const hinted = await new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), hearsWithinMs);
    heard = () => {
      clearTimeout(timer);
      resolve(true);
    };
    notify().catch(() => undefined);
  });
  heard = undefined;
  return {
    hinted,
    async stop() {
      stopped = true;
      clearTimeout(retry);
      clearInterval(heartbeat);
      await connection.end({ timeout: 1 });
    },
  };
}
