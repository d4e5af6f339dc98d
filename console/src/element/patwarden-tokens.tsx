import type { Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { render } from "preact";
import { useMemo } from "preact/hooks";
import { type Api, callTimeout, clientsOf } from "../app/api.js";
import type { Host, NamedResource } from "../app/context.js";
import { memoryForms } from "../app/kept-form.js";
import { useLoad } from "../app/load.js";
import { isSignedOut } from "../app/problem.js";
import { memoryRouter, type Router } from "../app/router.js";
import { AppRoot } from "../views/app-root.js";
import { sharedViews } from "../views/shared-views.js";
import { type Language, languageOf } from "../words/words.js";
import css from "./element.css?inline";

const style = new CSSStyleSheet();
style.replaceSync(css);

const attributes = ["base-url", "subject", "organization", "template", "lang"] as const;

/** `<patwarden-tokens>`. Its types for hosts, with all explanations, are in `public-element/patwarden-tokens.d.ts`. */
export class PatwardenTokens extends HTMLElement {
  static readonly observedAttributes: readonly string[] = attributes;

  getAccessToken: (() => string | Promise<string>) | undefined;
  fetch: typeof globalThis.fetch | undefined;
  resources: Readonly<Record<string, (query: string) => Promise<readonly NamedResource[]>>> = {};

  readonly #root: HTMLElement;
  readonly #router: Router = memoryRouter();
  readonly #forms = memoryForms();
  #generation = 0;
  #waiting = false;

  constructor() {
    super();
    const shadow = this.attachShadow({ mode: "open" });
    shadow.adoptedStyleSheets = [style];
    this.#root = document.createElement("div");
    this.#root.className = "pw";
    this.#root.setAttribute("part", "root");
    shadow.append(this.#root);
    // Properties that were set before this file was loaded stand in front of the accessors of the class.
    for (const name of ["baseUrl", "subject", "organization", "template"] as const) {
      if (!Object.hasOwn(this, name)) continue;
      const value = this[name];
      Reflect.deleteProperty(this, name);
      this[name] = value;
    }
  }

  get baseUrl(): string {
    return this.getAttribute("base-url") ?? "";
  }
  set baseUrl(value: string) {
    this.setAttribute("base-url", value);
  }
  get subject(): string {
    return this.getAttribute("subject") ?? "";
  }
  set subject(value: string) {
    this.setAttribute("subject", value);
  }
  get organization(): string {
    return this.getAttribute("organization") ?? "";
  }
  set organization(value: string) {
    this.setAttribute("organization", value);
  }
  get template(): string {
    return this.getAttribute("template") ?? "";
  }
  set template(value: string) {
    this.setAttribute("template", value);
  }

  connectedCallback(): void {
    this.#renderSoon();
  }

  disconnectedCallback(): void {
    render(null, this.#root);
  }

  attributeChangedCallback(): void {
    this.#renderSoon();
  }

  reload(): void {
    this.#generation += 1;
    this.#renderSoon();
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
    const inherited = this.closest<HTMLElement>("[lang]")?.lang;
    const language = languageOf(inherited ? [inherited, ...navigator.languages] : navigator.languages);
    this.#root.lang = language.name;
    const baseUrl = new URL(this.baseUrl || "/", location.href).href.replace(/\/$/, "");
    render(
      <Element
        key={this.#generation}
        element={this}
        baseUrl={baseUrl}
        subject={this.subject}
        organization={this.organization}
        template={this.template}
        router={this.#router}
        forms={this.#forms}
        language={language}
      />,
      this.#root,
    );
  }
}

interface ElementProps {
  readonly element: PatwardenTokens;
  readonly baseUrl: string;
  readonly subject: string;
  readonly organization: string;
  readonly template: string;
  readonly router: Router;
  readonly forms: Host["forms"];
  readonly language: Language;
}

function Element({ element, baseUrl, subject, organization, template, router, forms, language }: ElementProps) {
  const { words } = language;
  const api = useMemo(() => apiOf(element, baseUrl), [element, baseUrl]);
  const host = useMemo(
    () => hostOf(element, { baseUrl, organization, template, forms }),
    [element, baseUrl, organization, template],
  );
  const caller = useLoad(baseUrl, (signal) => api.self.getCaller({}, { signal }));
  const problem = caller.problem.value;
  if (problem)
    return (
      <div class="alone" role="alert">
        <p>{isSignedOut(problem) ? words.page.signedOut : words.page.unreachable}</p>
        <button
          type="button"
          class="button main"
          onClick={() => (isSignedOut(problem) ? host.signIn() : caller.reload())}
        >
          {isSignedOut(problem) ? words.signIn : words.tryAgain}
        </button>
      </div>
    );
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

/** Returns the calls by the host's `fetch`, with the host's access token. */
function apiOf(element: PatwardenTokens, baseUrl: string): Api {
  const withToken: Interceptor = (next) => async (request) => {
    const token = await element.getAccessToken?.();
    if (token) request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
  return clientsOf(
    createConnectTransport({
      baseUrl,
      defaultTimeoutMs: callTimeout,
      interceptors: [withToken],
      fetch: (input, init) => (element.fetch ?? globalThis.fetch)(input, init),
    }),
  );
}

function hostOf(
  element: PatwardenTokens,
  { baseUrl, ...settings }: Pick<ElementProps, "baseUrl" | "organization" | "template" | "forms">,
): Host {
  const tell = (name: string, detail?: object) =>
    element.dispatchEvent(new CustomEvent(`patwarden-${name}`, { detail, bubbles: true, composed: true }));
  return {
    ...settings,
    get resources() {
      return element.resources;
    },
    selfUrl: `${baseUrl}/v1/self`,
    signIn: (needed) => (needed ? tell("step-up", needed) : tell("sign-in-needed")),
    changed: (change, { id, name }) => tell(change, { id, name }),
  };
}

if (!customElements.get("patwarden-tokens")) customElements.define("patwarden-tokens", PatwardenTokens);
