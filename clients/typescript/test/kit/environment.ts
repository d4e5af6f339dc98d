import { readFileSync } from "node:fs";
import { afterAll } from "vitest";
import { type ClientOptions, PatwardenClient } from "../../src/index.js";

/** A token by the alias that vectors use. */
export interface NamedToken {
  readonly secret: string;
  readonly id: string;
  readonly subject: string;
  readonly basic: string;
}

/** The environment of the tests; clients/vectors/README.md says what each field is. */
export interface Environment {
  readonly endpoint: string;
  readonly proxied: string;
  readonly tls: {
    readonly endpoint: string;
    readonly ca: string;
    readonly client_cert: string;
    readonly client_key: string;
  };
  readonly redirecting: string;
  readonly silent: string;
  readonly absent: string;
  readonly control: string;
  readonly keys: Readonly<Record<string, string>>;
  readonly vectors: string;
  readonly tokens: Readonly<Record<string, NamedToken>>;
}

const file = process.env["PATWARDEN_CLIENT_TESTS"];
if (file === undefined) throw new Error("these tests run against a server: npx tsx test/clients/run.ts typescript");

export const environment: Environment = JSON.parse(readFileSync(file, "utf8"));

export function keyOf(alias: string): string {
  return present(environment.keys[alias], `key ${alias}`);
}

export function tokenOf(alias: string): NamedToken {
  return present(environment.tokens[alias], `token ${alias}`);
}

export function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`there is no ${what}`);
  return value;
}

const opened: PatwardenClient[] = [];

/**
 * A client of the service `checker` to the server itself, unless the options say otherwise. It is closed after the
 * tests of the file.
 */
export function openClient(options: Partial<ClientOptions> = {}): PatwardenClient {
  const plaintext = options.tls === undefined;
  const client = new PatwardenClient({
    endpoint: environment.endpoint,
    key: keyOf("checker"),
    ...(plaintext && { plaintext }),
    ...options,
  });
  opened.push(client);
  return client;
}

afterAll(() => {
  for (const client of opened.splice(0)) client.close();
});

type Action =
  | "/server/cut"
  | "/server/stall"
  | "/server/heal"
  | "/openfga/cut"
  | "/openfga/stall"
  | "/openfga/heal"
  | "/restart";

/** Resolves when it is done. */
export async function control(action: Action): Promise<void> {
  const response = await fetch(`${environment.control}${action}`, { method: "POST" });
  if (response.status !== 204) throw new Error(`${action}: ${response.status} ${await response.text()}`);
}
