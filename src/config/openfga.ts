import { isIP } from "node:net";
import { z } from "zod";
import { contextSources } from "../openfga/condition-context.js";
import { hostPort, text } from "./common-values.js";
import { duration } from "./duration.js";
import { headerSecret } from "./header-secret.js";
import { entries, isList } from "./lists.js";

const ulid = text.regex(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/, "must be a ULID: 26 upper-case letters and digits");

/** A gRPC channel takes no list of names. */
function oneNameOrOneFamily(addresses: readonly unknown[]): boolean {
  const families = new Set(addresses.map((address) => isIP(Object(address).host)));
  return addresses.length < 2 || (families.size === 1 && !families.has(0));
}

/** The OpenFGA cluster that decides. */
export const openfga = z
  .object({
    /**
     * `HOST:PORT` of its gRPC, 1 to 16, of one cluster: one name, which may lead to several addresses, or IP addresses.
     * Required.
     */
    addresses: z
      .array(hostPort)
      .refine(...entries(1, 16))
      .refine(oneNameOrOneFamily, {
        error: "must be IP addresses of one family when there are several; one name may lead to several addresses",
        when: isList,
      }),
    /** Whether to use TLS, verified against the system's authorities. Default `false`. */
    tls: z.boolean().default(false),
    /** OpenFGA's preshared key. Default: no credential is sent. */
    auth: z.object({ preshared: headerSecret.meta({ secret: true }) }).optional(),
    /** Required. */
    store_id: ulid,
    /** The authorization model of every question; SIGHUP takes a new one. Required. */
    model_id: ulid,
    /** The longest that one call may take, with its retry; 10ms to 60s. Default 800ms. */
    timeout: duration("10ms", "60s").prefault("800ms"),
    /**
     * Questions in one BatchCheck, 1 to 500; at most OpenFGA's OPENFGA_MAX_CHECKS_PER_BATCH_CHECK. Default 50, as
     * there.
     */
    max_batch: z.int().min(1).max(500).default(50),
    /**
     * How long an answer may be used again for the same question, counted from when it was asked; 0s to 1h. A
     * permission that is taken away in OpenFGA may still be allowed this long. HIGHER_CONSISTENCY always asks. Default
     * 0s: every question is asked.
     */
    max_staleness: duration("0s", "1h").prefault("0s"),
    /**
     * OpenFGA's OPENFGA_LIST_OBJECTS_DEADLINE, or its OPENFGA_REQUEST_TIMEOUT if that is less; 10ms to 10m. OpenFGA
     * cuts a list at that time without saying so, so a list that took about as long is marked incomplete. Default 3s,
     * as there.
     */
    list_deadline: duration("10ms", "10m").prefault("3s"),
    /**
     * Parameters of the model's conditions, each with what fills it: `now`, the time by RFC 3339 in whole seconds, or
     * `client_ip`, the bearer's address. Default none.
     */
    context: z
      .record(z.string(), z.enum(contextSources))
      .refine((parameters) => Object.keys(parameters).every((name) => /^[A-Za-z_][A-Za-z0-9_]{0,49}$/.test(name)), {
        error: "must have parameters of conditions as keys",
      })
      .default({}),
  })
  .transform(
    ({ addresses, tls, auth, store_id, model_id, timeout, max_batch, max_staleness, list_deadline, context }) => ({
      addresses,
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
