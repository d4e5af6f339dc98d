import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { Token } from "#gen/patwarden/v1/token_pb.js";
import { Dimension } from "#gen/patwarden/v1/usage_pb.js";
import { useApp } from "../../app/context.js";
import { useLoad, usePages } from "../../app/load.js";
import { Button } from "../../ui/button.js";
import { Icon } from "../../ui/icon.js";
import { Notice, ProblemNotice } from "../../ui/notice.js";
import { ExportDialog } from "../export/export-dialog.js";
import { RevokeDialog } from "../token/revoke-dialog.js";
import { SuspendDialog } from "../token/suspend-dialog.js";
import { dayCounts, recentUsage } from "../usage.js";
import { BulkRevoke } from "./bulk-revoke.js";
import { countOf, type Filter, type Shown, shownFields, shownOf, withShown } from "./filters.js";
import { ListFilters } from "./list-filters.js";
import { Selection } from "./selection.js";
import { Tiles } from "./tiles.js";
import { isRevocable, TokenTable } from "./token-table.js";

interface TokenListProps {
  /** Whose tokens: of a subject, of an organization with those that are bound to it, or of everybody. */
  readonly scope: { readonly subject: string } | { readonly organization: string } | Record<string, never>;
  /** Whether each row names who the token acts as, and the list can be filtered by it. Default false. */
  readonly withOwner?: boolean;
  /** Shown when there is no token at all. */
  readonly empty: preact.ComponentChildren;
}

