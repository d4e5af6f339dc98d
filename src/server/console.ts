import { type Console, createConsole } from "../console/console.js";
import type { SignInEnd } from "../console/sign-in.js";
import { signInRefusalNames } from "../console/sign-in-refused.js";
import { createConsoleSessionStore } from "../database/console-session.js";
import { clientAddress } from "../integrations/shared/client-address.js";
import type { Parts } from "./parts.js";

/** Builds the console, when the configuration has one. Throws when its page is not built. */
export function serveConsole(parts: Parts): Console | undefined {
  const { config, database, users, peppers, clock, metrics, log, onDefect } = parts;
  if (!config.console) return undefined;
  const { settings, trustedProxies } = config.console;
  const countSignIn = metrics.signInsBy(["signed_in", ...signInRefusalNames]);
  return createConsole({
    settings,
    store: createConsoleSessionStore(database),
    users,
    deriveKeys: (label) => peppers.deriveKeys(label),
    clock: clock.judging,
    addressOf: (request) => clientAddress(request, trustedProxies),
    onSignInEnd(end) {
      countSignIn(end.kind === "refused" ? end.reason : "signed_in");
      logSignIn(parts, end);
    },
    onFetchFailure: (error) =>
      log.warn({ issuer: settings.issuer, error }, "failed to read the console's provider; retrying"),
    onDefect,
  });
}

/** Sign-ins change no token, so they are in the log and not in the audit trail. */
function logSignIn({ log, lines }: Pick<Parts, "log" | "lines">, end: SignInEnd): void {
  const address = end.address?.toString();
  if (end.kind === "signed-in") {
    const { subject, admin } = end.session;
    log.info({ subject, admin, address }, "signed in to the console");
    return;
  }
  // Anybody can cause such a line.
  const omitted = lines.admit(`sign-in ${end.reason}`, 10);
  if (omitted === undefined) return;
  const { reason, detail } = end;
  const level = reason === "misconfigured" || reason === "unavailable" ? "warn" : "info";
  log[level]({ reason, detail, address, ...(omitted > 0 && { omitted }) }, "a sign-in to the console was refused");
}
