import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  ClientSecretBasic,
  calculatePKCECodeChallenge,
  discovery,
  randomPKCECodeVerifier,
  randomState,
} from "openid-client";
import { elementRoutes } from "../../../console/files.js";
import { type Route, send, sendJson } from "../../../transport/route.js";
import type { Client } from "../issuer/client.js";
import { notePage } from "../issuer/sign-in-page.js";
import { html, type Page, sendPage, styleRoute } from "../pages/page.js";

export interface SettingsPageOptions {
  /** The origin of the page. */
  readonly url: string;
  readonly issuer: string;
  /** The page as a client of the issuer. */
  readonly client: Client;
  /** The origin of Patwarden's public HTTP port. */
  readonly patwarden: string;
}

export const settingsPath = "/settings";
const signInPath = `${settingsPath}/sign-in`;
export const settingsCallbackPath = `${settingsPath}/callback`;
const tokenPath = `${settingsPath}/access-token`;
const scriptPath = `${settingsPath}/settings.js`;
const elementPath = "/elements/v1/patwarden-tokens.js";
const sessionCookie = "sample_session";
const signInCookie = "sample_sign_in";

/** The longest lists of sessions and of begun sign-ins; the oldest is dropped. */
const most = 100;

/**
 * Returns the routes of a settings page, as a company would have one in its own product: it signs people in by itself,
 * and shows `<patwarden-tokens>` with their access tokens, under a strict Content-Security-Policy.
 */
export function settingsPage(options: SettingsPageOptions): readonly Route[] {
  const state: State = { ...options, begun: new Map(), sessions: new Map() };
  const get = (path: string, handle: (...asked: Asked) => void | Promise<void>): Route => ({
    ...{ method: "GET", path, handle: (request, response) => handle(state, request, response) },
  });
  return [
    get(settingsPath, show),
    get(signInPath, signIn),
    get(settingsCallbackPath, finish),
    get(tokenPath, accessToken),
    get(scriptPath, (_, _request, response) => send(response, 200, "text/javascript; charset=utf-8", script)),
    ...elementRoutes(),
    styleRoute,
  ];
}

interface State extends SettingsPageOptions {
  /** PKCE verifiers by `state`, of people who are at the issuer. */
  readonly begun: Map<string, string>;
  /** Access tokens by the ids of sessions. */
  readonly sessions: Map<string, string>;
}

type Asked = readonly [state: State, request: IncomingMessage, response: ServerResponse];

/** The script of the page: it gives the element the access token of the person. */
const script = `import "${elementPath}";

const element = document.querySelector("patwarden-tokens");
element.getAccessToken = async () => {
  const answer = await fetch("${tokenPath}");
  if (answer.ok) return (await answer.json()).access_token;
  location.assign("${signInPath}");
  throw new Error("signing in");
};
for (const need of ["patwarden-sign-in-needed", "patwarden-step-up"]) {
  element.addEventListener(need, () => location.assign("${signInPath}"));
}
`;

function show({ patwarden, sessions }: State, request: IncomingMessage, response: ServerResponse): void {
  if (!sessions.has(cookieOf(request, sessionCookie))) {
    redirect(response, signInPath);
    return;
  }
  const page: Page = {
    title: "Settings of your product",
    body: html`<main class="wide">
<h1>Settings of your product</h1>
<p>This page stands for one of your own. All below is the element <code>&lt;patwarden-tokens&gt;</code>.</p>
<patwarden-tokens base-url="${patwarden}"></patwarden-tokens>
</main>`,
    scripts: [scriptPath],
    calls: ["'self'", patwarden],
  };
  sendPage(response, 200, page);
}

async function signIn(state: State, _request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [name, verifier] = [randomState(), randomPKCECodeVerifier()];
  remember(state.begun, name, verifier);
  const address = buildAuthorizationUrl(await provider(state), {
    redirect_uri: `${state.url}${settingsCallbackPath}`,
    scope: "openid profile",
    state: name,
    code_challenge: await calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
  });
  setCookie(response, signInCookie, name);
  redirect(response, address.href);
}

async function finish(state: State, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const expectedState = cookieOf(request, signInCookie);
  const pkceCodeVerifier = state.begun.get(expectedState);
  state.begun.delete(expectedState);
  if (pkceCodeVerifier === undefined) {
    sendPage(
      response,
      400,
      notePage("Not signed in", `This sign-in was not begun in this browser. Open ${settingsPath}.`),
    );
    return;
  }
  const answer = new URL(request.url ?? "", state.url);
  const tokens = await authorizationCodeGrant(await provider(state), answer, { expectedState, pkceCodeVerifier });
  const session = randomBytes(32).toString("base64url");
  remember(state.sessions, session, tokens.access_token);
  setCookie(response, sessionCookie, session);
  redirect(response, settingsPath);
}

/** Answers the page's own script with the access token. No other page can read the answer: it has no CORS. */
function accessToken({ sessions }: State, request: IncomingMessage, response: ServerResponse): void {
  const token = sessions.get(cookieOf(request, sessionCookie));
  if (token === undefined) sendJson(response, 401, { error: "sign in" });
  else sendJson(response, 200, { access_token: token });
}

function provider({ issuer, client }: State) {
  return discovery(new URL(issuer), client.id, undefined, ClientSecretBasic(client.secret), {
    execute: [allowInsecureRequests],
  });
}

function remember(map: Map<string, string>, key: string, value: string): void {
  const [oldest] = map.keys();
  if (oldest !== undefined && map.size >= most) map.delete(oldest);
  map.set(key, value);
}

function cookieOf({ headers }: IncomingMessage, name: string): string {
  const pairs = (headers.cookie ?? "").split("; ").map((pair) => pair.split("=", 2));
  return pairs.find(([key]) => key === name)?.[1] ?? "";
}

function setCookie(response: ServerResponse, name: string, value: string): void {
  response.appendHeader("set-cookie", `${name}=${value}; HttpOnly; SameSite=Lax; Path=${settingsPath}`);
}

function redirect(response: ServerResponse, location: string): void {
  response.setHeader("location", location);
  send(response, 303, "text/plain", "");
}
