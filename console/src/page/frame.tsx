import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useApp } from "../app/context.js";
import { useAction } from "../app/load.js";
import { Button, Link } from "../ui/button.js";
import { Icon } from "../ui/icon.js";
import { ProblemNotice } from "../ui/notice.js";
import { languages } from "../words/words.js";
import { chooseLanguage, language } from "./language.js";
import { signOut } from "./sign-in.js";

/** The page around the views: its name, where to go, who is signed in, and the language. */
export function Frame({ children }: { readonly children: ComponentChildren }) {
  const { words, router, caller } = useApp();
  const { path } = router.route.value;
  const content = useRef<HTMLElement>(null);
  const leave = useAction(signOut);
  const isIn = (prefix: string) => (path === prefix || path.startsWith(`${prefix}/`) ? "page" : undefined);
  useEffect(() => {
    const view = path.startsWith("/operator")
      ? words.page.operator
      : path.startsWith("/orgs")
        ? words.page.organizations
        : path === "/new"
          ? words.create.title
          : words.page.mine;
    document.title = `${view} · ${words.page.title}`;
  }, [path, words]);
  const mine = path === "/" || path === "/new" || path.startsWith("/tokens/") ? "page" : undefined;
  return (
    <div class="frame">
      {/* biome-ignore lint/a11y/useValidAnchor: it leads to a place on this page. */}
      <a
        class="skip"
        href="#content"
        // Without a new address: views that ask before they are left would ask here too.
        onClick={(event) => {
          event.preventDefault();
          content.current?.focus();
        }}
      >
        {words.page.skip}
      </a>
      <header class="top">
        <span class="mark">
          <Icon name="key" /> {words.page.title}
        </span>
        <nav aria-label={words.page.main}>
          <Link to="/" look="nav-link" current={mine}>
            {words.page.mine}
          </Link>
          <Link to="/orgs" look="nav-link" current={isIn("/orgs")}>
            {words.page.organizations}
          </Link>
          {caller.admin && (
            <Link to="/operator" look="nav-link" current={isIn("/operator")}>
              {words.page.operator}
            </Link>
          )}
        </nav>
        <span class="who" title={caller.caller}>
          <bdi>{caller.displayName || caller.caller}</bdi>
        </span>
        <Button kind="plain" busy={leave.busy.value} onPress={() => leave.run()}>
          {words.signOut}
        </Button>
      </header>
      <main id="content" ref={content} tabIndex={-1}>
        <ProblemNotice problem={leave.problem.value} />
        {children}
      </main>
      <footer class="bottom">
        <label>
          <span class="out-of-sight">{words.language}</span>
          <select value={language.value.name} onChange={(event) => chooseLanguage(event.currentTarget.value)}>
            {Object.entries(languages).map(([name, { name: shown }]) => (
              <option key={name} value={name}>
                {shown}
              </option>
            ))}
          </select>
        </label>
      </footer>
    </div>
  );
}
