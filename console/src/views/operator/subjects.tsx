import { createClient } from "@connectrpc/connect";
import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { type Subject, SubjectService, Subject_State as SubjectState } from "#gen/patwarden/v1/subject_pb.js";
import { useAdministrationWords } from "../../app/administration.js";
import { useApp } from "../../app/context.js";
import { useLoad, usePages } from "../../app/load.js";
import { changeQuery } from "../../app/query.js";
import { Badge, type Tone } from "../../ui/badge.js";
import { Button, Link } from "../../ui/button.js";
import { FilterSelect } from "../../ui/filter-select.js";
import { Icon } from "../../ui/icon.js";
import { Identity } from "../../ui/identity.js";
import { Loaded } from "../../ui/loaded.js";
import { Menu } from "../../ui/menu.js";
import { Notice } from "../../ui/notice.js";
import { SearchField } from "../../ui/search-field.js";
import { dateOf, RelativeTime } from "../../ui/time.js";
import { type SubjectChange, SubjectDialog } from "./subject-dialog.js";

const tones: Readonly<Record<number, Tone>> = {
  [SubjectState.ACTIVE]: "good",
  [SubjectState.DISABLED]: "warn",
  [SubjectState.DELETED]: "muted",
};
const states = [SubjectState.ACTIVE, SubjectState.DISABLED, SubjectState.DELETED] as const;

/** Users and organizations: their state and live tokens, and what disables, enables or deletes them. */
export function Subjects() {
  const { api, router, words, caller, announce } = useApp();
  const texts = useAdministrationWords().operator;
  const subjects = useMemo(() => createClient(SubjectService, api.transport), [api]);
  const { query } = router.route.value;
  const prefix = query.get("prefix") ?? "";
  const state = states.find((one) => String(one) === query.get("state"));
  const changing = useSignal<{ readonly subject: Subject; readonly change: SubjectChange } | undefined>(undefined);
  const done = useSignal("");
  const listed = usePages<Subject>(JSON.stringify([caller.caller, prefix, state]), async (pageToken, signal) => {
    const request = { prefix, states: state === undefined ? [] : [state], pageToken };
    const answer = await subjects.listSubjects(request, { signal });
    return { items: answer.subjects, next: answer.nextPageToken };
  });
  // Somebody without a token is not listed, but can be disabled.
  const isListed = listed.value.value?.some(({ subject }) => subject === prefix) ?? true;
  const named = useLoad(isListed || !/^[^:]+:.+$/.test(prefix) ? undefined : prefix, async (signal) => {
    return (await subjects.getSubject({ subject: prefix }, { signal })).subject;
  });
  const alone = named.value.value;
  const open = (subject: Subject, change: SubjectChange) => {
    done.value = "";
    changing.value = { subject, change };
  };
  return (
    <div class="stack">
      <search class="filters pair-filters">
        <SearchField
          label={texts.subjectSearch}
          placeholder={texts.subjectSearchHint}
          maxLength={256}
          value={prefix}
          onChange={(text) => changeQuery(router, { prefix: text.trim() })}
          shown
        />
        <FilterSelect
          label={texts.subjectState}
          value={String(state ?? "")}
          choices={[
            ["", texts.anyState],
            ...states.map((one) => [String(one), texts.subjectStates[one] ?? ""] as const),
          ]}
          onChange={(chosen) => changeQuery(router, { state: chosen })}
        />
      </search>
      {done.value !== "" && <Notice tone="good">{done.value}</Notice>}
      <Loaded of={listed}>
        {(items) =>
          items.length === 0 ? (
            <div class="empty">
              <Icon name="search" />
              <h2>{prefix === "" && state === undefined ? texts.subjectsEmpty : texts.subjectsNothing}</h2>
            </div>
          ) : (
            <table class="table subjects" aria-busy={listed.busy.value}>
              <thead>
                <tr>
                  <th>{texts.subject}</th>
                  <th>{texts.subjectState}</th>
                  <th class="number">{texts.liveTokens}</th>
                  <th>
                    <span class="out-of-sight">{words.tokens.columns.actions}</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {items.map((subject) => (
                  <SubjectRow key={subject.subject} subject={subject} onChange={(change) => open(subject, change)} />
                ))}
              </tbody>
            </table>
          )
        }
      </Loaded>
      {listed.more.value && (
        <Button busy={listed.busy.value} onPress={listed.fetchMore}>
          {words.showMore}
        </Button>
      )}
      {alone && (
        <Notice
          tone="accent"
          action={
            <>
              <Button onPress={() => open(alone, "disable")}>{texts.disable}</Button>
              <Button kind="danger" onPress={() => open(alone, "remove")}>
                {texts.remove}
              </Button>
            </>
          }
        >
          {texts.subjectUnlisted(prefix)}
        </Notice>
      )}
      {changing.value && (
        <SubjectDialog
          {...changing.value}
          subjects={subjects}
          onClose={(changed) => {
            const change = changing.value?.change;
            changing.value = undefined;
            if (!changed || !change) return;
            done.value = texts.done[change](changed.subject);
            announce(done.value);
            listed.reload();
            named.reload();
          }}
        />
      )}
    </div>
  );
}

interface SubjectRowProps {
  readonly subject: Subject;
  onChange(change: SubjectChange): void;
}

function SubjectRow({ subject: { subject, state, updateTime, liveTokens }, onChange }: SubjectRowProps) {
  const { format } = useApp();
  const texts = useAdministrationWords().operator;
  const since = dateOf(updateTime);
  const changes: readonly (readonly [SubjectChange, boolean])[] = [
    ["enable", state !== SubjectState.ACTIVE],
    ["disable", state === SubjectState.ACTIVE],
    ["remove", state !== SubjectState.DELETED],
  ];
  return (
    <tr>
      <th scope="row">
        <Identity name={subject} />
      </th>
      <td>
        <Badge tone={tones[state] ?? "muted"}>{texts.subjectStates[state] ?? String(state)}</Badge>
        {since && (
          <span class="soft">
            {" "}
            <RelativeTime time={since} />
          </span>
        )}
      </td>
      <td class="number">
        <Link
          to={`/operator?show=all&owner=${encodeURIComponent(subject)}`}
          label={texts.tokensOf(format.number(liveTokens), subject)}
        >
          {format.number(liveTokens)}
        </Link>
      </td>
      <td class="actions">
        <Menu label={texts.subjectActions(subject)}>
          {changes
            .filter(([, possible]) => possible)
            .map(([change]) => (
              <button
                type="button"
                key={change}
                class={change === "enable" ? "menu-item" : "menu-item danger"}
                onClick={() => onChange(change)}
              >
                {texts[change]}
              </button>
            ))}
        </Menu>
      </td>
    </tr>
  );
}
