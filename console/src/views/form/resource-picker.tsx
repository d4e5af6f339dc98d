import { useSignal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import { useApp } from "../../app/context.js";
import { Badge } from "../../ui/badge.js";
import { Button } from "../../ui/button.js";
import { shortened } from "../../ui/identity.js";

interface ResourcePickerProps {
  readonly type: string;
  /** The words for the type. */
  readonly label: string;
  /** The action that the search asks for. Empty: nothing can be searched yet. */
  readonly action: string;
  /** Who must reach what is found, `user:alice`. */
  readonly subject: string;
  readonly ids: readonly string[];
  onChange(ids: readonly string[]): void;
}

interface Found {
  readonly id: string;
  readonly label: string;
}

/** Chooses resources of a type: found among those that the subject reaches, or typed, as they may not exist yet. */
export function ResourcePicker({ type, label, action, subject, ids, onChange }: ResourcePickerProps) {
  const { api, host, words, announce } = useApp();
  const texts = words.create;
  const list = useId();
  const query = useSignal("");
  const open = useSignal(false);
  const active = useSignal(-1);
  const found = useSignal<readonly Found[]>([]);
  const unavailable = useSignal(false);
  const beyond = useSignal<ReadonlySet<string>>(new Set());
  // The text of the last search that was answered.
  const foundFor = useRef<string>(undefined);
  // Set by Enter before the answer: it takes the first one found.
  const takesFirst = useRef(false);
  const pressed = useRef(false);

  const reachable = async (text: string, signal: AbortSignal): Promise<readonly string[]> => {
    const request = { of: { case: "subject" as const, value: subject }, type, action, query: text, pageSize: 20 };
    const { resources } = await api.self.listReachable(request, { signal });
    return resources.map((resource) => resource.slice(type.length + 1));
  };
  useEffect(() => {
    if (!open.value) return;
    const own = new AbortController();
    const search = async () => {
      const named = host.resources[type];
      if (named) return named(query.value);
      if (action === "") return [];
      return (await reachable(query.value, own.signal)).map((id) => ({ id, label: id }));
    };
    const waiting = setTimeout(
      () =>
        search().then(
          (answer) => {
            if (own.signal.aborted) return;
            found.value = answer;
            foundFor.current = query.value;
            unavailable.value = false;
            active.value = -1;
          },
          () => {
            if (own.signal.aborted) return;
            found.value = [];
            foundFor.current = query.value;
            unavailable.value = true;
          },
        ),
      query.value === "" ? 0 : 200,
    );
    return () => {
      clearTimeout(waiting);
      own.abort();
    };
  }, [open.value, query.value, type, action, subject]);

  useEffect(() => {
    const note = (event: Event) => {
      pressed.current = event.type === "pointerdown";
    };
    const types = ["pointerdown", "pointerup", "pointercancel"];
    for (const type of types) addEventListener(type, note, true);
    return () => {
      for (const type of types) removeEventListener(type, note, true);
    };
  }, []);

  const add = (id: string) => {
    const clean = id.startsWith(`${type}:`) ? id.slice(type.length + 1) : id;
    query.value = "";
    active.value = -1;
    if (clean === "" || ids.includes(clean)) return;
    onChange([...ids, clean]);
    announce(texts.resourceAdded(clean));
    if (found.value.some((one) => one.id === clean) || action === "") return;
    // A typed resource may be beyond the subject: that is allowed, but said.
    reachable(clean, new AbortController().signal).then(
      (reached) => {
        if (!reached.includes(clean)) beyond.value = new Set([...beyond.value, clean]);
      },
      () => undefined,
    );
  };
  const typed = query.value.trim();
  const offered = found.value.filter(({ id }) => !ids.includes(id));
  const options: readonly (Found & { readonly typed?: boolean })[] = [
    ...offered,
    ...(typed !== "" && !offered.some(({ id }) => id === typed) && !ids.includes(typed)
      ? [{ id: typed, label: texts.resourceAdd(typed), typed: true }]
      : []),
  ];
  // Unless the user marks another: what is typed to the letter, else the first.
  const exact = offered.findIndex(({ id }) => id === typed);
  const marked = active.value >= 0 || typed === "" ? active.value : Math.max(exact, 0);
  const take = () => {
    takesFirst.current = false;
    const chosen = options[marked];
    if (chosen) add(chosen.id);
  };
  useEffect(() => {
    if (takesFirst.current) take();
  }, [found.value]);
  /** Adds what is typed: it is meant, also without Enter. */
  const leave = () => {
    open.value = false;
    takesFirst.current = false;
    const typedNow = query.value.trim();
    if (typedNow === "") return;
    // While a button is pressed, nothing may move: the press would miss it.
    if (pressed.current) addEventListener("pointerup", () => add(typedNow), { once: true, capture: true });
    else add(typedNow);
  };
  const press = (event: KeyboardEvent) => {
    const move = (by: number) => {
      event.preventDefault();
      open.value = true;
      if (options.length > 0) active.value = (active.value + by + options.length) % options.length;
    };
    if (event.key === "ArrowDown") move(1);
    else if (event.key === "ArrowUp") move(active.value < 0 ? 0 : -1);
    else if (event.key === "Enter") {
      event.preventDefault();
      if (foundFor.current === query.value) take();
      else if (typed !== "") takesFirst.current = true;
    } else if (event.key === "Escape" && open.value) {
      event.stopPropagation();
      event.preventDefault();
      open.value = false;
    } else if (event.key === "Backspace" && query.value === "" && ids.length > 0) onChange(ids.slice(0, -1));
  };
  return (
    <div class="picker">
      {ids.length > 0 && (
        <ul class="chips">
          {ids.map((id) => (
            <li key={id} class="chip">
              <bdi title={id}>{shortened(id)}</bdi>
              {beyond.value.has(id) && (
                <span title={texts.resourceBeyondHint}>
                  <Badge tone="warn">{texts.resourceBeyond}</Badge>
                </span>
              )}
              <Button
                kind="plain"
                icon="cross"
                iconOnly
                label={texts.removeResource(id)}
                onPress={() => onChange(ids.filter((one) => one !== id))}
              >
                {texts.removeResource(id)}
              </Button>
            </li>
          ))}
        </ul>
      )}
      <div class="combobox">
        <input
          type="text"
          role="combobox"
          aria-expanded={open.value && options.length > 0}
          aria-controls={list}
          aria-autocomplete="list"
          aria-activedescendant={marked >= 0 ? `${list}-${marked}` : undefined}
          aria-label={texts.resourceSearch(label)}
          placeholder={texts.resourceSearch(label)}
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          maxLength={256}
          value={query.value}
          onFocus={() => {
            open.value = true;
          }}
          onBlur={leave}
          onInput={(event) => {
            query.value = event.currentTarget.value;
            takesFirst.current = false;
            open.value = true;
          }}
          onKeyDown={press}
        />
        {open.value && (
          <div class="options">
            <div id={list} role="listbox" aria-label={label}>
              {options.map((option, at) => (
                // biome-ignore lint/a11y/useKeyWithClickEvents: the field has the focus and handles the keys.
                // biome-ignore lint/a11y/useFocusableInteractive: as above.
                <div
                  key={`${option.typed === true} ${option.id}`}
                  id={`${list}-${at}`}
                  role="option"
                  aria-selected={at === marked}
                  class="option"
                  // A press must not take the focus from the field.
                  onMouseDown={(event) => event.preventDefault()}
                  onClick={() => add(option.id)}
                >
                  <bdi>{option.label}</bdi>
                  {option.label !== option.id && !option.typed && <span class="mono soft">{option.id}</span>}
                </div>
              ))}
            </div>
            {(unavailable.value || options.length === 0) && (
              <p class="hint">{unavailable.value ? texts.resourceUnavailable : texts.resourceNone}</p>
            )}
          </div>
        )}
      </div>
    </div>
  );
}
