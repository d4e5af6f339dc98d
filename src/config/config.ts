import { z } from "zod";
import { audit } from "./audit.js";
import { callers } from "./callers.js";
import { catalog } from "./catalog.js";
import { consoleSection } from "./console.js";
import { database } from "./database.js";
import { duration } from "./duration.js";
import { integrations } from "./integrations.js";
import { issuers } from "./issuers.js";
import { limits } from "./limits.js";
import { grpc, http, listenApart, metrics, publicHttp } from "./listeners.js";
import { log } from "./log.js";
import { openfga } from "./openfga.js";
import type { OtherSections } from "./other-sections.js";
import { subjects } from "./subjects.js";
import { tokenCache } from "./token-cache.js";
import { tokens } from "./tokens.js";
import { usage } from "./usage.js";

/** The checked configuration, in the names and units of the program. */
export type Config = Readonly<z.output<ReturnType<typeof configSchema>>>;

/** The part of the configuration that `migrate` needs. */
export type MigrationConfig = Readonly<z.output<typeof migrationSchema>>;

export const migrationSchema = z.object({ log, database });

/**
 * Returns the schema of patwarden.yaml. Each section has its own source file, with the meaning, unit, range and default
 * of its settings. A value marked `secret` may also be given as the name of a file, under the key with the suffix
 * `_file`. A value marked `file` is always the name of a file. Both contain the file's content when they are checked
 * here.
 */
export function configSchema(others: OtherSections) {
  return z
    .object({
      log,
      grpc: grpc(others),
      http: http(others),
      public_http: publicHttp(others),
      metrics,
      console: consoleSection(others),
      database,
      openfga,
      token_cache: tokenCache,
      tokens,
      subjects,
      callers: callers(others),
      issuers: issuers(others),
      catalog,
      limits,
      usage,
      audit,
      integrations: integrations(others),
      /** Makes everybody who can reach a port an administrator. Both ports must listen on loopback. Default `false`. */
      dangerously_disable_caller_authentication: z.boolean().default(false),
      /** Whether the ports describe the API to clients such as grpcurl. Default `true`. */
      reflection: z.boolean().default(true),
      /** How long the process still serves after SIGTERM, 0s to 5m, until load balancers notice. Default 5s. */
      drain_delay: duration("0s", "5m").prefault("5s"),
      /** How long running calls may take to end after `drain_delay`, 0s to 10m. Default 20s. */
      grace: duration("0s", "10m").prefault("20s"),
    })
    .superRefine(listenApart)
    .transform(
      ({ public_http, token_cache, dangerously_disable_caller_authentication, drain_delay, grace, ...sameNames }) => ({
        ...sameNames,
        publicHttp: public_http,
        tokenCache: token_cache,
        dangerouslyDisableCallerAuthentication: dangerously_disable_caller_authentication,
        drainDelayMs: drain_delay,
        graceMs: grace,
      }),
    );
}
