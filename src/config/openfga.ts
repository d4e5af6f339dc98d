import { isIP } from "node:net";
import { z } from "zod";
import { grpcEngines } from "../domain/grpc-engine.js";
import { contextSources } from "../openfga/condition-context.js";
import { hostPort, text } from "./common-values.js";
import { duration } from "./duration.js";
import { headerSecret } from "./header-secret.js";
import { entries } from "./lists.js";

const ulid = text.regex(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/, "must be a ULID: 26 upper-case letters and digits");

/** Returns whether grpc-js can use the addresses: it cannot use a list of names. */
function oneNameOrOneFamily(addresses: readonly unknown[]): boolean {
  const families = new Set(addresses.map((address) => isIP(Object(address).host)));
  return addresses.length < 2 || (families.size === 1 && !families.has(0));
}

/** The OpenFGA cluster. */
export const openfga = z
  .object({
    /**
     * `HOST:PORT` of its gRPC ports, 1 to 16, of one cluster: names, which may resolve to several addresses, and IP
     * addresses. With `engine: grpc-js` one name, or IP addresses of one family. Required.
     */
    addresses: z.array(hostPort).refine(...entries(1, 16)),
    /**
     * The implementation of gRPC: `builtin`, Patwarden's own, which costs a fraction of the CPU time, or `grpc-js`, the
     * library of the gRPC project. Default `builtin`.
     */
    engine: z.enum(grpcEngines).default("builtin"),
    /** Whether to use TLS, verified against Node's authorities and NODE_EXTRA_CA_CERTS. Default `false`. */
    tls: z.boolean().default(false),
    /** OpenFGA's preshared key. Default: no credential is sent. */
    auth: z.object({ preshared: headerSecret.meta({ secret: true }) }).optional(),
    /** The id of the store. Required. */
    store_id: ulid,
    /** The id of the authorization model; SIGHUP applies a new one. Required. */
    model_id: ulid,
    /** The longest time of one call, with its retry; 10ms to 60s. Default 800ms. */
    timeout: duration("10ms", "60s").prefault("800ms"),
    /**
     * Most questions in one BatchCheck, 1 to 500; must not exceed OpenFGA's OPENFGA_MAX_CHECKS_PER_BATCH_CHECK. Default
     * 50, as in OpenFGA.
     */
    max_batch: z.int().min(1).max(500).default(50),
    /**
     * How long an answer may be used again for the same question, counted from when the question was sent; 0s to 1h. A
     * permission that is removed in OpenFGA may still be allowed for this long. HIGHER_CONSISTENCY always asks OpenFGA.
     * Default 0s: every question is sent.
     */
    max_staleness: duration("0s", "1h").prefault("0s"),
    /**
     * OpenFGA's OPENFGA_LIST_OBJECTS_DEADLINE, or its OPENFGA_REQUEST_TIMEOUT if that is less; 10ms to 10m. OpenFGA
     * ends a list at this time without an error, so a list that took about as long is marked incomplete. Default 3s, as
     * in OpenFGA.
     */
    list_deadline: duration("10ms", "10m").prefault("3s"),
    /**
     * Parameters of the model's conditions, each with its source: `now`, the time by RFC 3339 in whole seconds, or
     * `client_ip`, the bearer's address. Default none.
     */
    context: z
      .record(z.string(), z.enum(contextSources))
      .refine((parameters) => Object.keys(parameters).every((name) => /^[A-Za-z_][A-Za-z0-9_]{0,49}$/.test(name)), {
        error: "must have names of condition parameters as keys",
      })
      .default({}),
  })
  .refine(({ engine, addresses }) => engine === "builtin" || oneNameOrOneFamily(addresses), {
    error: "must be IP addresses of one family when there are several, or openfga.engine builtin",
    path: ["addresses"],
  })
  .transform(
    ({
      addresses,
      engine,
      tls,
      auth,
      store_id,
      model_id,
      timeout,
      max_batch,
      max_staleness,
      list_deadline,
      context,
    }) => ({
      addresses,
      engine,
      tls,
      auth,
      storeId: store_id,
      modelId: model_id,
      timeoutMs: timeout,
      maxBatch: max_batch,
      maxStalenessMs: max_staleness,
      listDeadlineMs: list_deadline,
      context,
    }),
  );
