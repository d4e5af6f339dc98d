import type { IncomingMessage, ServerResponse } from "node:http";
import { formatHostPort, type HostPort } from "../../../domain/host-port.js";
import { OAuthError, readForm, required } from "../../../integrations/oauth/form.js";
import { mediaTypeOf, readBody } from "../../../integrations/shared/body.js";
import { type Route, send, sendJson } from "../../../transport/route.js";
import { type Listening, listen } from "../listen.js";
import { sendPage, styleRoute } from "../pages/page.js";
import { defaultAcr, parseAuthorizationRequest } from "./authorization-request.js";
import { authenticateClient, type Client } from "./client.js";
import { Codes } from "./codes.js";
import { people } from "./people.js";
import { notePage, signInPage } from "./sign-in-page.js";
import { TokenSigner } from "./tokens.js";

export interface IssuerOptions {
  /** Where it listens: a loopback address and a port other than 0. `iss` is made of it. */
  readonly at: HostPort;
  /** An RSA key, PKCS #8 as PEM. */
  readonly signingKey: string;
  /** `aud` of its access tokens. */
  readonly audience: string;
  readonly clients: readonly Client[];
}

/**
 * Starts the OpenID provider of `patwarden dev`, with which everybody who reaches it signs in as one of `people`:
 * authorization code with PKCE for confidential clients. It keeps no session and no cookie, so that each sign-in is
 * fresh, and a sign-out only leads back.
 */
export async function startIssuer({ at, signingKey, audience, clients }: IssuerOptions): Promise<Listening> {
  const url = `http://${formatHostPort(at)}`;
  const signer = await TokenSigner.create(url, audience, signingKey);
  const provider: Provider = { url, clients, signer, codes: new Codes() };
  const authorize = (request: IncomingMessage, response: ServerResponse) => authorization(provider, request, response);
  const routes: readonly Route[] = [
    {
      method: "GET",
      path: "/.well-known/openid-configuration",
      handle: (_, response) => sendJson(response, 200, metadataOf(url)),
    },
    { method: "GET", path: keysPath, handle: (_, response) => sendJson(response, 200, { keys: [signer.publicJwk] }) },
    { method: "GET", path: authorizePath, handle: authorize },
    { method: "POST", path: authorizePath, handle: authorize },
    { method: "POST", path: tokenPath, handle: (request, response) => token(provider, request, response) },
    { method: "GET", path: signOutPath, handle: (request, response) => signOut(provider, request, response) },
    styleRoute,
  ];
  return listen(at, routes);
}

interface Provider {
  readonly url: string;
  readonly clients: readonly Client[];
  readonly signer: TokenSigner;
  readonly codes: Codes;
}

const authorizePath = "/authorize";
const tokenPath = "/token";
const keysPath = "/keys";
const signOutPath = "/sign-out";

/** Returns the discovery document (OpenID Connect Discovery §3). */
function metadataOf(url: string): object {
  return {
    issuer: url,
    authorization_endpoint: url + authorizePath,
    token_endpoint: url + tokenPath,
    jwks_uri: url + keysPath,
    end_session_endpoint: url + signOutPath,
    response_types_supported: ["code"],
    response_modes_supported: ["query"],
    grant_types_supported: ["authorization_code"],
    code_challenge_methods_supported: ["S256"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: ["RS256"],
    token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
    authorization_response_iss_parameter_supported: true,
    request_uri_parameter_supported: false,
    scopes_supported: ["openid", "profile"],
    acr_values_supported: [defaultAcr],
    claims_supported: ["sub", "name", "preferred_username", "roles", "auth_time", "acr"],
  };
}

/** Shows the choice of people, and sends the browser back to the client once one is chosen. */
async function authorization(provider: Provider, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { url, clients, codes } = provider;
  const path = request.url ?? "";
  const parsed = parseAuthorizationRequest(clients, new URL(path, url).searchParams);
  if (parsed.kind === "stray") {
    sendPage(response, 400, notePage("This sign-in cannot go on", parsed.problem));
    return;
  }
  if (parsed.kind === "refused") {
    const { redirectUri, state, error, description } = parsed;
    redirect(response, redirectUri, { error, error_description: description, state, iss: url });
    return;
  }
  if (request.method !== "POST") {
    sendPage(response, 200, signInPage(parsed.request, path));
    return;
  }
  const person = await chosenPerson(provider, request);
  if (!person) {
    sendPage(response, 400, notePage("This sign-in cannot go on", "Choose a person on the page of this provider."));
    return;
  }
  const code = codes.issue({ request: parsed.request, person, authTime: Math.floor(Date.now() / 1000) });
  redirect(response, parsed.request.redirectUri, { code, state: parsed.request.state, iss: url });
}

/** Returns the person that a form of this issuer's own page names; undefined for a form of any other page. */
async function chosenPerson({ url }: Provider, request: IncomingMessage): Promise<(typeof people)[number] | undefined> {
  const { origin } = request.headers;
  if (origin !== undefined && origin !== url) return undefined;
  if (mediaTypeOf(request) !== "application/x-www-form-urlencoded") return undefined;
  const chosen = new URLSearchParams(await readBody(request, 1_024)).getAll("person");
  return chosen.length === 1 ? people.find(({ id }) => id === chosen[0]) : undefined;
}

/** Exchanges a code for tokens (OpenID Connect Core §3.1.3). */
async function token(provider: Provider, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const form = await readForm(request);
    const client = authenticateClient(provider.clients, request.headers.authorization, form);
    if (required(form, "grant_type") !== "authorization_code") {
      throw new OAuthError(400, "unsupported_grant_type", "grant_type must be authorization_code");
    }
    const signedIn = provider.codes.exchange(required(form, "code"), {
      clientId: client.id,
      redirectUri: required(form, "redirect_uri"),
      verifier: required(form, "code_verifier"),
    });
    if (!signedIn) {
      const description =
        "the code is unknown, used, older than a minute, or of another client, redirect_uri or verifier";
      throw new OAuthError(400, "invalid_grant", description);
    }
    sendJson(response, 200, await provider.signer.answer(signedIn));
  } catch (error) {
    if (!(error instanceof OAuthError)) throw error;
    if (error.status === 401) response.setHeader("www-authenticate", 'Basic realm="patwarden dev"');
    sendJson(response, error.status, { error: error.error, error_description: error.message });
  }
}

/** Leads back after a sign-out (OpenID Connect RP-Initiated Logout). There is no session to end. */
function signOut({ url, clients }: Provider, request: IncomingMessage, response: ServerResponse): void {
  const query = new URL(request.url ?? "", url).searchParams;
  const target = query.get("post_logout_redirect_uri");
  if (target === null) {
    sendPage(response, 200, notePage("Signed out", "You can close this page."));
  } else if (clients.some(({ signedOutUris }) => signedOutUris.includes(target))) {
    redirect(response, target, { state: query.get("state") ?? undefined });
  } else {
    sendPage(
      response,
      400,
      notePage("Signed out", "post_logout_redirect_uri is not one of a client of this provider."),
    );
  }
}

function redirect(
  response: ServerResponse,
  target: string,
  parameters: Readonly<Record<string, string | undefined>>,
): void {
  const location = new URL(target);
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) location.searchParams.set(name, value);
  }
  response.setHeader("location", location.href);
  send(response, 303, "text/plain", "");
}
