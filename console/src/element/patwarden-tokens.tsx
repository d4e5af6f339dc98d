import { Code, ConnectError } from "@connectrpc/connect";
import { render } from "preact";
import { useMemo, useRef } from "preact/hooks";
import { type Api, clientsOf } from "../app/api.js";
import type { Host } from "../app/context.js";
import { memoryForms } from "../app/kept-form.js";
import { useLoad } from "../app/load.js";
import { isSignedOut } from "../app/problem.js";
import { type MemoryRouter, memoryRouter } from "../app/router.js";
import { jsonTransport } from "../app/transport.js";
import { AppRoot } from "../views/app-root.js";
import { sharedViews } from "../views/shared-views.js";
import type { Language } from "../words/words.js";
import css from "./element.css?inline";
import { languageAround, watchLanguage } from "./language-around.js";

type AccessTokenSource = () => string | Promise<string>;

/** Servers of React and Vue load this file too, where no element is ever made. */
const Base = globalThis.HTMLElement ?? (class {} as unknown as typeof HTMLElement);

const attributes = ["base-url", "subject", "organization", "template", "lang"] as const;
const properties = [
  ...["baseUrl", "subject", "organization", "template"],
  ...["getAccessToken", "fetch", "resources"],
] as const;

let style: CSSStyleSheet | undefined;

/** Returns the style of all elements of the page. */
function sharedStyle(): CSSStyleSheet {
  if (!style) {
    style = new CSSStyleSheet();
    style.replaceSync(css);
  }
  return style;
}

/** `<patwarden-tokens>`. Its types for hosts, with all explanations, are in `public-element/patwarden-tokens.d.ts`. */
export class PatwardenTokens extends Base {
  static readonly observedAttributes: readonly string[] = attributes;

  readonly #root: HTMLElement;
  readonly #router = memoryRouter();
  readonly #forms = memoryForms();
  #getAccessToken: AccessTokenSource | undefined;
  #fetch: typeof globalThis.fetch | undefined;
  #resources: Host["resources"] = {};
  #round = 0;
  #waiting = false;
  #unwatch: (() => void) | undefined;

  constructor() {
    super();
    const shadow = this.attachShadow({ mode: "open" });
    shadow.adoptedStyleSheets = [sharedStyle()];
    this.#root = document.createElement("div");
    this.#root.className = "pw";
    this.#root.setAttribute("part", "root");
    shadow.append(this.#root);
    // Properties that were set before this file was loaded stand in front of the accessors of the class.
    for (const name of properties) {
      if (!Object.hasOwn(this, name)) continue;
      const value = Reflect.get(this, name);
      Reflect.deleteProperty(this, name);
      Reflect.set(this, name, value);
    }
  }

  get baseUrl(): string {
    return this.getAttribute("base-url") ?? "";
  }
  set baseUrl(value: string | null | undefined) {
    this.#setAttribute("base-url", value);
  }
  get subject(): string {
    return this.getAttribute("subject") ?? "";
  }
  set subject(value: string | null | undefined) {
    this.#setAttribute("subject", value);
  }
  get organization(): string {
    return this.getAttribute("organization") ?? "";
  }
  set organization(value: string | null | undefined) {
    this.#setAttribute("organization", value);
  }
  get template(): string {
    return this.getAttribute("template") ?? "";
  }
  set template(value: string | null | undefined) {
    this.#setAttribute("template", value);
  }
  get getAccessToken(): AccessTokenSource | undefined {
    return this.#getAccessToken;
  }
  set getAccessToken(value: AccessTokenSource | null | undefined) {
    this.#getAccessToken = value ?? undefined;
    this.#renderSoon();
  }
  get fetch(): typeof globalThis.fetch | undefined {
    return this.#fetch;
  }
  set fetch(value: typeof globalThis.fetch | null | undefined) {
    this.#fetch = value ?? undefined;
    this.#renderSoon();
  }
  get resources(): Host["resources"] {
    return this.#resources;
  }
  set resources(value: Host["resources"] | null | undefined) {
    this.#resources = value ?? {};
  }

  connectedCallback(): void {
    this.#unwatch?.();
    this.#unwatch = watchLanguage(this, () => this.#renderSoon());
    this.#renderSoon();
  }

  disconnectedCallback(): void {
    // An element that is moved is put back in the same turn, and keeps what it shows.
    queueMicrotask(() => {
      if (this.isConnected) return;
      this.#unwatch?.();
      this.#unwatch = undefined;
      render(null, this.#root);
    });
  }

  /** Keeps an element that `moveBefore` moves as it is, with its open dialog. */
  connectedMoveCallback(): void {}

  attributeChangedCallback(): void {
    this.#renderSoon();
  }

  reload(): void {
    this.#round += 1;
    this.#renderSoon();
  }

  #setAttribute(name: string, value: string | null | undefined): void {
    if (value === null || value === undefined) this.removeAttribute(name);
    else this.setAttribute(name, value);
  }

  /** Renders once for all attributes and properties that are set in the same turn. */
  #renderSoon(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    queueMicrotask(() => {
      this.#waiting = false;
      if (this.isConnected) this.#render();
    });
  }

  #render(): void {
    const language = languageAround(this);
    this.#root.lang = language.name;
    const settings: Settings = {
      baseUrl: new URL(this.baseUrl || "/", document.baseURI).href.replace(/\/$/, ""),
      subject: this.subject,
      organization: this.organization,
      template: this.template,
      credential: this.#fetch ? "of fetch" : this.#getAccessToken ? "access token" : "of the page",
      round: this.#round,
    };
    render(
      <Element element={this} settings={settings} router={this.#router} forms={this.#forms} language={language} />,
      this.#root,
    );
  }
}

