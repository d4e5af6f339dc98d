import { byDeadline } from "../async/deadlines.js";
import type { Rights } from "../callers/rights.js";
import type { ServiceProofs } from "../callers/service-proof.js";
import type { Authorizer } from "../check/authorizer.js";
import type { TokenResolver } from "../check/token-resolver.js";
import type { Config } from "../config/config.js";
import type { Database } from "../database/database.js";
import { createLeakStore } from "../database/leak.js";
import { createSigningKeyStore } from "../database/signing-key.js";
import { createTokenStore } from "../database/token.js";
import type { Clock } from "../domain/clock.js";
import { Failure } from "../domain/errors.js";
import type { PepperRing } from "../domain/pepper.js";
import type { AuthorizationModel, PermissionChecker } from "../domain/permission-checker.js";
import { parseSecret } from "../domain/secret.js";
import { type ExchangeTokenOptions, exchangeToken } from "../exchange/exchange-token.js";
import { signingKeyLabel } from "../exchange/signing-key.js";
import { SigningKeys } from "../exchange/signing-keys.js";
import { createIntegrations, type ExchangeConfig, type Integrations } from "../integrations/integrations.js";
import type { TokenExchange } from "../integrations/oauth/exchange.js";
import { LeakNotifier, tellLog } from "../leaks/leak-notifier.js";
import { reportLeaks } from "../leaks/report-leaks.js";
import { createWebhook } from "../leaks/webhook.js";
import type { ReuseDetector } from "../manage/reuse.js";
import { revokeBySecret } from "../manage/revoke-by-secret.js";
import { revokeItself } from "../manage/revoke-itself.js";
import type { Revocation } from "../revocation/revocation.js";
import { LineBudget } from "../telemetry/line-budget.js";
import type { Logger } from "../telemetry/log.js";
import type { Metrics } from "../telemetry/metrics.js";
import type { UsageRecorder } from "../usage/usage-recorder.js";

/** When an integration that changes something answers at the latest, milliseconds: no HTTP caller says how long it waits. */
const integrationDeadlineMs = 10_000;
/** The same for reports of leaks: their senders give up after half a minute. */
const leakDeadlineMs = 20_000;

export interface ComposeIntegrationsOptions extends ServiceProofs {
  readonly config: Config;
  readonly database: Database;
  readonly tokens: TokenResolver;
  /** The same for what is judged by its times. */
  readonly judged: Pick<TokenResolver, "resolve">;
  readonly authorizer: Authorizer;
  readonly permissions: PermissionChecker;
  /** Throws OPENFGA_UNAVAILABLE until the model has been read once. */
  readonly model: () => AuthorizationModel;
  readonly revocation: Revocation;
  readonly rights: Rights;
  readonly reuse: ReuseDetector;
  readonly usage: UsageRecorder;
  readonly peppers: PepperRing;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Told what went wrong in a route that must not. */
  readonly onDefect: (error: unknown) => void;
}

export interface ComposedIntegrations extends Integrations {
  /** Undefined: no JWTs are made. To be started before anybody is let in. */
  readonly signingKeys: SigningKeys | undefined;
  /** Undefined: leaks are not heard of. */
  readonly leakNotifier: LeakNotifier | undefined;
}

/** The integrations that the configuration opens, with what stands behind them. */
export function composeIntegrations(options: ComposeIntegrationsOptions): ComposedIntegrations {
  const { config, database, tokens, judged, authorizer, permissions, model, revocation, rights } = options;
  const { serviceKeys, serviceCertificates, reuse, usage, peppers, clock, metrics, log, onDefect } = options;
  const { brand } = config.tokens;
  const { oauth, leaks } = config.integrations;
  const lines = new LineBudget(() => performance.now());
  const exchange = oauth?.exchange && composeExchange(oauth.issuer, oauth.exchange);
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
    serviceKeys,
    serviceCertificates,
    clock,
    revoke: (secret, by) =>
      within(integrationDeadlineMs, async (own, deadline) => {
        const parsed = parseSecret(secret, brand);
        // A guess of a stranger costs no read; there is nothing that replicas could go by.
        if (!parsed || !peppers.recognize(parsed)) return;
        const changing = { store: createTokenStore(own), clock, rights };
        if ("address" in by) await revokeItself({ ...changing, tokens }, secret, by.address, "REQUESTED", deadline);
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
        // Also when all of it had ended before: an earlier report may have been cut off before this.
        await revocation.confirm(deadline);
        return ours;
      }),
    selfLimit: config.limits.self,
    trustedProxies: config.publicHttp?.trustedProxies ?? [],
    onAnswer: metrics.integrationAnswered,
    onProblem(integration, problem) {
      const omitted = lines.admit(integration);
      if (omitted !== undefined)
        log.warn({ integration, problem, ...(omitted > 0 && { omitted }) }, "an integration could not answer");
    },
    onDefect,
  });
  return { ...integrations, signingKeys: exchange?.keys, leakNotifier };

  /** Throws DEADLINE_EXCEEDED once the time is over, whatever is waited for; nothing begins in the database after it. */
  function within<T>(limitMs: number, work: (own: Database, deadline: number) => Promise<T>): Promise<T> {
    const deadline = performance.now() + limitMs;
    const own = database.forCaller(() => performance.now() >= deadline);
    return byDeadline(work(own, deadline), deadline, () => Promise.reject(new Failure("DEADLINE_EXCEEDED")));
  }

  /** JWTs for tokens, and the keys that sign them. */
  function composeExchange(
    issuer: string,
    settings: ExchangeConfig,
  ): { keys: SigningKeys; integration: TokenExchange } {
    const keys = new SigningKeys({
      store: createSigningKeyStore(database),
      sealKeys: peppers.deriveKeys(signingKeyLabel),
      algorithm: settings.algorithm,
      issuer,
      clock,
      monotonicMs: () => performance.now(),
      onFailure: (error) => log.warn({ error }, "the signing keys could not be read"),
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
