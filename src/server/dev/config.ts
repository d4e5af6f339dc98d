import { createHash } from "node:crypto";
import type { Config } from "../../config/config.js";
import type { Document } from "../../config/document.js";
import { configFromDocument } from "../../config/load.js";
import { signedOutPath } from "../../console/app-paths.js";
import { callbackPath } from "../../console/provider.js";
import { formatHostPort, type HostPort } from "../../domain/host-port.js";
import type { Embedded } from "./embedded.js";
import type { Client } from "./issuer/client.js";
import { adminRole } from "./issuer/people.js";
import { settingsCallbackPath } from "./sample/settings-page.js";
import type { DevSecrets } from "./state-directory.js";
import { snippetsFor } from "./try-out-lines.js";

export interface DevAddresses {
  readonly grpc: HostPort;
  readonly http: HostPort;
  readonly publicHttp: HostPort;
  readonly console: HostPort;
  /** The embedded OpenID provider. */
  readonly issuer: HostPort;
  /** The sample of an API that is protected by Patwarden. */
  readonly sample: HostPort;
}

const consoleId = "console";

/** `aud` of access tokens that the embedded OpenID provider gives for this API. */
export const devAudience = "https://patwarden.example";

/** Secrets that are new at each start. */
export interface Keys {
  /** Service key of the sample API. */
  readonly sampleKey: string;
  /** The console's secret at the embedded OpenID provider. */
  readonly consoleSecret: string;
  /** The secret of the sample's settings page at the embedded OpenID provider. */
  readonly settingsSecret: string;
}

/** Returns the console as a client of the embedded OpenID provider. */
export function consoleClient({ console }: Pick<DevAddresses, "console">, { consoleSecret }: Keys): Client {
  const url = originOf(console);
  return {
    ...{ id: consoleId, secret: consoleSecret, name: "Patwarden" },
    redirectUris: [`${url}${callbackPath}`],
    signedOutUris: [`${url}${signedOutPath}`],
  };
}

/** Returns the sample's settings page as a client of the embedded OpenID provider. */
export function settingsClient({ sample }: Pick<DevAddresses, "sample">, { settingsSecret }: Keys): Client {
  return {
    ...{ id: "settings", secret: settingsSecret, name: "your product" },
    redirectUris: [`${originOf(sample)}${settingsCallbackPath}`],
    signedOutUris: [],
  };
}

export function originOf(address: HostPort): string {
  return `http://${formatHostPort(address)}`;
}

/**
 * Returns the configuration of `patwarden dev`: the settings that differ from the defaults, written and checked like
 * patwarden.yaml. All integrations are enabled, for the guides of docs/ and the model of examples/direct. No port is 0:
 * addresses become a part of `iss`. Throws for a faulty catalogue.
 */
export function devConfig(
  { grpc, http, publicHttp, console, issuer, sample }: DevAddresses,
  { openfga, storeId, modelId }: Pick<Embedded, "openfga" | "storeId" | "modelId">,
  {
    pepper,
    serviceKey,
    sampleKey,
    consoleSecret,
  }: Pick<DevSecrets, "pepper" | "serviceKey"> & Omit<Keys, "settingsSecret">,
  catalog?: Document,
): Config {
  const url = originOf(http);
  const loaded = configFromDocument({
    log: { level: "warn" },
    grpc: { listen: formatHostPort(grpc) },
    http: { listen: formatHostPort(http) },
    public_http: { listen: formatHostPort(publicHttp), origins: [originOf(sample)] },
    console: {
      listen: formatHostPort(console),
      public_url: originOf(console),
      issuer: originOf(issuer),
      client_id: consoleId,
      client_secret: consoleSecret,
    },
    metrics: { listen: "127.0.0.1:0" },
    // Required but not used: PGlite is already open.
    database: { url: "postgres://embedded" },
    openfga: {
      addresses: [openfga.grpc],
      auth: { preshared: openfga.apiKey },
      store_id: storeId,
      model_id: modelId,
      timeout: "2s",
    },
    tokens: { peppers: [{ version: 1, key: Buffer.from(pepper).toString("base64"), active: true }] },
    callers: [
      { name: "dev", key_sha256: [sha256(serviceKey)], permissions: ["admin"] },
      { name: "sample-api", key_sha256: [sha256(sampleKey)], permissions: ["check"] },
    ],
    issuers: [
      {
        issuer: originOf(issuer),
        audiences: [devAudience],
        admin: { claim: "roles", value: adminRole },
      },
    ],
    ...(catalog && { catalog: { snippets: snippetsFor(originOf(sample)), ...catalog } }),
    limits: { creations_per_hour: 0, revocations_per_minute: 0, lists_per_second: 0, self_per_minute: 0 },
    usage: { flush_interval: "1s" },
    integrations: {
      routes: [{ path: "/documents/{id}/**", resource: "document:{id}", action: "viewer" }],
      forward_auth: { enabled: true, basic: true },
      ext_authz: { enabled: true, basic: true },
      oauth: { enabled: true, issuer: url, exchange: { audiences: ["https://api.example"] } },
      authzen: { enabled: true, identifier: url },
      leaks: { report: true },
    },
    drain_delay: "0s",
    grace: "5s",
  });
  if (loaded.ok) return loaded.config;
  // A defect: values that the user can choose were checked before.
  const problems = loaded.problems.map(({ key, problem }) => `${key} ${problem}`);
  throw new Error(`the configuration of patwarden dev is faulty: ${problems.join("; ")}`);
}

function sha256(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}
