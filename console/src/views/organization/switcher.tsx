import { useRef } from "preact/hooks";
import { useAdministrationWords } from "../../app/administration.js";
import { useApp } from "../../app/context.js";
import { useLoad } from "../../app/load.js";
import { idOf, organizationPath } from "../../app/subject-name.js";
import { Link } from "../../ui/button.js";
import { Icon } from "../../ui/icon.js";

/** How many organizations the list names; further ones are in the list of all. */
const most = 12;

/** A button that opens a list of where else to go: the user's tokens and other organizations. */
export function Switcher({ organization }: { readonly organization: string }) {
  const { api, caller } = useApp();
  const texts = useAdministrationWords().organization;
  const list = useRef<HTMLDetailsElement>(null);
  const others = useLoad(`${caller.caller} organizations`, (signal) =>
    api.self.listOrganizations({ pageSize: most }, { signal }),
  );
  const close = (event: { currentTarget: HTMLDetailsElement; relatedTarget: EventTarget | null }) => {
    if (!event.currentTarget.contains(event.relatedTarget as Node | null)) event.currentTarget.open = false;
  };
  return (
    <details
      ref={list}
      class="switcher"
      onFocusOut={close}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.currentTarget.open = false;
        event.currentTarget.querySelector("summary")?.focus();
      }}
    >
      <summary aria-label={texts.switch(idOf(organization))}>
        <Icon name="down" />
      </summary>
      <nav class="menu">
        <Link to="/" look="menu-item">
          {texts.mine}
        </Link>
        {others.value.value?.organizations.map(({ organization: other }) => (
          <Link
            key={other}
            to={organizationPath(other)}
            look="menu-item"
            current={other === organization ? "page" : undefined}
          >
            <bdi>{idOf(other)}</bdi>
          </Link>
        ))}
        <Link to="/orgs" look="menu-item soft">
          {texts.all}
        </Link>
      </nav>
    </details>
  );
}
