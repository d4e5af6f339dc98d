import { setTimeout as sleep } from "node:timers/promises";
import { createMetricsServer } from "../telemetry/metrics-server.js";
import { serveConsole } from "./console.js";
import { serveIntegrations } from "./integrations.js";
import { createHousekeeping } from "./jobs.js";
import type { Parts } from "./parts.js";
import { type PortAddresses, Ports } from "./ports.js";

/** The addresses of all ports, `host:port`. */
export interface Addresses extends PortAddresses {
  readonly metrics: string;
}

/** A running part, and the function that stops it. */
export interface Started<T> {
  readonly value: T;
  /** Stops everything in reverse. Resolves when all of it has stopped; a second call waits for the first. */
  stop(): Promise<void>;
}

/**
 * Starts everything that runs while the server does, in this order. It stops in reverse: ports first, so that the other
 * parts run until the last call has ended.
 */
export function startParts(parts: Parts): Promise<Started<{ readonly addresses: Addresses; readonly ports: Ports }>> {
  const { config, openfga, watch, revocation, refusals, usage, metrics } = parts;
  const integrations = serveIntegrations(parts);
  const { signingKeys, leakNotifier } = integrations;
  const console = serveConsole(parts);
  const housekeeping = createHousekeeping(parts, signingKeys, console);
  const ports = new Ports(parts, integrations, console);
  // Waits for a job that has begun, but not for a statement that takes minutes: that one ends with its connection.
  const withinGrace = (ending: Promise<unknown>) =>
    Promise.race([ending, sleep(config.graceMs, undefined, { ref: false })]);

  return startInOrder(async (onStop) => {
    await openfga.connection.start();
    onStop(() => openfga.close());

    await watch.start();
    onStop(() => withinGrace(watch.stop()));

    const metricsServer = await createMetricsServer(config.metrics, metrics.registry);
    onStop(() => metricsServer.close());

    await signingKeys?.start();

    await startRevocation(parts);
    onStop(() => revocation.stop());

    // These stop after the ports, and start last: a start that fails deletes nothing and ends no token.
    onStop(() => withinGrace(Promise.all([housekeeping.stop(), leakNotifier?.stop(), refusals.stop()])));
    onStop(() => usage.stop());

    const addresses = await ports.open();
    onStop(() => ports.drain(config.graceMs));

    housekeeping.start();
    leakNotifier?.start();
    usage.start();
    return { addresses: { ...addresses, metrics: metricsServer.address }, ports };
  });
}

/**
 * Runs `start`, which passes to `onStop` the function that stops each part that it has started. These functions must
 * not throw. When `start` fails, stops what has started and rejects with the error: a failed start leaves nothing
 * behind.
 */
export async function startInOrder<T>(
  start: (onStop: (stop: () => unknown) => void) => Promise<T>,
): Promise<Started<T>> {
  const stops: (() => unknown)[] = [];
  let stopping: Promise<void> | undefined;
  const stopAll = async (): Promise<void> => {
    for (let next = stops.pop(); next; next = stops.pop()) await next();
  };
  const stop = (): Promise<void> => {
    stopping ??= stopAll();
    return stopping;
  };
  try {
    return { value: await start((each) => stops.push(each)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Registers this replica, so that each change waits for it. */
async function startRevocation({ config, revocation, log }: Parts): Promise<void> {
  await revocation.start();
  if (config.tokenCache.leaseMs > 0 && !revocation.notified()) {
    log.warn(
      "no notifications arrive from the database, so a change takes until the next renewal; point database.listen_url at PostgreSQL itself, not at a pooler",
    );
  }
}
