import { useSignal } from "@preact/signals";
import type { Organization } from "#gen/patwarden/v1/self_pb.js";
import { useAdministrationWords } from "../../app/administration.js";
import { useApp } from "../../app/context.js";
import { usePages } from "../../app/load.js";
import { organizationPath } from "../../app/subject-name.js";
import { Badge } from "../../ui/badge.js";
import { Button, Link } from "../../ui/button.js";
import { Field } from "../../ui/field.js";
import { Icon } from "../../ui/icon.js";
import { Loaded } from "../../ui/loaded.js";
import { Notice } from "../../ui/notice.js";
import { SearchField } from "../../ui/search-field.js";
import { rightNames } from "./rights.js";

/** The organizations of the user, with the rights there. */
export function OrganizationsView() {
  const { api, router, words, format, caller } = useApp();
  const texts = useAdministrationWords().organizations;
  const query = useSignal("");
  const incomplete = useSignal(false);
  const named = useSignal("");
  const organizations = usePages<Organization>(`${caller.caller} ${query.value}`, async (pageToken, signal) => {
    const answer = await api.self.listOrganizations({ query: query.value, pageToken }, { signal });
    incomplete.value = answer.incomplete;
    return { items: answer.organizations, next: answer.nextPageToken };
  });
  const open = () => {
    const name = named.value.trim();
    if (name !== "") router.go(organizationPath(name.includes(":") ? name : `organization:${name}`));
  };
  const some = query.value !== "" || (organizations.value.value?.length ?? 0) > 5;
  return (
    <div class="view">
      <header class="view-head">
        <div>
          <h1>{texts.title}</h1>
          <p>{texts.intro}</p>
        </div>
      </header>
      {some && (
        <SearchField
          label={texts.search}
          value={query.value}
          onChange={(text) => {
            query.value = text;
          }}
        />
      )}
      <Loaded of={organizations}>
        {(items) =>
          items.length === 0 ? (
            <div class="empty">
              <Icon name={query.value === "" ? "key" : "search"} />
              <h2>{query.value === "" ? texts.empty : texts.nothing}</h2>
              {query.value === "" && <p class="soft">{texts.emptyText}</p>}
            </div>
          ) : (
            <ul class="choices">
              {items.map(({ organization, member, rights }) => (
                <li key={organization}>
                  <Link to={organizationPath(organization)} look="choice-link">
                    <strong>
                      <bdi>{organization}</bdi>
                    </strong>
                    {member && <Badge tone="muted">{texts.member}</Badge>}
                    <span class="soft">
                      {texts.rights}{" "}
                      {rights.length > 0
                        ? format.list(rightNames(rights).map((right) => texts.right[right]))
                        : texts.noRight}
                    </span>
                  </Link>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
      {organizations.more.value && (
        <Button busy={organizations.busy.value} onPress={organizations.fetchMore}>
          {words.showMore}
        </Button>
      )}
      {incomplete.value && <Notice tone="warn">{texts.incomplete}</Notice>}
      {(incomplete.value || caller.admin) && (
        <form
          class="narrow"
          onSubmit={(event) => {
            event.preventDefault();
            open();
          }}
        >
          <Field label={texts.open}>
            {(ids) => (
              <span class="joined">
                <input
                  {...ids}
                  type="text"
                  maxLength={256}
                  autocomplete="off"
                  spellcheck={false}
                  placeholder="organization:acme"
                  value={named.value}
                  onInput={(event) => {
                    named.value = event.currentTarget.value;
                  }}
                />
                <Button type="submit">{texts.openAction}</Button>
              </span>
            )}
          </Field>
        </form>
      )}
    </div>
  );
}
