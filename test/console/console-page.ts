import { type Browser, openBrowser, type Visit, type VisitOptions } from "../kit/browser.js";
import { type ConsoleAddress, consoleConfig, openConsoleAddress } from "../kit/console.js";
import { startTestIssuer, type TestIssuer } from "../kit/issuer.js";
import { type Patwarden, type PatwardenSettings, startPatwarden } from "../kit/patwarden.js";

/** People who can sign in: alice is a member of acme, bob administers acme, root administers the deployment. */
export type Person = "alice" | "bob" | "carol" | "root";

/** Words for examples/direct, and a token to start from. */
export const exampleCatalog = {
  types: {
    document: {
      label: { en: "Documents", de: "Dokumente" },
      actions: {
        viewer: { label: { en: "read", de: "lesen" }, risk: "low" },
        editor: { label: { en: "change", de: "ändern" }, risk: "medium" },
      },
    },
    organization: { hidden: true },
  },
  templates: [
    {
      id: "read-documents",
      label: { en: "Read documents", de: "Dokumente lesen" },
      description: { en: "For search and reports.", de: "Für Suche und Berichte." },
      grant: { rules: [{ actions: ["viewer"], resources: ["document:*"] }] },
      ttl: "30d",
    },
  ],
};

/** The console of a real server, in a real browser. */
export interface ConsolePage {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly address: ConsoleAddress;
  readonly browser: Browser;
  readonly patwarden: Patwarden;
  readonly issuer: TestIssuer;
  /** The configuration of the server, for replicas. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Opens a window, signs the person in, and opens the path. The test must close it. */
  open(person: Person, path?: string, options?: VisitOptions): Promise<Visit>;
  stop(): Promise<void>;
}

interface ConsolePageSettings extends PatwardenSettings {
  /** Merged over the configuration of the issuer. */
  readonly issuer?: object;
}

/** Starts the server, the provider that signs people in, and the browser. `settings.config` is merged over the own. */
export async function startConsolePage({
  issuer: issuerSettings = {},
  ...settings
}: ConsolePageSettings = {}): Promise<ConsolePage> {
  const [issuer, address, browser]: [TestIssuer, ConsoleAddress, Browser] = await Promise.all([
    startTestIssuer(),
    openConsoleAddress(),
    openBrowser(),
  ]);
  const config = {
    issuers: [
      {
        issuer: issuer.url,
        audiences: [issuer.audience],
        admin: { claim: "role", value: "admin" },
        ...issuerSettings,
      },
    ],
    limits: { creations_per_hour: 0, revocations_per_minute: 0, lists_per_second: 0 },
    console: consoleConfig(issuer, address.url),
    catalog: exampleCatalog,
    ...settings.config,
  };
  const patwarden = await startPatwarden({ ...settings, config });
  address.lead(patwarden.server.console);
  return {
    url: address.url,
    address,
    browser,
    patwarden,
    issuer,
    config,
    async open(person, path = "/", options = {}) {
      const visit = await browser.visit({ origins: [address.url, new URL(issuer.url).origin], ...options });
      issuer.signIns({ claims: { sub: person, name: person, ...(person === "root" && { role: "admin" }) } });
      await visit.page.goto(`${address.url}/sign-in?${new URLSearchParams({ return: path })}`);
      return visit;
    },
    async stop() {
      await browser.close();
      await patwarden.stop();
      await issuer.stop();
      await address.stop();
    },
  };
}
