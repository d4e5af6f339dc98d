import { hash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { SignIn } from "../callers/caller.js";
import type { OidcVerifier } from "../callers/oidc/oidc.js";
import { stepUpProblem } from "../callers/step-up.js";
import type { Clock } from "../domain/clock.js";
import { Failure } from "../domain/errors.js";
import type { Address } from "../domain/network.js";
import { keyOfAddress, type RateLimiter } from "../domain/rate-limiter.js";
import { type Route, send } from "../transport/route.js";
import { returnTarget } from "./app-paths.js";
import { openSignIn, type SignInUnderway, sealSignIn, signInTimeMs } from "./begun-sign-in.js";
import type { Cookies } from "./cookies.js";
import { isNavigation } from "./own-pages.js";
import { type AskedSignIn, callbackPath, type Provider } from "./provider.js";
import { sendRefusalPage, style, stylePath } from "./refusal-page.js";
import { mostSessions, newSession } from "./session.js";
import type { Session, SessionStore } from "./session-store.js";
import type { Sessions } from "./sessions.js";
import type { ConsoleSettings } from "./settings.js";
import { type SignInRefusal, SignInRefused } from "./sign-in-refused.js";

/** A sign-in that ended, for the log. No field is a secret. */
export type SignInEnd =
  | { readonly kind: "signed-in"; readonly session: Session; readonly address: Address | undefined }
  | {
      readonly kind: "refused";
      readonly reason: SignInRefusal;
      readonly detail: string | undefined;
      readonly address: Address | undefined;
    };

export interface SignInOptions {
  readonly settings: ConsoleSettings;
  readonly provider: Pick<Provider, "begin" | "finish">;
  readonly users: Pick<OidcVerifier, "identify">;
  readonly store: SessionStore;
  readonly sessions: Sessions;
  /** The keys of sessions and of sign-ins, derived from the peppers, the active one first. */
  readonly sessionKeys: readonly Uint8Array[];
  readonly signInKeys: readonly Uint8Array[];
  readonly cookies: Cookies;
  /** Throws while this machine's clock is wrong. */
  readonly clock: Clock;
  /** Limits each address. */
  readonly limiter: Pick<RateLimiter, "waitMs">;
  readonly addressOf: (request: IncomingMessage) => Address | undefined;
  /** Called for each sign-in that ended. Must not wait and not throw. */
  readonly onEnd: (end: SignInEnd) => void;
  readonly onDefect: (error: unknown) => void;
}

/** The longest text of the cookie of a sign-in. Browsers keep no cookie of more than 4,096 bytes, name included. */
const longestSealed = 4_000;

/**
 * The most bytes of the cookies of all sign-ins that one browser has underway, some ten; those of earlier ones are
 * removed. Every page can lead to a sign-in, with a long path to return to, and reverse proxies refuse requests with
 * long cookies, by default nginx those of 8 KiB.
 */
const mostUnderwayBytes = 6_000;

/** Returns the routes that lead people to the provider and back. */
export function signInRoutes(options: SignInOptions): readonly Route[] {
  return [
    { method: "GET", path: "/sign-in", handle: page(options, begin) },
    { method: "GET", path: callbackPath, handle: page(options, finish) },
    { method: "GET", path: stylePath, handle: (_request, response) => send(response, 200, "text/css", style) },
  ];
}

/** Handles a request. Returns the path to lead to; throws SignInRefused, or another error that is shown as one. */
type Handle = (options: SignInOptions, request: IncomingMessage, response: ServerResponse) => Promise<string>;

function page(options: SignInOptions, handle: Handle): Route["handle"] {
  return async (request, response) => {
    const address = options.addressOf(request);
    try {
      if (!isNavigation((name) => request.headers[name]?.toString())) throw new SignInRefused("wrong");
      if (options.limiter.waitMs(keyOfAddress(address)) > 0) throw new SignInRefused("limited");
      const location = await handle(options, request, response);
      response.writeHead(303, { location }).end();
    } catch (error) {
      const { reason, detail, returnTo } = refusalOf(error, options);
      options.onEnd({ kind: "refused", reason, detail, address });
      sendRefusalPage(response, reason, returnTo);
    }
  };
}

/** A refused sign-in of which it is known where it would have led. */
class RefusedOnTheWay extends SignInRefused {
  readonly returnTo: string;

  constructor({ reason, detail }: SignInRefused, returnTo: string) {
    super(reason, detail);
    this.returnTo = returnTo;
  }
}

function refusalOf(
  error: unknown,
  { onDefect }: Pick<SignInOptions, "onDefect">,
): Pick<RefusedOnTheWay, "reason" | "detail" | "returnTo"> {
  if (error instanceof RefusedOnTheWay) return error;
  if (error instanceof SignInRefused) return { reason: error.reason, detail: error.detail, returnTo: "/" };
  if (!(error instanceof Failure)) onDefect(error);
  return { reason: "unavailable", detail: error instanceof Failure ? error.reason : "a defect", returnTo: "/" };
}

const begin: Handle = async (options, request, response) => {
  const { provider, sessions, signInKeys, cookies, clock } = options;
  const { searchParams } = new URL(request.url ?? "/", options.settings.publicUrl);
  const asked = askedIn(searchParams);
  const { cookie } = request.headers;
  // Only from the console's own pages: browsers send the session's cookie with nothing else.
  const session = await sessions.find(cookie);
  const { address, begun } = await provider.begin(asked);
  const underway: SignInUnderway = {
    ...begun,
    ...asked,
    returnTo: "/",
    endTime: clock.now().getTime() + signInTimeMs,
    ...(session && { replaces: { id: Buffer.from(session.id).toString("base64url"), subject: session.subject } }),
  };
  const leadingBack = sealSignIn(signInKeys, { ...underway, returnTo: returnTarget(searchParams.get("return")) });
  const sealed = leadingBack.length > longestSealed ? sealSignIn(signInKeys, underway) : leadingBack;
  let bytes = cookies.signIn(begun.state).length + sealed.length;
  // Browsers send the newest one last.
  for (const { name, size } of cookies.signInsIn(cookie).toReversed()) {
    bytes += size;
    if (bytes > mostUnderwayBytes) cookies.clear(response, name);
  }
  cookies.setSignIn(response, begun.state, sealed, signInTimeMs);
  return address.href;
};

/** Reads `max_age` (seconds, up to a year) and `acr_values` (up to 10), as STEP_UP_REQUIRED names them. */
function askedIn(parameters: URLSearchParams): AskedSignIn {
  const maxAge = parameters.get("max_age");
  const acr = parameters.get("acr_values") ?? "";
  if (maxAge !== null && !/^\d{1,8}$/.test(maxAge)) throw new SignInRefused("wrong");
  if (!/^[\x21-\x7e]{0,200}(?: [\x21-\x7e]{1,200}){0,9}$/.test(acr)) throw new SignInRefused("wrong");
  return { ...(maxAge !== null && { maxAge: Number(maxAge) }), acrValues: acr === "" ? [] : acr.split(" ") };
}

const finish: Handle = async (options, request, response) => {
  const { settings, signInKeys, cookies, clock } = options;
  const target = request.url ?? "/";
  const state = new URL(target, settings.publicUrl).searchParams.get("state") ?? "";
  const name = cookies.signIn(state);
  const sealed = cookies.read(request.headers.cookie, name);
  if (sealed !== undefined) cookies.clear(response, name);
  const underway = sealed === undefined ? undefined : openSignIn(signInKeys, sealed);
  if (!underway) throw new SignInRefused("stale");
  try {
    if (clock.now().getTime() >= underway.endTime) throw new SignInRefused("stale");
    const secret = await start(options, underway, target, options.addressOf(request));
    cookies.setSession(response, secret);
    return underway.returnTo;
  } catch (error) {
    throw error instanceof SignInRefused ? new RefusedOnTheWay(error, underway.returnTo) : error;
  }
};

/** Starts the session of a person that the provider led back, and returns its secret. */
async function start(
  options: SignInOptions,
  underway: SignInUnderway,
  target: string,
  address: Address | undefined,
): Promise<string> {
  const { settings, provider, users, store, sessionKeys, clock } = options;
  const { replaces, state } = underway;
  const claims = await provider.finish(target, underway);
  const user = users.identify(settings.issuer, claims);
  if (!user)
    throw new SignInRefused("no_user", "issuers[].subject gives no valid user id with the claims of its ID token");
  const now = clock.now();
  requireRenewed(user.signIn, underway, now);
  // The page has kept a form, which belongs to the person who filled it in.
  if (replaces && isStepUp(underway) && replaces.subject !== user.subject) throw new SignInRefused("other_user");
  const { secret, id } = newSession(sessionKeys);
  const { authTime, acr, displayName } = user.signIn;
  const sid = claims["sid"];
  const session: Session = {
    id,
    subject: user.subject,
    issuer: settings.issuer,
    issuerSubject: claims.sub ?? "",
    ...(typeof sid === "string" && { issuerSession: sid }),
    admin: user.admin,
    ...(displayName !== undefined && { displayName }),
    ...(authTime && { authTime: notAfter(now, authTime) }),
    ...(acr !== undefined && { acr }),
    createTime: now,
    lastUseTime: now,
  };
  const started = await store.start(session, {
    state: hash("sha256", state, "buffer"),
    ...(replaces && { replaces: Buffer.from(replaces.id, "base64url") }),
    mostSessions,
  });
  if (started === "used") throw new SignInRefused("stale");
  if (started !== "started") throw new SignInRefused("disabled", user.subject);
  options.onEnd({ kind: "signed-in", session, address });
  return secret;
}

/** A provider whose clock is ahead must not make the sign-in newer than it is. */
function notAfter(now: Date, time: Date): Date {
  return new Date(Math.min(now.getTime(), time.getTime()));
}

function isStepUp({ maxAge, acrValues }: AskedSignIn): boolean {
  return maxAge !== undefined || acrValues.length > 0;
}

/** How old the newest sign-in may be when the person comes back, milliseconds: the way back takes time. */
const wayBackMs = 60_000;

/** Throws when the provider did not do what it was asked for: the page would ask again and again. */
function requireRenewed(signIn: SignIn, { maxAge, acrValues }: AskedSignIn, now: Date): void {
  const maxAgeMs = maxAge === undefined ? undefined : Math.max(maxAge * 1000, wayBackMs);
  const asked = { ...(maxAgeMs !== undefined && { maxAgeMs }), acrValues };
  const problem = stepUpProblem({ ...signIn, authTime: signIn.authTime ?? now, stepUp: asked }, now);
  if (problem !== undefined) throw new SignInRefused("not_renewed", problem);
}