interface Settings extends Pick<Host, "organization" | "template"> {
  /** Without a slash at the end. */
  readonly baseUrl: string;
  /** Empty: the caller. */
  readonly subject: string;
  readonly credential: "access token" | "of fetch" | "of the page";
  /** Counts how often the host has asked for a new beginning. */
  readonly round: number;
}

interface ElementProps {
  readonly element: PatwardenTokens;
  readonly settings: Settings;
  readonly router: MemoryRouter;
  readonly forms: Host["forms"];
  readonly language: Language;
}

function Element({ settings: wanted, ...props }: ElementProps) {
  const settings = useSettings(wanted, props.router);
  const { baseUrl, subject, credential, round } = settings;
  return <OneSubject key={JSON.stringify([baseUrl, subject, credential, round])} settings={settings} {...props} />;
}

/** Everything that is known and shown for one subject at one place: nothing of it is left when these change. */
function OneSubject({ element, settings, router, forms, language }: ElementProps) {
  const { words } = language;
  const { baseUrl, subject, organization, template } = settings;
  const api = useMemo(() => apiOf(element, baseUrl), []);
  const host = useMemo(() => hostOf(element, settings, forms), [organization, template]);
  const caller = useLoad("caller", (signal) => api.self.getCaller({}, { signal }));
  const problem = caller.problem.value;
  if (problem) {
    const signedOut = isSignedOut(problem);
    return (
      <div class="alone" role="alert">
        <p>{signedOut ? words.page.signedOut : words.page.unreachable}</p>
        <div class="row">
          {signedOut && (
            <button type="button" part="button" class="button main" onClick={() => host.signIn()}>
              {words.signIn}
            </button>
          )}
          <button
            type="button"
            part="button"
            class={signedOut ? "button quiet" : "button main"}
            onClick={() => caller.reload()}
          >
            {words.tryAgain}
          </button>
        </div>
      </div>
    );
  }
  const known = caller.value.value;
  if (!known)
    return (
      <p class="coming">
        <span class="spinner" aria-hidden="true" /> {words.loading}
      </p>
    );
  return (
    <AppRoot
      {...{ api, router, host, language }}
      caller={known}
      subject={subject || known.caller}
      views={sharedViews}
    />
  );
}

/**
 * Returns the settings that are in effect. New ones wait while a view holds the user: while a secret is made or shown,
 * it must neither get lost nor stand in another place. Another subject starts at its list.
 */
function useSettings(wanted: Settings, router: MemoryRouter): Settings {
  const used = useRef(wanted);
  if (!router.held.value) used.current = wanted;
  const settings = used.current;
  const place = `${settings.baseUrl} ${settings.subject}`;
  const before = useRef(place);
  if (before.current !== place) {
    before.current = place;
    router.go("/");
  }
  return settings;
}

/** Returns the calls by the host's `fetch`, with the host's access token. */
const apiOf = (element: PatwardenTokens, baseUrl: string): Api =>
  clientsOf(
    jsonTransport({
      baseUrl,
      fetch: (url, init) => (element.fetch ?? globalThis.fetch)(url, init),
      accessToken: (signal) => accessToken(element, signal),
    }),
  );

/**
 * Asks the host for the access token, as long as the call may take. The host's own error is not shown: it may name
 * secrets.
 */
async function accessToken(element: PatwardenTokens, signal: AbortSignal): Promise<string | undefined> {
  const over = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  const asked = async () => {
    try {
      return await element.getAccessToken?.();
    } catch (cause) {
      throw new ConnectError("the page has no access token", Code.Unauthenticated, undefined, undefined, cause);
    }
  };
  return Promise.race([asked(), over]);
}

function hostOf(element: PatwardenTokens, settings: Settings, forms: Host["forms"]): Host {
  const { baseUrl, organization, template, credential } = settings;
  const tell = (name: string, detail?: object) =>
    element.dispatchEvent(new CustomEvent(`patwarden-${name}`, { detail, bubbles: true, composed: true }));
  return {
    organization,
    template,
    forms,
    get resources() {
      return element.resources;
    },
    // A host's backend passes the calls of services on, and nothing else.
    ...(credential === "access token" && { selfUrl: `${baseUrl}/v1/self` }),
    signIn: (needed) => (needed ? tell("step-up", needed) : tell("sign-in-needed")),
    changed: (change, { id, name }) => tell(change, { id, name }),
  };
}

if (globalThis.customElements && !customElements.get("patwarden-tokens"))
  customElements.define("patwarden-tokens", PatwardenTokens);
