import { isDeepStrictEqual } from "node:util";
import type { Config } from "./config.js";
import type { ListenerTls } from "./listeners.js";

/** Removes the settings that SIGHUP applies; all others need a restart. */
function fixed(config: Config): Config {
  const { grpc, http, publicHttp, console } = config;
  return {
    ...config,
    callers: [],
    issuers: [],
    catalog: undefined,
    openfga: { ...config.openfga, modelId: "" },
    // grpc-js cannot take up other certificates.
    grpc: grpc.engine === "builtin" ? withoutPem(grpc) : grpc,
    http: withoutPem(http),
    publicHttp: publicHttp && withoutPem(publicHttp),
    console: console && withoutPem(console),
  };
}

/** Whether a port uses TLS, and demands certificates, needs a restart; which certificates it uses does not. */
function withoutPem<P extends { readonly tls?: ListenerTls | undefined }>(port: P): P {
  const { tls } = port;
  return { ...port, tls: tls && { cert: "", key: "", clientCa: tls.clientCa === undefined ? undefined : "" } };
}

/** Returns the top-level keys of the file that have changed and need a restart. */
export function restartKeys(previous: Config, next: Config): readonly string[] {
  const [before, after] = [fixed(previous), fixed(next)];
  const keys = Object.keys(after) as (keyof Config)[]; // config.ts has no other keys
  return keys
    .filter((key) => !isDeepStrictEqual(before[key], after[key]))
    .map((key) => key.replace(/Ms$/, "").replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
}
