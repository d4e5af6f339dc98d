import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { isDeepStrictEqual } from "node:util";
import { exportJWK, generateKeyPair, type JWK, type JWTHeaderParameters, SignJWT } from "jose";
import type { IssuerConfig, OidcAlgorithm } from "../../src/callers/oidc/access-token.js";

/** A key pair of the issuer, or of another party. */
export interface SigningKey {
  readonly algorithm: OidcAlgorithm;
  /** Undefined when it is published without an id. */
  readonly kid: string | undefined;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
}

type CryptoKey = Awaited<ReturnType<typeof generateKeyPair>>["privateKey"];

/** How the issuer answers. `redirected`: by a redirect to correct answers. `stalled`: not at all. */
export type IssuerMode =
  | { readonly kind: "well" }
  | { readonly kind: "error"; readonly status: number }
  | { readonly kind: "redirected" }
  | { readonly kind: "stalled" }
  | { readonly kind: "body"; readonly text: string };

/** An OpenID provider on loopback that signs real tokens. */
export interface TestIssuer {
  /** `http://127.0.0.1:PORT/`, including the slash at the end. */
  readonly url: string;
  readonly audience: string;
  /** Returns a valid configuration for it. */
  config(over?: Partial<IssuerConfig>): IssuerConfig;
  /**
   * Signs a valid token of user alice for an hour, except for the given claims and parameters; `undefined` removes one.
   */
  sign(claims?: Readonly<Record<string, unknown>>, header?: Readonly<Record<string, unknown>>): Promise<string>;
  /** The same with another key. */
  signWith(
    key: SigningKey,
    claims?: Readonly<Record<string, unknown>>,
    header?: Readonly<Record<string, unknown>>,
  ): Promise<string>;
  /** Publishes these keys from now on; `sign` uses the first. */
  publish(...keys: readonly SigningKey[]): void;
  /** How often keys were fetched since the start; each time the discovery document is fetched too. */
  readonly keyFetches: number;
  readonly discoveryFetches: number;
  /** Sets how discovery and keys are answered. */
  set(mode: IssuerMode): void;
  /** Replaces fields of the discovery document. */
  discover(over: Readonly<Record<string, unknown>>): void;
  /**
   * Sets what happens at the next sign-ins: claims of the ID token, headers, faults. Without it, `/authorize` signs in
   * the user of `login_hint`, else alice, and leads back at once.
   */
  signIns(next: SignIns): void;
  /** The requests for `/authorize` and `/token` since the start, with their parameters. */
  readonly asked: readonly AskedOfIssuer[];
  /** Resolves after this many requests for discovery or keys. */
  requested(count: number): Promise<void>;
  stop(): Promise<void>;
}

/** How the issuer answers at sign-ins. */
export interface SignIns {
  /** Claims of the ID token; `undefined` removes one. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Parameters of its header. */
  readonly header?: Readonly<Record<string, unknown>>;
  /** Signs the ID token with this key instead of a published one. */
  readonly key?: SigningKey;
  /** Parameters of the way back; `undefined` removes one. */
  readonly back?: Readonly<Record<string, string | undefined>>;
  /** The answer of `/token` instead of tokens. */
  readonly token?: { readonly status: number; readonly body: string };
}

export interface AskedOfIssuer {
  readonly path: string;
  readonly parameters: URLSearchParams;
  readonly authorization: string | undefined;
}

/** The confidential client that the issuer knows. */
export const issuerClient = { id: "console", secret: "console-secret" } as const;

export interface TestIssuerOptions {
  /** The time at which tokens are issued. Default: now. */
  readonly now?: () => Date;
  /** Default: a new RS256 key, which takes a tenth of a second to make. */
  readonly key?: SigningKey;
}

let keysMade = 0;

export async function makeSigningKey(algorithm: OidcAlgorithm = "RS256", kid?: string | null): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
  keysMade += 1;
  const name = kid === null ? undefined : (kid ?? `key-${keysMade}`);
  const jwk = await exportJWK(publicKey);
  return {
    algorithm,
    kid: name,
    privateKey,
    publicJwk: { ...jwk, alg: algorithm, use: "sig", ...(name !== undefined && { kid: name }) },
  };
}