/** A list of tokens with tiles, filters, search, order and selection. What it shows stands in the route. */
export function TokenList({ scope, withOwner = false, empty }: TokenListProps) {
  const { api, router, words, format, announce } = useApp();
  const { path, query: parameters } = router.route.value;
  const shown = shownOf(parameters, words);
  const show = (change: Partial<Shown>) => {
    const next = withShown(parameters, { ...shown, ...change }).toString();
    router.go(next === "" ? path : `${path}?${next}`, "replace");
  };
  const scopeKey = JSON.stringify(scope);
  const key = JSON.stringify([scope, shown]);
  // The time is part of the filter: it stays the same for all pages of a list.
  const filter: Filter = useMemo(() => ({ ...shownFields(shown, new Date()), ...scope }), [key]);

  const tokens = usePages<Token>(key, async (pageToken, signal) => {
    const { query = "", ...fields } = filter;
    const request = { ...fields, query, orderBy: shown.order, pageSize: 50, pageToken };
    const answer = await api.tokens.listTokens(request, { signal });
    return { items: answer.tokens, next: answer.nextPageToken };
  });
  const summary = useLoad(scopeKey, (signal) => api.tokens.getTokenSummary({ filter: scope }, { signal }));
  // Without a search, the first summary has the number of every filter.
  const isCounted = shown.query === "" && shown.owner === "" && shown.maker === "" && shown.kind === "";
  const matching = useLoad(isCounted ? undefined : key, (signal) => api.tokens.getTokenSummary({ filter }, { signal }));
  const isLimited = "subject" in scope || "organization" in scope;
  // Without a limit, a user's usage would be the user's own.
  const usage = useLoad(isLimited ? scopeKey : undefined, (signal) => recentUsage(api, scope, Dimension.TOKEN, signal));
  const usageOf = useComputed(() => {
    const known = usage.value.value;
    return (
      known &&
      ((id: string) =>
        dayCounts(
          known.days,
          known.rows.filter(({ tokenId }) => tokenId === id),
        ))
    );
  });

  const chosen = useSignal<ReadonlySet<string>>(new Set());
  const allMatching = useSignal(false);
  const bulk = useSignal(false);
  const revoking = useSignal<Token | undefined>(undefined);
  const suspending = useSignal<{ readonly token: Token; readonly action: "suspend" | "resume" } | undefined>(undefined);
  const exporting = useSignal(false);
  useEffect(() => {
    chosen.value = new Set();
    allMatching.value = false;
  }, [key]);

  const reload = () => {
    tokens.reload();
    summary.reload();
    if (!isCounted) matching.reload();
  };
  const items = tokens.value.value;
  const revocable = (items ?? []).filter(isRevocable);
  const choose = (id: string, on: boolean) => {
    const next = new Set(chosen.value);
    if (on) next.add(id);
    else next.delete(id);
    chosen.value = next;
    allMatching.value = false;
  };
  const allChosen = revocable.length > 0 && chosen.value.size === revocable.length;
  const chooseAll = (on: boolean) => {
    chosen.value = new Set(on ? revocable.map(({ id }) => id) : []);
    allMatching.value = false;
  };
  const counts = summary.value.value;
  const total = isCounted ? counts && countOf(shown.filter, counts) : matching.value.value?.total;
  const chosenCount = allMatching.value ? (total ?? 0) : chosen.value.size;
  const { owner, maker, kind } = shown;
  const isUnlimited = shown.query === "" && owner === "" && maker === "" && kind === "";
  const isAlone = summary.value.value?.total === 0 || (shown.filter === "all" && isUnlimited);

  return (
    <div class="stack">
      {summary.value.value && summary.value.value.total > 0 && (
        <Tiles summary={summary.value.value} current={shown.filter} onChoose={(name) => show({ filter: name })} />
      )}
      {summary.value.value && summary.value.value.expiring > 0 && shown.filter !== "expiring" && (
        <Notice
          tone="warn"
          action={<Button onPress={() => show({ filter: "expiring" })}>{words.tokens.showThem}</Button>}
        >
          {words.tokens.expiringBanner(summary.value.value.expiring, format.number(summary.value.value.expiring))}
        </Notice>
      )}
      <ListFilters shown={shown} withOwner={withOwner} onChange={show} />
      <ProblemNotice problem={tokens.problem.value} onRetry={tokens.reload} />
      {chosenCount > 0 && (
        <Selection
          count={chosenCount}
          allMatching={allMatching.value}
          {...(allChosen && total !== undefined && { total })}
          onAllMatching={() => {
            allMatching.value = true;
          }}
          onClear={() => {
            chosen.value = new Set();
            allMatching.value = false;
          }}
          onRevoke={() => {
            bulk.value = true;
          }}
        />
      )}
      {items === undefined ? (
        !tokens.problem.value && (
          <p class="coming">
            <span class="spinner" aria-hidden="true" /> {words.loading}
          </p>
        )
      ) : items.length === 0 ? (
        isAlone ? (
          empty
        ) : (
          <div class="empty">
            <Icon name="search" />
            <h2>{words.tokens.nothing}</h2>
            <p class="soft">{words.tokens.nothingText}</p>
            <div class="row">
              {!isUnlimited && shown.filter !== "all" && (
                <Button onPress={() => show({ filter: "all" })}>{words.tokens.searchAll}</Button>
              )}
              {(shown.filter !== "current" || !isUnlimited) && (
                <Button onPress={() => show({ filter: "current", query: "", owner: "", maker: "", kind: "" })}>
                  {words.tokens.clear}
                </Button>
              )}
            </div>
          </div>
        )
      ) : (
        <TokenTable
          tokens={items}
          busy={tokens.busy.value}
          withOwner={withOwner}
          {...(isLimited && { usageOf: (id: string) => usageOf.value?.(id) })}
          isChosen={(id) => allMatching.value || chosen.value.has(id)}
          allChosen={allChosen}
          onChoose={choose}
          onChooseAll={chooseAll}
          onRevoke={(token) => {
            revoking.value = token;
          }}
          onSuspend={(token, action) => {
            suspending.value = { token, action };
          }}
        />
      )}
      {items && items.length > 0 && (
        <div class="list-end">
          <span>
            {total === undefined
              ? words.tokens.shownSome(items.length, format.number(items.length))
              : words.tokens.shown(format.number(items.length), total, format.number(total))}
            {usage.value.value?.incomplete && ` ${words.usage.incomplete}`}
          </span>
          <div class="row">
            <Button
              icon="download"
              onPress={() => {
                exporting.value = true;
              }}
            >
              {words.exports.open}
            </Button>
            {tokens.more.value && (
              <Button busy={tokens.busy.value} onPress={tokens.fetchMore}>
                {words.showMore}
              </Button>
            )}
          </div>
        </div>
      )}
      {revoking.value && (
        <RevokeDialog
          token={revoking.value}
          onClose={(done) => {
            revoking.value = undefined;
            if (done) reload();
          }}
        />
      )}
      {suspending.value && (
        <SuspendDialog
          {...suspending.value}
          onClose={(changed) => {
            suspending.value = undefined;
            if (changed) reload();
          }}
        />
      )}
      {exporting.value && (
        <ExportDialog
          filter={filter}
          order={shown.order}
          total={total}
          onClose={() => {
            exporting.value = false;
          }}
        />
      )}
      {bulk.value && (
        <BulkRevoke
          target={allMatching.value ? { filter, count: chosenCount } : { ids: [...chosen.value] }}
          onClose={(result) => {
            bulk.value = false;
            if (result === undefined) return;
            announce(result);
            chosen.value = new Set();
            allMatching.value = false;
            reload();
          }}
        />
      )}
    </div>
  );
}
