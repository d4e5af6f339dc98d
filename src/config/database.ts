import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { z } from "zod";
import { text } from "./common-values.js";
import { parseDatabaseUrl } from "./database-url.js";

/** Parses a database URL and reads the files that it names. */
const databaseUrl = text.transform((url, context) => {
  const parsed = parseDatabaseUrl(url, (name) => readFileSync(name, "utf8"));
  if (!parsed.ok) {
    context.addIssue(parsed.problem);
    return z.NEVER;
  }
  const { ca, cert, key } = parsed.value.tls;
  try {
    if (ca !== undefined || cert !== undefined) createSecureContext({ ca, cert, key });
  } catch {
    context.addIssue("must name PEM files in sslrootcert, sslcert and sslkey, and sslkey must be the key of sslcert");
  }
  return parsed.value;
});

export type DatabaseConfig = z.output<typeof database>;

/** PostgreSQL. */
export const database = z
  .object({
    /** `postgres://USER:PASSWORD@HOST/DATABASE?sslmode=verify-full`; database-url.ts has the whole form. Required. */
    url: databaseUrl.meta({ secret: true }),
    /** The URL of the same database without a pooler in between, for LISTEN. Default `url`. */
    listen_url: databaseUrl.meta({ secret: true }).optional(),
    /** Connections of one process, 1 to 1,000, besides six for leases, notifications and large jobs. Default 10. */
    max_connections: z.int().min(1).max(1000).default(10),
    /**
     * Whether statements are prepared by name, which is faster; a pooler in transaction mode needs `false`. Default
     * `true`.
     */
    prepare: z.boolean().default(true),
  })
  .transform(({ url, listen_url, max_connections, prepare }) => ({
    address: url,
    ...(listen_url && { listenAddress: listen_url }),
    maxConnections: max_connections,
    prepare,
  }));
