/** Where PostgreSQL is and how our sessions begin. What is absent is taken from the environment, as libpq does: PGUSER and the like. */
export interface DatabaseAddress {
  /** Tried in this order. One that begins with `/` is the directory of a Unix socket, and stands alone. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly user?: string;
  readonly password?: string;
  readonly database?: string;
  readonly tls: DatabaseTls;
  /** Hosts whose sessions are otherwise are passed over. */
  readonly sessions?: "read-write" | "primary";
  readonly connectTimeoutSeconds?: number;
  /** Sent at connect: `application_name`, `options`. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** PEM texts. */
export interface DatabaseTls {
  /** libpq's words. */
  readonly mode: "disable" | "prefer" | "require" | "verify-ca" | "verify-full";
  /** Absent: the system's authorities. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}
