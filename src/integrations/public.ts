import type { IncomingMessage } from "node:http";
import type { Authorizer } from "../check/decision.js";
import { type Limit, RateLimiter } from "../domain/rate-limiter.js";
import { type ScanningProvider, scanningProviders } from "../leaks/leak.js";
import type { Route } from "../transport/route.js";
import { createProviderKeys, type ProviderConfig, type ProviderKeys } from "./leaks/provider-keys.js";
import type { ReportFound } from "./leaks/report.js";
import { reportLeakRoute } from "./leaks/report-leak.js";
import { secretScanningRoute } from "./leaks/secret-scanning.js";
import { selfRoute } from "./self.js";
import { clientAddress } from "./shared/client-address.js";

export interface LeaksConfig {
  /** Whether anybody may report. */
  readonly report: boolean;
  /** Providers that may report with their signature. */
  readonly providers: Readonly<Partial<Record<ScanningProvider, ProviderConfig>>>;
  /** Organizations whose tokens are not revoked when they leak. */
  readonly notifyOnly: readonly string[];
  /** Where notifications are sent. Absent: to the log. */
  readonly webhook?: { readonly url: string; readonly key: string };
}

export interface PublicIntegrationsOptions {
  readonly config: { readonly leaks?: LeaksConfig };
  readonly authorizer: Pick<Authorizer, "introspect">;
  /** Revokes the tokens of found secrets that are ours, on every replica. */
  readonly reportFound: ReportFound;
  /** How often one address may call `GET /v1/self`. Undefined means any number of times. */
  readonly selfLimit: Limit | undefined;
  /** CIDR ranges of the reverse proxies whose X-Forwarded-For is trusted. */
  readonly trustedProxies: readonly string[];
  /** Called for each answer of an integration. Must not wait and not throw. */
  readonly onAnswer: (integration: string, answer: string) => void;
  /** Called with what an operator should look at. Must not wait and not throw. */
  readonly onProblem: (integration: string, problem: string) => void;
  readonly onDefect: (error: unknown) => void;
}

/** How often one address may report. */
const reportLimit: Limit = { burst: 60, intervalMs: 60_000 };

/** Returns the routes that need no service key: for holders of tokens, and for reports of leaked ones. */
export function publicIntegrations(options: PublicIntegrationsOptions): readonly Route[] {
  const { config, authorizer, reportFound: report, selfLimit, trustedProxies, onDefect } = options;
  const limiterOf = (limit: Limit) => new RateLimiter({ limit, monotonicMs: () => performance.now() });
  const of = (integration: string) => ({
    addressOf: (request: IncomingMessage) => clientAddress(request, trustedProxies),
    onAnswer: (answer: string) => options.onAnswer(integration, answer),
    onDefect,
  });
  const { leaks } = config;
  const routes = [selfRoute({ ...of("self"), authorizer, limiter: selfLimit && limiterOf(selfLimit) })];
  if (leaks?.report) routes.push(reportLeakRoute({ ...of("report-leak"), report, limiter: limiterOf(reportLimit) }));
  const providers = leaks ? providerKeys(leaks, options) : {};
  if (Object.keys(providers).length > 0) {
    routes.push(secretScanningRoute({ ...of("secret-scanning"), report, providers }));
  }
  return routes;
}

type Providers = Readonly<Partial<Record<ScanningProvider, ProviderKeys>>>;

function providerKeys(
  { providers }: LeaksConfig,
  { onProblem }: Pick<PublicIntegrationsOptions, "onProblem">,
): Providers {
  const told = (provider: ScanningProvider, error: unknown): void => {
    const problem = error instanceof Error ? error.message : "failed";
    onProblem("secret-scanning", `the keys of ${provider} cannot be fetched: ${problem}`);
  };
  return Object.fromEntries(
    scanningProviders.flatMap((provider) => {
      const config = providers[provider];
      if (!config) return [];
      return [[provider, createProviderKeys(config, { onFetchFailure: (error) => told(provider, error) })]];
    }),
  );
}
