import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** Names of PEM files. */
export interface Certificates {
  readonly ca: string;
  readonly serverCert: string;
  readonly serverKey: string;
  readonly clientCert: string;
  readonly clientKey: string;
}

const extensions = `
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[server]
basicConstraints = critical, CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1
[client]
basicConstraints = critical, CA:FALSE
extendedKeyUsage = clientAuth
`;

/** A new authority in `folder`, and one certificate each for a server on localhost and for a client. */
export function makeCertificates(folder: string): Certificates {
  const config = join(folder, "openssl.cnf");
  writeFileSync(config, extensions);
  const file = (name: string): string => join(folder, name);
  const make = (name: string, extension: string, issuer: readonly string[] = []) => {
    const [key, cert] = [file(`${name}-key.pem`), file(`${name}.pem`)];
    execFileSync(
      "openssl",
      // biome-ignore format: one argument and its value belong together
      ["req", "-x509", "-config", config, "-extensions", extension, "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-days", "2", "-subj", `/CN=Patwarden tests: ${name}`, "-keyout", key, "-out", cert, ...issuer],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    return { cert, key };
  };
  const authority = make("authority", "authority");
  const issuer = ["-CA", authority.cert, "-CAkey", authority.key];
  const server = make("server", "server", issuer);
  const client = make("client", "client", issuer);
  return {
    ca: authority.cert,
    serverCert: server.cert,
    serverKey: server.key,
    clientCert: client.cert,
    clientKey: client.key,
  };
}
