import type { IncomingMessage, ServerResponse } from "node:http";
import { type Route, sendJson } from "../transport/route.js";
import { signedOutPath } from "./app-paths.js";
import type { Cookies } from "./cookies.js";
import { isFromOwnPages } from "./own-pages.js";
import type { Provider } from "./provider.js";
import type { SessionStore } from "./session-store.js";
import type { Sessions } from "./sessions.js";
import type { ConsoleSettings } from "./settings.js";

export interface SignOutOptions {
  readonly settings: ConsoleSettings;
  readonly provider: Pick<Provider, "endSession">;
  readonly store: Pick<SessionStore, "end">;
  readonly sessions: Pick<Sessions, "idIn">;
  readonly cookies: Cookies;
}

/**
 * Returns the route `POST /sign-out`, which ends the session and answers `{"location": URL}`: where to sign out at the
 * provider too. It is no redirect, since the page's policy forbids forms that lead elsewhere.
 */
export function signOutRoute(options: SignOutOptions): Route {
  return { method: "POST", path: "/sign-out", handle: (request, response) => signOut(options, request, response) };
}

async function signOut(
  { settings, provider, store, sessions, cookies }: SignOutOptions,
  { headers }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (!isFromOwnPages((name) => headers[name]?.toString(), settings.publicUrl)) {
    sendJson(response, 403, { code: "permission_denied", message: "only the console's own pages sign out" });
    return;
  }
  const id = sessions.idIn(headers.cookie);
  if (id) await store.end(id);
  cookies.clear(response, cookies.session);
  const location = await provider.endSession();
  sendJson(response, 200, { location: location?.href ?? signedOutPath });
}
