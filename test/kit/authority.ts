import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A certificate and its key as PEM texts, with the names of their files. */
export interface Identity {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly certFile: string;
  readonly keyFile: string;
}

/** A certificate authority for one test. */
export interface Authority extends Identity {
  /** Issues a certificate. `names`: subject alternative names in openssl's notation, `{ "URI.1": "spiffe://…" }`. */
  issue(names: Readonly<Record<string, string>>, use: "server" | "client" | "authority"): Identity;
  /** Removes its files. */
  remove(): void;
}

const uses = {
  server: "basicConstraints = critical, CA:FALSE\nextendedKeyUsage = serverAuth",
  client: "basicConstraints = critical, CA:FALSE\nextendedKeyUsage = clientAuth",
  authority: "basicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign, digitalSignature",
};

/** Returns a certificate whose time is over, as PEM. Its signature is wrong. */
export function expired({ cert }: Identity): string {
  const octets = Buffer.from(new X509Certificate(cert).raw);
  // UTCTime of 13 characters: the first one is the beginning.
  const tag = Buffer.of(0x17, 13);
  octets.write("200101000000Z", octets.indexOf(tag, octets.indexOf(tag) + 2) + 2, "latin1");
  return new X509Certificate(octets).toString();
}

/** Names of a server on 127.0.0.1. */
export const loopback = { "IP.1": "127.0.0.1", "DNS.1": "localhost" };

export function createAuthority(): Authority {
  const folder = mkdtempSync(join(tmpdir(), "patwarden-authority-"));
  let made = 0;
  const make = (names: Readonly<Record<string, string>>, use: keyof typeof uses, issuer?: Identity): Identity => {
    const [config, keyFile, certFile] = ["cnf", "key", "pem"].map((ending) => join(folder, `${made}.${ending}`));
    if (config === undefined || keyFile === undefined || certFile === undefined) throw new Error("three files");
    made += 1;
    const lines = Object.entries(names).map(([kind, name]) => `${kind} = ${name.replace(/["'\\$#]/g, "\\$&")}`);
    const named = lines.length > 0 ? "\nsubjectAltName = @names" : "";
    writeFileSync(
      config,
      `[req]\ndistinguished_name = dn\n[dn]\n[v3]\n${uses[use]}${named}\n[names]\n${lines.join("\n")}\n`,
    );
    execFileSync(
      "openssl",
      // biome-ignore format: one argument and its value belong together
      ["req", "-x509", "-config", config, "-extensions", "v3", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-days", "2", "-subj", `/CN=Patwarden tests ${made}`, "-keyout", keyFile, "-out", certFile,
        ...(issuer ? ["-CA", issuer.certFile, "-CAkey", issuer.keyFile] : [])],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    return { cert: readFileSync(certFile), key: readFileSync(keyFile), certFile, keyFile };
  };
  const authority = make({}, "authority");
  return {
    ...authority,
    issue: (names, use) => make(names, use, authority),
    remove: () => rmSync(folder, { recursive: true }),
  };
}
