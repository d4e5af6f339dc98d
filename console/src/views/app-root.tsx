import { signal } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { GetCallerResponse } from "#gen/patwarden/v1/self_pb.js";
import type { Api } from "../app/api.js";
import { type App, AppContext, type Host, useApp } from "../app/context.js";
import { formatsOf } from "../app/format.js";
import type { Router } from "../app/router.js";
import { Link } from "../ui/button.js";
import { LiveRegion } from "../ui/live-region.js";
import type { Language } from "../words/words.js";

/**
 * A view and its path: the parts in parentheses of `path` become `parameters`, decoded. A view stays when only other
 * parts of its path change.
 */
export interface View {
  readonly path: RegExp;
  readonly view: ComponentType<ViewProps>;
}

export interface ViewProps {
  readonly parameters: readonly string[];
}

interface AppProps {
  readonly api: Api;
  readonly router: Router;
  readonly host: Host;
  readonly caller: GetCallerResponse;
  /** Whose tokens are shown. */
  readonly subject: string;
  readonly language: Language;
  /** In order: the first path that matches is shown. */
  readonly views: readonly View[];
  /** Stands around the views. Default: nothing. */
  readonly frame?: ComponentType<{ readonly children: preact.ComponentChildren }>;
}

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** Everything below the mount: the context of the views, the view of the present route, and the live region. */
export function AppRoot({ api, router, host, caller, subject, language, views, frame: Frame }: AppProps) {
  const app = useMemo<App>(() => {
    const announced = signal("");
    const announce = (text: string) => {
      // The same text again is read again only if it was gone in between.
      announced.value = "";
      setTimeout(() => {
        announced.value = text;
      }, 50);
    };
    const format = formatsOf(language.locale, zone);
    return { api, router, host, words: language.words, format, caller, subject, announce, announced };
  }, [api, router, host, caller, subject, language]);
  const shown = <CurrentView views={views} />;
  return (
    <AppContext.Provider value={app}>
      <LiveRegion />
      {Frame ? <Frame>{shown}</Frame> : shown}
    </AppContext.Provider>
  );
}

function CurrentView({ views }: { readonly views: readonly View[] }) {
  const { router, words, subject } = useApp();
  const { path } = router.route.value;
  const area = useRef<HTMLDivElement>(null);
  const known = views.find((view) => view.path.test(path));
  const parameters = decoded((known?.path.exec(path) ?? []).slice(1));
  const found = parameters && known;
  const key = [subject, found?.path.source ?? path, ...(parameters ?? [])].join(" ");
  const before = useRef(key);
  useEffect(() => {
    // The focus follows the view, so that keyboards and screen readers go on at its beginning.
    if (before.current !== key) area.current?.focus({ preventScroll: true });
    before.current = key;
  }, [key]);
  return (
    <div ref={area} tabIndex={-1}>
      {found ? <found.view key={key} parameters={parameters} /> : <NotFound title={words.notFound} />}
    </div>
  );
}

/** Returns the parts of a path as text; undefined where an address is broken, such as `%E0`. */
function decoded(parts: readonly (string | undefined)[]): readonly string[] | undefined {
  try {
    return parts.map((part = "") => decodeURIComponent(part));
  } catch {
    return undefined;
  }
}

function NotFound({ title }: { readonly title: string }) {
  const { words } = useApp();
  return (
    <div class="view">
      <h1>{title}</h1>
      <p>{words.notFoundText}</p>
      <p>
        <Link to="/">{words.toTokens}</Link>
      </p>
    </div>
  );
}
