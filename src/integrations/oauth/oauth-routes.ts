import type { IncomingMessage, ServerResponse } from "node:http";
import { admitsSubject, type ServiceCaller } from "../../callers/caller.js";
import type { Authorizer } from "../../check/decision.js";
import type { Clock } from "../../domain/clock.js";
import { Failure } from "../../domain/errors.js";
import { type Address, peerAddress } from "../../domain/network.js";
import { keyOfAddress, type RateLimiter } from "../../domain/rate-limiter.js";
import { ExchangeRefused } from "../../exchange/exchange-token.js";
import { keySetMaxAgeMs } from "../../exchange/key-schedule.js";
import { RequestCutOff, type Route, send, sendJson } from "../../transport/route.js";
import { rawHeadersOf } from "../shared/raw-headers.js";
import { exchangeAnswer, exchangeGrant, parseExchange, repeatedInExchange, type TokenExchange } from "./exchange.js";
import { OAuthError, readForm, required, tooManyRequests } from "./form.js";
import { activeToken, type IntrospectionSettings, inactive } from "./introspection.js";
import { type OAuthCallerOptions, type OAuthRequest, oauthCaller, showsNobody } from "./oauth-caller.js";

export interface OAuthOptions extends OAuthCallerOptions {
  readonly authorizer: Pick<Authorizer, "introspect">;
  /** Revokes the token of a secret on every replica, if the secret is ours and the token has not ended. */
  readonly revoke: Revoke;
  /** Limits each address that revokes without the credential of a caller. Undefined means that revocation needs one. */
  readonly publicRevocations: Pick<RateLimiter, "waitMs"> | undefined;
  readonly settings: IntrospectionSettings;
  /** Undefined when token exchange is disabled. */
  readonly exchange?: TokenExchange | undefined;
  /** Whether the port asks its clients for certificates. */
  readonly certificatesAsked: boolean;
  readonly clock: Clock;
  /** Called for each answer. Must not wait and not throw. */
  readonly onAnswer?: (endpoint: EndpointName, answer: string) => void;
  /** Called with unexpected errors. */
  readonly onDefect?: (error: unknown) => void;
}

type EndpointName = "introspect" | "revoke" | "token";
/**
 * Revokes the token of a secret, for a calling service, or for the bearer at an address. A superseded secret of a
 * bearer revokes nothing.
 */
export type Revoke = (secret: string, by: ServiceCaller | Bearer) => Promise<void>;

interface Bearer {
  /** Undefined when the peer has disconnected. */
  readonly address: Address | undefined;
}

/** The longest time for an introspection, milliseconds. Revocation and exchange have more (server/integrations.ts). */
const deadlineMs = 5_000;

const introspectPath = "/oauth2/introspect";
const revokePath = "/oauth2/revoke";
const tokenPath = "/oauth2/token";
const keysPath = "/.well-known/jwks.json";

/** The `cache-control` of documents that anybody may read. */
const mayBeKept = `public, max-age=${keySetMaxAgeMs / 1000}`;

/**
 * Returns the routes of OAuth 2.0 token introspection (RFC 7662), revocation (RFC 7009), token exchange (RFC 8693) with
 * its keys when it is enabled, and the metadata document (RFC 8414).
 */
export function oauthRoutes(options: OAuthOptions): readonly Route[] {
  const { settings, exchange: open } = options;
  const metadata = metadataOf(options);
  return [
    { method: "POST", path: introspectPath, handle: endpoint(options, "introspect", introspect) },
    { method: "POST", path: revokePath, handle: endpoint(options, "revoke", revoke) },
    ...(open ? exchangeRoutes(options, open) : []),
    {
      method: "GET",
      path: metadataPath(settings.issuer),
      handle(_request, response) {
        send(response, 200, "application/json", JSON.stringify(metadata), mayBeKept);
      },
    },
  ];
}

type Endpoint = (
  options: OAuthOptions,
  request: OAuthRequest,
) => Promise<{ readonly answer: string; readonly body: object | undefined }>;

const introspect: Endpoint = async (options, request) => {
  const { authorizer, settings, clock } = options;
  const caller = oauthCaller(options, request, "introspect");
  const token = required(request.parameters, "token");
  const introspection = await authorizer.introspect(token, undefined, (subject) => admitsSubject(caller, subject), {
    deadline: performance.now() + deadlineMs,
  });
  if (introspection instanceof Failure) throw introspection;
  if (introspection.reason !== "ALLOWED") return { answer: "inactive", body: inactive };
  const { snapshot, secret } = introspection;
  return { answer: "active", body: activeToken(snapshot, secret, settings, caller, clock.now()) };
};

