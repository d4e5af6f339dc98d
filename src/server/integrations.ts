import { byDeadline } from "../async/deadlines.js";
import type { Database } from "../database/database.js";
import { createLeakStore } from "../database/leak.js";
import { createSigningKeyStore } from "../database/signing-key.js";
import { createTokenStore } from "../database/token.js";
import { Failure } from "../domain/errors.js";
import { parseSecret } from "../domain/secret.js";
import { type ExchangeTokenOptions, exchangeToken } from "../exchange/exchange-token.js";
import { signingKeyLabel } from "../exchange/signing-key.js";
import { SigningKeys } from "../exchange/signing-keys.js";
import { createIntegrations, type ExchangeConfig, type Integrations } from "../integrations/integrations.js";
import type { TokenExchange } from "../integrations/oauth/exchange.js";
import { LeakNotifier, tellLog } from "../leaks/leak-notifier.js";
import { reportLeaks } from "../leaks/report-leaks.js";
import { createWebhook } from "../leaks/webhook.js";
import { revokeBySecret } from "../manage/revoke-by-secret.js";
import { revokeItself } from "../manage/revoke-itself.js";
import type { Parts } from "./parts.js";

/** The deadline of an integration that changes something, milliseconds: HTTP callers do not say how long they wait. */
const integrationDeadlineMs = 10_000;
/** The same for reports of leaks: their senders give up after half a minute. */
const leakDeadlineMs = 20_000;

/** The integrations, and the parts that must be started for them. */
export interface ServedIntegrations extends Integrations {
  /** Undefined when no JWTs are issued. Must be started before a port opens. */
  readonly signingKeys: SigningKeys | undefined;
  /** Undefined when leak reporting is off. */
  readonly leakNotifier: LeakNotifier | undefined;
}

/** Builds the integrations that the configuration enables, and the parts that they need. */
export function serveIntegrations(parts: Parts): ServedIntegrations {
  const { config, database, resolver, judged, authorizer, openfga, model, revocation, rights } = parts;
  const { services, reuse, usage, peppers, clock, metrics, log, lines, onDefect } = parts;
  const { permissions } = openfga;
  const { brand } = config.tokens;
  const { oauth, leaks } = config.integrations;
  const exchange = oauth?.exchange && createExchange(oauth.issuer, oauth.exchange);
  const leakNotifier =
    leaks &&
    new LeakNotifier({
      store: createLeakStore(database),
      tell: leaks.webhook ? createWebhook({ ...leaks.webhook, clock }) : tellLog(log),
      log,
      clock,
    });
  const integrations = createIntegrations({
    config: config.integrations,
    authorizer,
    permissions,
    model,
    subjectTypes: config.subjects,
    services,
    clock,
    revoke: (secret, by) =>
      within(integrationDeadlineMs, async (own, deadline) => {
        const parsed = parseSecret(secret, brand);
        // A guessed secret causes no read of the database.
        if (!parsed || !peppers.recognize(parsed)) return;
        const changing = { store: createTokenStore(own), clock, rights };
        if ("address" in by)
          await revokeItself({ ...changing, tokens: resolver }, secret, by.address, "REQUESTED", deadline);
        else await revokeBySecret({ ...changing, brand, peppers }, by, secret, "REQUESTED");
        await revocation.confirm(deadline);
      }),
    exchange: exchange?.integration,
    certificatesAsked: config.http.tls?.clientCa !== undefined,
    reportFound: (found, reporter, from) =>
      within(leakDeadlineMs, async (own, deadline) => {
        const notifyOnly = leaks?.notifyOnly ?? [];
        const stores = { store: createTokenStore(own), leaks: createLeakStore(own) };
        const reported = { ...stores, brand, peppers, clock, notifyOnly };
        const ours = await reportLeaks(reported, found, { reporter, from: from?.toString() });
        if (!ours.includes(true)) return ours;
        leakNotifier?.wake();
        // Also when all tokens had ended before: an earlier report may have been interrupted before this line.
        await revocation.confirm(deadline);
        return ours;
      }),
    selfLimit: config.limits.self,
    trustedProxies: config.publicHttp?.trustedProxies ?? [],
    onAnswer: metrics.integrationAnswered,
    onProblem(integration, problem) {
      const omitted = lines.admit(`${integration} ${problem}`, 1);
      if (omitted !== undefined)
        log.warn({ integration, problem, ...(omitted > 0 && { omitted }) }, "an integration failed to answer");
    },
    onDefect,
  });
  return { ...integrations, signingKeys: exchange?.keys, leakNotifier };

  /** Throws DEADLINE_EXCEEDED when the time is over. No statement starts in the database after that. */
  function within<T>(limitMs: number, work: (own: Database, deadline: number) => Promise<T>): Promise<T> {
    const deadline = performance.now() + limitMs;
    const own = database.forCaller(() => performance.now() >= deadline);
    return byDeadline(work(own, deadline), deadline, () => Promise.reject(new Failure("DEADLINE_EXCEEDED")));
  }

  /** Builds the exchange of tokens for JWTs, and the keys that sign the JWTs. */
  function createExchange(issuer: string, settings: ExchangeConfig): { keys: SigningKeys; integration: TokenExchange } {
    const keys = new SigningKeys({
      store: createSigningKeyStore(database),
      sealKeys: peppers.deriveKeys(signingKeyLabel),
      algorithm: settings.algorithm,
      issuer,
      clock,
      monotonicMs: () => performance.now(),
      onFailure: (error) => log.warn({ error }, "failed to read the signing keys; retrying"),
    });
    const exchanging: Omit<ExchangeTokenOptions, "store"> = {
      ...settings,
      issuer,
      tokens: judged,
      permissions,
      memberRelation: config.subjects.relations.member,
      clock,
      sign: (claims) => keys.sign(claims),
      onUse: (token) => usage.used(token, undefined),
      onSuperseded: (reused) => reuse.notice(reused),
    };
    return {
      keys,
      integration: {
        exchange: (caller, request) =>
          within(integrationDeadlineMs, (own, deadline) =>
            exchangeToken({ ...exchanging, store: createTokenStore(own) }, caller, request, { deadline }),
          ),
        publishedKeys: () => within(integrationDeadlineMs, () => keys.published()),
        made: (text) => within(integrationDeadlineMs, () => keys.made(text)),
      },
    };
  }
}
