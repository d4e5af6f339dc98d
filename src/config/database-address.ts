/**
 * The address of PostgreSQL and the settings of its sessions. Absent values come from the environment (PGUSER and
 * others), as with libpq.
 */
export interface DatabaseAddress {
  /** Hosts, tried in this order. A host that begins with `/` is the directory of a Unix socket; it is the only one. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly user?: string;
  readonly password?: string;
  readonly database?: string;
  readonly tls: DatabaseTls;
  /** The kind of host to use; other hosts are skipped. */
  readonly sessions?: "read-write" | "primary";
  readonly connectTimeoutSeconds?: number;
  /** Parameters that are sent when connecting: `application_name`, `options`. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** TLS settings; certificates and keys are PEM texts. */
export interface DatabaseTls {
  /** The `sslmode` of libpq. */
  readonly mode: "disable" | "prefer" | "require" | "verify-ca" | "verify-full";
  /** Default: the system's authorities. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}
