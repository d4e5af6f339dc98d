import { randomBytes } from "node:crypto";
import type { Document } from "../../config/document.js";
import { defaultBrand } from "../../config/tokens.js";
import type { HostPort } from "../../domain/host-port.js";
import type { Exit } from "../../openfga/admin/exit.js";
import type { Logger } from "../../telemetry/log.js";
import { type Started, startInOrder } from "../lifecycle.js";
import { startServer } from "../server.js";
import { consoleClient, type DevAddresses, devAudience, devConfig, originOf, settingsClient } from "./config.js";
import { type EmbeddedOptions, startEmbedded } from "./embedded.js";
import { makeExamples } from "./examples/examples.js";
import { exampleRelationships } from "./examples/relationships.js";
import { startIssuer } from "./issuer/issuer.js";
import { listen, withPort } from "./listen.js";
import { sampleApi } from "./sample/sample-api.js";
import { settingsPage } from "./sample/settings-page.js";
import { type DevSecrets, freshServiceKey } from "./state-directory.js";

export interface DevOptions extends Omit<EmbeddedOptions, "onOpenFgaProblem"> {
  /** Loopback addresses; port 0 picks one. */
  readonly addresses: DevAddresses;
  readonly secrets: DevSecrets;
  /** `catalog` of the configuration. Undefined: pages show the names of the model. */
  readonly catalog: Document | undefined;
  /** Whether to create tokens with a past, unless there are tokens. Needs the model and tuples of examples/direct. */
  readonly examples: boolean;
  readonly log: Logger;
}

/** The content of `--ready-file`: everything that a program needs to use the server. */
export interface Ready {
  readonly grpc: string;
  readonly http: string;
  readonly public_http: string;
  readonly console: string;
  /** `iss` of the embedded OpenID provider. */
  readonly issuer: string;
  /** The sample of an API that is protected by Patwarden. */
  readonly sample: string;
  readonly service_key: string;
  readonly openfga: {
    readonly grpc: string;
    readonly http: string;
    readonly api_key: string;
    readonly store_id: string;
    readonly model_id: string;
  };
}

export interface RunningDev {
  readonly ready: Ready;
  /** Resolves when OpenFGA ends by itself. */
  readonly openfgaExited: Promise<Exit>;
}

/** Starts the service with an embedded database, OpenFGA and OpenID provider. A failed start leaves nothing behind. */
export function startDev(options: DevOptions): Promise<Started<RunningDev>> {
  const { secrets, catalog, log } = options;
  return startInOrder(async (onStop) => {
    const addresses = await withPorts(options.addresses);
    const embedded = await startEmbedded({
      ...options,
      tuples: options.examples ? [...options.tuples, ...exampleRelationships] : options.tuples,
      onOpenFgaProblem: (problem) => log.warn({ problem }, "OpenFGA"),
    });
    onStop(() => embedded.stop());
    const { database, openfga, storeId, modelId } = embedded;

    const keys = {
      sampleKey: freshServiceKey(defaultBrand),
      consoleSecret: freshSecret(),
      settingsSecret: freshSecret(),
    };
    const issuer = await startIssuer({
      at: addresses.issuer,
      signingKey: secrets.issuerKey,
      audience: devAudience,
      clients: [consoleClient(addresses, keys), settingsClient(addresses, keys)],
    });
    onStop(() => issuer.stop());

    const config = devConfig(addresses, embedded, { ...secrets, ...keys }, catalog);
    if (options.examples) await makeExamples(database, config);
    const running = await startServer({ config, database, log });
    onStop(() => running.stop());

    const sample = await listen(
      addresses.sample,
      settingsPage({
        url: originOf(addresses.sample),
        issuer: issuer.url,
        client: settingsClient(addresses, keys),
        patwarden: `http://${running.publicHttp}`,
      }),
      sampleApi({ patwarden: `http://${running.http}`, serviceKey: keys.sampleKey }),
    );
    onStop(() => sample.stop());

    const ready: Ready = {
      grpc: running.grpc,
      http: `http://${running.http}`,
      public_http: `http://${running.publicHttp}`,
      console: `http://${running.console}`,
      issuer: issuer.url,
      sample: sample.url,
      service_key: secrets.serviceKey,
      openfga: {
        grpc: openfga.grpc,
        http: openfga.http,
        api_key: openfga.apiKey,
        store_id: storeId,
        model_id: modelId,
      },
    };
    return { ready, openfgaExited: openfga.exited };
  });
}

function freshSecret(): string {
  return randomBytes(32).toString("base64url");
}

async function withPorts(addresses: DevAddresses): Promise<DevAddresses> {
  const entries: readonly [string, HostPort][] = Object.entries(addresses);
  const picked = await Promise.all(entries.map(async ([name, address]) => [name, await withPort(address)] as const));
  return { ...addresses, ...Object.fromEntries(picked) };
}