export async function startTestIssuer({ now = () => new Date(), key }: TestIssuerOptions = {}): Promise<TestIssuer> {
  let keys: readonly SigningKey[] = [key ?? (await makeSigningKey())];
  let mode: IssuerMode = { kind: "well" };
  let discovery: Readonly<Record<string, unknown>> = {};
  const fetches = { keys: 0, discovery: 0 };
  const waiting = new Set<() => void>();
  const watching = new Set<() => void>();

  const asked: AskedOfIssuer[] = [];
  let signIns: SignIns = {};
  /** Codes that were not used yet, with their authorization requests. */
  const codes = new Map<string, URLSearchParams>();

  const server = createServer((request, response) => {
    const [path = ""] = (request.url ?? "").split("?", 1);
    if (mode.kind === "well" && ["/authorize", "/token", "/logout"].includes(path)) {
      void answerSignIn(path, request, response);
      return;
    }
    const forKeys = request.url === "/keys";
    if (forKeys) fetches.keys += 1;
    else fetches.discovery += 1;
    for (const look of watching) look();
    respond(request.url ?? "", response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a TCP server has a port");
  const url = `http://127.0.0.1:${address.port}/`;
  const audience = "https://patwarden.example.com";

  function respond(path: string, response: ServerResponse): void {
    switch (mode.kind) {
      case "error":
        // Everything else is correct, so that only the status is a reason to refuse.
        answerWell(path, response, mode.status);
        return;
      case "redirected":
        if (path.startsWith("/moved/")) answerWell(path.slice("/moved".length), response);
        else response.writeHead(302, { location: `/moved${path}` }).end();
        return;
      case "stalled":
        waiting.add(() => respond(path, response));
        return;
      case "body":
        response.writeHead(200, { "content-type": "application/json" }).end(mode.text);
        return;
      case "well":
        answerWell(path, response);
    }
  }

  function answerWell(path: string, response: ServerResponse, status = 200): void {
    const documents: Readonly<Record<string, unknown>> = {
      "/.well-known/openid-configuration": {
        issuer: url,
        jwks_uri: `${url}keys`,
        authorization_endpoint: `${url}authorize`,
        token_endpoint: `${url}token`,
        end_session_endpoint: `${url}logout`,
        authorization_response_iss_parameter_supported: true,
        ...discovery,
      },
      "/keys": { keys: keys.map(({ publicJwk }) => publicJwk) },
    };
    const document = documents[path];
    response.writeHead(document ? status : 404, { "content-type": "application/json" });
    response.end(JSON.stringify(document ?? {}));
  }

  async function answerSignIn(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { searchParams } = new URL(request.url ?? "", url);
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const parameters = path === "/token" ? new URLSearchParams(body) : searchParams;
    asked.push({ path, parameters, authorization: request.headers.authorization });
    if (path === "/authorize") authorize(parameters, response);
    else if (path === "/logout")
      response.writeHead(303, { location: parameters.get("post_logout_redirect_uri") ?? "/" }).end();
    else {
      const { status, body } = signIns.token ?? (await token(parameters, request.headers.authorization));
      response.writeHead(status, { "content-type": "application/json" }).end(body);
    }
  }

  function authorize(parameters: URLSearchParams, response: ServerResponse): void {
    const code = randomUUID();
    codes.set(code, parameters);
    const back = new URL(parameters.get("redirect_uri") ?? "");
    const usual = { code, state: parameters.get("state") ?? undefined, iss: url };
    for (const [name, value] of Object.entries({ ...usual, ...signIns.back })) {
      if (value !== undefined) back.searchParams.set(name, value);
    }
    response.writeHead(303, { location: back.href }).end();
  }

  /** Checks what RFC 6749 and RFC 7636 tell a provider to check. */
  async function token(
    parameters: URLSearchParams,
    authorization: string | undefined,
  ): Promise<{ readonly status: number; readonly body: string }> {
    const refused = (error: string) => ({ status: 400, body: JSON.stringify({ error }) });
    const sent = Buffer.from(/^Basic (.*)$/.exec(authorization ?? "")?.[1] ?? "", "base64").toString();
    // RFC 6749 §2.3.1: both parts are form-encoded.
    const basic = sent.split(":").map((part) => decodeURIComponent(part.replaceAll("+", " ")));
    const posted = [parameters.get("client_id"), parameters.get("client_secret")];
    const client = [issuerClient.id, issuerClient.secret];
    if (![basic, posted].some((shown) => isDeepStrictEqual(shown, client))) return refused("invalid_client");
    const begun = codes.get(parameters.get("code") ?? "");
    codes.delete(parameters.get("code") ?? "");
    const challenge = createHash("sha256")
      .update(parameters.get("code_verifier") ?? "")
      .digest("base64url");
    if (
      !begun ||
      begun.get("redirect_uri") !== parameters.get("redirect_uri") ||
      begun.get("code_challenge") !== challenge
    ) {
      return refused("invalid_grant");
    }
    const seconds = Math.floor(now().getTime() / 1000);
    const acr = begun.get("acr_values")?.split(" ")[0];
    const claims = {
      aud: begun.get("client_id"),
      client_id: undefined,
      sub: begun.get("login_hint") ?? "alice",
      nonce: begun.get("nonce") ?? undefined,
      auth_time: seconds,
      ...(acr !== undefined && { acr }),
      ...signIns.claims,
    };
    const [published] = keys;
    const key = signIns.key ?? published;
    if (!key) throw new Error("the issuer publishes no key");
    const idToken = await signWith(key, claims, { typ: "JWT", ...signIns.header });
    const answer = { access_token: "of no use", token_type: "Bearer", expires_in: 60, id_token: idToken };
    return { status: 200, body: JSON.stringify(answer) };
  }

  const signWith: TestIssuer["signWith"] = (key, claims = {}, header = {}) => {
    const iat = Math.floor(now().getTime() / 1000);
    const defaults = { iss: url, aud: audience, sub: "alice", client_id: "cli", iat, exp: iat + 3600 };
    const parameters = withoutUndefined({ alg: key.algorithm, typ: "at+jwt", kid: key.kid, ...header });
    const { crit = [] } = parameters as unknown as { crit?: readonly string[] }; // tests pass a list of strings
    return new SignJWT(withoutUndefined({ ...defaults, ...claims }))
      .setProtectedHeader(parameters as unknown as JWTHeaderParameters) // jose checks it
      .sign(key.privateKey, { crit: Object.fromEntries(crit.map((name) => [name, true])) });
  };

  return {
    url,
    audience,
    config: (over = {}) => ({
      issuer: url,
      audiences: [audience],
      audienceClaim: "aud",
      requiredClaims: {},
      allowNonce: false,
      subject: "{sub}",
      algorithms: ["RS256"],
      requiredScopes: [],
      clients: [],
      types: ["at+jwt"],
      cacheMaxAgeMs: 600_000,
      maxLifetimeMs: 86_400_000,
      ...over,
    }),
    sign(claims, header) {
      const [key] = keys;
      if (!key) throw new Error("the issuer publishes no key");
      return signWith(key, claims, header);
    },
    signWith,
    publish(...next) {
      keys = next;
    },
    get keyFetches() {
      return fetches.keys;
    },
    get discoveryFetches() {
      return fetches.discovery;
    },
    set(next) {
      mode = next;
      const answers = [...waiting];
      waiting.clear();
      for (const answer of answers) answer();
    },
    discover(over) {
      discovery = over;
    },
    signIns(next) {
      signIns = next;
    },
    asked,
    requested(count) {
      return new Promise((resolve) => {
        const look = (): void => {
          if (fetches.keys + fetches.discovery < count) return;
          watching.delete(look);
          resolve();
        };
        watching.add(look);
        look();
      });
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function withoutUndefined(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}
