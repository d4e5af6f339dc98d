import { useSignal } from "@preact/signals";
import type { Token } from "#gen/patwarden/v1/token_pb.js";
import { useCatalog } from "../../app/catalog.js";
import { useApp } from "../../app/context.js";
import { actionLabel, typeLabel } from "../../app/grant-text.js";
import { usePages } from "../../app/load.js";
import { Button } from "../../ui/button.js";
import { Field } from "../../ui/field.js";
import { Identity } from "../../ui/identity.js";
import { Loaded } from "../../ui/loaded.js";
import { hasEnded, isWorking } from "../../ui/token-state.js";
import { actionsOf } from "./reachable-of.js";

/** The resources that a token reaches now, for one action at a time. */
export function Reach({ token }: { readonly token: Token }) {
  const { api, words } = useApp();
  const texts = words.reach;
  const catalog = useCatalog(token.subject);
  const types = actionsOf(token.grant, catalog.value.value);
  const type = useSignal("");
  const action = useSignal("");
  const query = useSignal("");
  const incomplete = useSignal(false);
  const chosen = types.find((own) => own.type === type.value) ?? types[0];
  const chosenAction = chosen?.actions.find((own) => own === action.value) ?? chosen?.actions[0];
  const ended = hasEnded(token);
  const key =
    !ended && chosen && chosenAction
      ? `${token.id} ${token.etag} ${chosen.type} ${chosenAction} ${query.value}`
      : undefined;
  const resources = usePages<string>(key, async (pageToken, signal) => {
    const request = {
      of: { case: "tokenId" as const, value: token.id },
      type: chosen?.type ?? "",
      action: chosenAction ?? "",
      query: query.value,
      pageSize: 50,
      pageToken,
    };
    const answer = await api.self.listReachable(request, { signal });
    incomplete.value = answer.incomplete;
    return { items: answer.resources, next: answer.nextPageToken };
  });
  if (ended) return <p class="soft">{texts.ended}</p>;
  if (!token.grant?.full && (token.grant?.rules.length ?? 0) === 0) return <p class="soft">{texts.nothingRules}</p>;
  if (!chosen || !chosenAction) return <p class="soft">{catalog.busy.value ? words.loading : texts.unavailable}</p>;
  return (
    <div class="stack">
      <p class="soft">{isWorking(token) ? texts.intro : texts.introUnusable}</p>
      <div class="filters">
        <Field label={texts.search}>
          {(ids) => (
            <input
              {...ids}
              type="search"
              maxLength={100}
              autocomplete="off"
              value={query.value}
              onChange={(event) => {
                query.value = event.currentTarget.value;
              }}
            />
          )}
        </Field>
        <Field label={texts.type}>
          {(ids) => (
            <select
              {...ids}
              value={chosen.type}
              onChange={(event) => {
                type.value = event.currentTarget.value;
              }}
            >
              {types.map((own) => (
                <option key={own.type} value={own.type}>
                  {typeLabel(catalog.value.value, own.type)}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field label={texts.action}>
          {(ids) => (
            <select
              {...ids}
              value={chosenAction}
              onChange={(event) => {
                action.value = event.currentTarget.value;
              }}
            >
              {chosen.actions.map((own) => (
                <option key={own} value={own}>
                  {actionLabel(catalog.value.value, chosen.type, own)}
                </option>
              ))}
            </select>
          )}
        </Field>
      </div>
      <Loaded of={resources}>
        {(items) =>
          items.length === 0 ? (
            <p class="soft">{texts.nothing}</p>
          ) : (
            <ul class="lines card">
              {items.map((resource) => (
                <li key={resource} class="line mono">
                  <Identity name={resource} />
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
      {incomplete.value && <p class="soft">{words.incomplete}</p>}
      {resources.more.value && (
        <Button busy={resources.busy.value} onPress={resources.fetchMore}>
          {words.showMore}
        </Button>
      )}
    </div>
  );
}
