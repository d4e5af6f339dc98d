/**
 * Where PostgreSQL is and how our sessions begin. The environment (PGUSER and others) fills what is absent, as with
 * libpq.
 */
export interface DatabaseAddress {
  /** Tried in this order. One that begins with `/` is the directory of a Unix socket, and stands alone. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly user?: string;
  readonly password?: string;
  readonly database?: string;
  readonly tls: DatabaseTls;
  /** Other hosts are passed over. */
  readonly sessions?: "read-write" | "primary";
  readonly connectTimeoutSeconds?: number;
  /** Sent at connect: `application_name`, `options`. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** PEM texts. */
export interface DatabaseTls {
  /** In libpq's words. */
  readonly mode: "disable" | "prefer" | "require" | "verify-ca" | "verify-full";
  /** Default: the system's authorities. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}
