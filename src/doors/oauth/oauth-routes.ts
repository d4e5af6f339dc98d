import type { IncomingMessage, ServerResponse } from "node:http";
import type { ServiceCaller } from "../../access/caller.js";
import type { ServiceKeys } from "../../access/service-keys.js";
import type { Authorizer } from "../../check/authorizer.js";
import type { Clock } from "../../check/clock.js";
import { Failure } from "../../failure/failure.js";
import { type Route, send, sendJson } from "../../http/route.js";
import { ExchangeRefused } from "../../manage/exchange-token.js";
import { keySetMaxAgeMs } from "../../signing/key-schedule.js";
import { rawHeadersOf } from "../raw-headers.js";
import { exchangeAnswer, exchangeGrant, parseExchange, repeatedInExchange, type TokenExchange } from "./exchange.js";
import { OAuthError, readForm, required } from "./form.js";
import { activeToken, type IntrospectionSettings, inactive } from "./introspection.js";
import { oauthCaller } from "./oauth-caller.js";

export interface OAuthOptions {
  readonly authorizer: Pick<Authorizer, "introspect">;
  readonly serviceKeys: Pick<ServiceKeys, "find">;
  /** Ends the token of a secret, if it is one of ours and lives, on every replica. */
  readonly revoke: (secret: string, caller: ServiceCaller) => Promise<void>;
  readonly settings: IntrospectionSettings;
  /** Absent: exchange is closed. */
  readonly exchange?: TokenExchange | undefined;
  readonly clock: Clock;
  /** Told of each answer. Must not wait and not throw. */
  readonly onAnswer?: (endpoint: EndpointName, answer: string) => void;
  /** Told of what was not expected. */
  readonly onDefect?: (error: unknown) => void;
}

type EndpointName = "introspect" | "revoke" | "token";

const introspectPath = "/oauth2/introspect";
const revokePath = "/oauth2/revoke";
const tokenPath = "/oauth2/token";
const keysPath = "/.well-known/jwks.json";

/** Of what anybody may read. */
const mayBeKept = `public, max-age=${keySetMaxAgeMs / 1000}`;

/**
 * OAuth 2.0 token introspection (RFC 7662), revocation (RFC 7009), token exchange (RFC 8693) with its keys where it is open, and the document that tells
 * where they are (RFC 8414).
 */
export function oauthRoutes(options: OAuthOptions): readonly Route[] {
  const { settings, exchange: open } = options;
  const metadata = metadataOf(settings.issuer, open !== undefined);
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
  headers: ReturnType<typeof rawHeadersOf>,
  parameters: ReadonlyMap<string, string>,
) => Promise<{ readonly answer: string; readonly body: object | undefined }>;

const introspect: Endpoint = async ({ authorizer, serviceKeys, settings, clock }, headers, parameters) => {
  oauthCaller(serviceKeys, headers, parameters, "introspect");
  const introspection = await authorizer.introspect(required(parameters, "token"), undefined);
  if (introspection instanceof Failure) throw introspection;
  if (introspection.reason !== "ALLOWED") return { answer: "inactive", body: inactive };
  return { answer: "active", body: activeToken(introspection.snapshot, settings, clock.now()) };
};

const revoke: Endpoint = async ({ serviceKeys, revoke: end, exchange: open }, headers, parameters) => {
  const caller = oauthCaller(serviceKeys, headers, parameters, "tokens.revoke");
  const token = required(parameters, "token");
  // It lives to its end, and to say that it was ended would be a lie (RFC 7009 §2.2.1).
  if (await open?.made(token)) throw new OAuthError(400, "unsupported_token_type", "a JWT of ours cannot be revoked");
  await end(token, caller);
  // Also for what never was a token: there is nothing that a caller could do about it (RFC 7009 §2.2).
  return { answer: "revoked", body: undefined };
};

function exchangeRoutes(options: OAuthOptions, { exchange, publishedKeys }: TokenExchange): readonly Route[] {
  const token: Endpoint = async ({ serviceKeys }, headers, parameters) => {
    const caller = oauthCaller(serviceKeys, headers, parameters, "tokens.exchange");
    const request = parseExchange(parameters);
    return { answer: "exchanged", body: exchangeAnswer(await exchange(caller, request), request) };
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
    { method: "GET", path: keysPath, handle: (_request, response) => void keys(response) },
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
      const { answer, body } = await serve(options, rawHeadersOf(request), await readForm(request, repeated));
      options.onAnswer?.(name, answer);
      if (body) sendJson(response, 200, body);
      else send(response, 200, "text/plain", "");
    } catch (error) {
      const problem = refusal(error) ?? undecided(options, error);
      options.onAnswer?.(name, problem.error);
      // Nobody reads what is left of a body that was refused.
      if (!request.complete) response.setHeader("connection", "close");
      sendError(response, problem);
    }
  };
  return (request, response) => void run(request, response);
}

function sendError(response: ServerResponse, { status, error, message }: OAuthError): void {
  if (status === 401) response.setHeader("www-authenticate", 'Basic realm="patwarden"');
  if (status === 503) response.setHeader("retry-after", "1");
  sendJson(response, status, { error, error_description: message });
}

function refusal(error: unknown): OAuthError | undefined {
  if (error instanceof ExchangeRefused) return new OAuthError(400, error.error, error.message);
  return error instanceof OAuthError ? error : undefined;
}

/** Neither active nor inactive, neither revoked nor not: to be asked again. */
function undecided({ onDefect }: OAuthOptions, error: unknown): OAuthError {
  const expected = error instanceof Failure && error.reason !== "INTERNAL";
  if (!expected) onDefect?.(error);
  return new OAuthError(503, "temporarily_unavailable", "no answer could be given; ask again");
}

/** RFC 8414 §3.1: between the host of an issuer and its path. */
function metadataPath(issuer: string): string {
  const { pathname } = new URL(issuer);
  return `/.well-known/oauth-authorization-server${pathname === "/" ? "" : pathname}`;
}

function metadataOf(issuer: string, exchangeIsOpen: boolean): object {
  const at = (path: string): string => `${issuer.replace(/\/$/, "")}${path}`;
  const methods = ["client_secret_basic", "client_secret_post"];
  return {
    issuer,
    introspection_endpoint: at(introspectPath),
    introspection_endpoint_auth_methods_supported: methods,
    revocation_endpoint: at(revokePath),
    revocation_endpoint_auth_methods_supported: methods,
    ...(exchangeIsOpen && {
      token_endpoint: at(tokenPath),
      token_endpoint_auth_methods_supported: methods,
      jwks_uri: at(keysPath),
    }),
    response_types_supported: [],
    grant_types_supported: exchangeIsOpen ? [exchangeGrant] : [],
  };
}