const revoke: Endpoint = async (options, request) => {
  const { publicRevocations, revoke: end, exchange: open } = options;
  const by =
    publicRevocations && showsNobody(options, request)
      ? publicRevoker(publicRevocations, request)
      : oauthCaller(options, request, "tokens.revoke");
  const token = required(request.parameters, "token");
  // A JWT stays valid until it expires, so it must not be reported as revoked (RFC 7009 §2.2.1).
  if (await open?.made(token))
    throw new OAuthError(400, "unsupported_token_type", "a JWT from token exchange cannot be revoked");
  await end(token, by);
  // Also for a text that never was a token: the caller could not do anything about it (RFC 7009 §2.2).
  return { answer: "revoked", body: undefined };
};

/** Returns the bearer. Throws an OAuthError for an address that calls too fast. */
function publicRevoker(limiter: Pick<RateLimiter, "waitMs">, { socket }: OAuthRequest): Bearer {
  const address = peerAddress(socket.remoteAddress);
  if (limiter.waitMs(keyOfAddress(address)) > 0) throw tooManyRequests();
  return { address };
}

function exchangeRoutes(options: OAuthOptions, { exchange, publishedKeys }: TokenExchange): readonly Route[] {
  const token: Endpoint = async (_options, request) => {
    const caller = oauthCaller(options, request, "tokens.exchange");
    const wish = parseExchange(request.parameters);
    return { answer: "exchanged", body: exchangeAnswer(await exchange(caller, wish), wish) };
  };
  const keys = async (response: ServerResponse): Promise<void> => {
    try {
      send(response, 200, "application/jwk-set+json", JSON.stringify(await publishedKeys()), mayBeKept);
    } catch (error) {
      sendError(response, undecided(options, error));
    }
  };
  return [
    { method: "POST", path: tokenPath, handle: endpoint(options, "token", token, repeatedInExchange) },
    { method: "GET", path: keysPath, handle: (_request, response) => keys(response) },
  ];
}

function endpoint(
  options: OAuthOptions,
  name: EndpointName,
  serve: Endpoint,
  repeated?: typeof repeatedInExchange,
): Route["handle"] {
  const run = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      const { answer, body } = await serve(options, {
        headers: rawHeadersOf(request),
        parameters: await readForm(request, repeated),
        socket: request.socket,
      });
      options.onAnswer?.(name, answer);
      if (body) sendJson(response, 200, body);
      else send(response, 200, "text/plain", "");
    } catch (error) {
      const problem = refusal(error) ?? undecided(options, error);
      options.onAnswer?.(name, problem.status === 429 ? "limited" : problem.error);
      // The rest of a refused body is not read.
      if (!request.complete) response.setHeader("connection", "close");
      sendError(response, problem);
    }
  };
  return run;
}

function sendError(response: ServerResponse, { status, error, message }: OAuthError): void {
  if (status === 401) response.setHeader("www-authenticate", 'Basic realm="patwarden"');
  if (status === 503 || status === 429) response.setHeader("retry-after", "1");
  sendJson(response, status, { error, error_description: message });
}

function refusal(error: unknown): OAuthError | undefined {
  if (error instanceof ExchangeRefused) return new OAuthError(400, error.error, error.message);
  return error instanceof OAuthError ? error : undefined;
}

/** Returns the error for a request that could not be decided and should be repeated. */
function undecided({ onDefect }: OAuthOptions, error: unknown): OAuthError {
  if (error instanceof RequestCutOff) throw error;
  if (!(error instanceof Failure) || error.reason === "INTERNAL") onDefect?.(error);
  return new OAuthError(503, "temporarily_unavailable", "no decision could be made; try again");
}

/** Returns the path of the metadata document, which is between the host of an issuer and its path (RFC 8414 §3.1). */
function metadataPath(issuer: string): string {
  const { pathname } = new URL(issuer);
  return `/.well-known/oauth-authorization-server${pathname === "/" ? "" : pathname}`;
}

function metadataOf({ settings: { issuer }, certificatesAsked, publicRevocations, exchange }: OAuthOptions): object {
  const at = (path: string): string => `${issuer.replace(/\/$/, "")}${path}`;
  const methods = ["client_secret_basic", "client_secret_post", ...(certificatesAsked ? ["tls_client_auth"] : [])];
  return {
    issuer,
    introspection_endpoint: at(introspectPath),
    introspection_endpoint_auth_methods_supported: methods,
    revocation_endpoint: at(revokePath),
    revocation_endpoint_auth_methods_supported: publicRevocations ? [...methods, "none"] : methods,
    ...(exchange && {
      token_endpoint: at(tokenPath),
      token_endpoint_auth_methods_supported: methods,
      jwks_uri: at(keysPath),
    }),
    response_types_supported: [],
    grant_types_supported: exchange ? [exchangeGrant] : [],
  };
}
