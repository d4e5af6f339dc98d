import { render } from "preact";
import { useEffect, useLayoutEffect, useMemo } from "preact/hooks";
import { clientsOf } from "../app/api.js";
import type { Host } from "../app/context.js";
import { sessionForms } from "../app/kept-form.js";
import { useLoad } from "../app/load.js";
import { isSignedOut } from "../app/problem.js";
import { historyRouter } from "../app/router.js";
import { jsonTransport } from "../app/transport.js";
import { Icon } from "../ui/icon.js";
import { AppRoot } from "../views/app-root.js";
import type { Words } from "../words/words.js";
import { Frame } from "./frame.js";
import { language } from "./language.js";
import { pageViews } from "./page-views.js";
import { signedOutPath, signIn } from "./sign-in.js";

const api = clientsOf(jsonTransport({ baseUrl: location.origin, fetch: (url, init) => fetch(url, init) }));
const router = historyRouter();
const host: Omit<Host, "forms"> = {
  signIn,
  changed: () => undefined,
  organization: "",
  template: "",
  resources: {},
};
function Page() {
  const { name, words } = language.value;
  useLayoutEffect(() => {
    document.documentElement.lang = name;
  }, [name]);
  const here = router.route.value.path;
  const caller = useLoad(here === signedOutPath ? undefined : "caller", (signal) => api.self.getCaller({}, { signal }));
  const known = caller.value.value;
  const user = known?.caller ?? "";
  const own = useMemo<Host>(() => ({ ...host, forms: sessionForms(user) }), [user]);
  if (here === signedOutPath) return <Alone words={words} signedOut onRetry={caller.reload} />;
  if (caller.problem.value)
    return <Alone words={words} signedOut={isSignedOut(caller.problem.value)} onRetry={caller.reload} />;
  if (!known) return null;
  return (
    <AppRoot
      {...{ api, router }}
      host={own}
      language={language.value}
      frame={Frame}
      caller={known}
      subject={known.caller}
      views={pageViews}
    />
  );
}

interface AloneProps {
  readonly words: Words;
  readonly signedOut: boolean;
  onRetry(): void;
}

/** The page before anybody is signed in, or while its server does not answer. */
function Alone({ words, signedOut, onRetry }: AloneProps) {
  useEffect(() => {
    document.title = words.page.title;
  }, [words]);
  return (
    <main class="alone">
      <Icon name={signedOut ? "key" : "warning"} />
      <h1>{signedOut ? words.page.signedOut : words.page.unreachable}</h1>
      <p class="soft">{signedOut ? words.page.signedOutText : words.unreachable}</p>
      <button type="button" class="button main" onClick={() => (signedOut ? signIn() : onRetry())}>
        {signedOut ? words.signIn : words.tryAgain}
      </button>
    </main>
  );
}

const mount = document.getElementById("app");
if (mount) render(<Page />, mount);
