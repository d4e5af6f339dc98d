import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type GetTokenSummaryResponse,
  Token_State,
  type TokenFilterSchema,
  TokenKind,
} from "#gen/patwarden/v1/token_pb.js";
import type { Words } from "../../words/words.js";

/** A filter that a list offers. */
export type FilterName = keyof Words["tokens"]["filters"];
/** An order that a list offers, as ListTokens takes it. */
export type OrderName = keyof Words["tokens"]["orders"];
/** The fields of a TokenFilter. */
export type Filter = Extract<MessageInitShape<typeof TokenFilterSchema>, { $typeName?: never }>;

const day = 24 * 3_600_000;
const notEnded = [Token_State.ACTIVE, Token_State.PENDING_APPROVAL, Token_State.SUSPENDED];

/** Returns the fields that a filter sets; `now` decides what ends soon and what was not used for long. */
export function filterFields(name: FilterName, now: Date): Filter {
  const at = (days: number) => timestampFromDate(new Date(now.getTime() + days * day));
  const filters: Readonly<Record<FilterName, Filter>> = {
    current: { states: notEnded },
    active: { states: [Token_State.ACTIVE] },
    expiring: { states: notEnded, expireBefore: at(7) },
    unused: { states: notEnded, lastUsedBefore: at(-90) },
    never: { states: notEnded, neverExpires: true },
    full: { states: notEnded, full: true },
    blocked: { blocked: true },
    pending: { states: [Token_State.PENDING_APPROVAL] },
    suspended: { states: [Token_State.SUSPENDED] },
    expired: { states: [Token_State.EXPIRED] },
    ended: { states: [Token_State.REVOKED, Token_State.DENIED] },
    all: {},
  };
  return filters[name];
}

/** Returns how many tokens pass a filter, from a summary of all. */
export function countOf(name: FilterName, summary: GetTokenSummaryResponse): number {
  const { active, pendingApproval, suspended } = summary;
  const counts: Readonly<Record<FilterName, number>> = {
    current: active + pendingApproval + suspended,
    active,
    expiring: summary.expiring,
    unused: summary.unused,
    never: summary.neverExpires,
    full: summary.full,
    blocked: summary.blocked,
    pending: pendingApproval,
    suspended,
    expired: summary.expired,
    ended: summary.revoked,
    all: summary.total,
  };
  return counts[name];
}

/** A part of the route's parameters: the tokens that a list shows, and their order. */
export interface Shown {
  readonly filter: FilterName;
  readonly order: OrderName;
  /** The search text. */
  readonly query: string;
  /** Who the tokens act as, `user:alice`. Empty: anybody. */
  readonly owner: string;
  /** Who has made them. Empty: anybody. */
  readonly maker: string;
  /** Whose tokens. Empty: all. */
  readonly kind: KindName | "";
}

/** Whose tokens a list shows. */
export type KindName = keyof Words["tokens"]["kinds"];

const kinds: Readonly<Record<KindName, Filter>> = {
  user: { kind: TokenKind.USER },
  organization: { kind: TokenKind.ORGANIZATION },
};

/** Returns the fields that a list's filters set; `now` is as in `filterFields`. */
export function shownFields({ filter, query, owner, maker, kind }: Shown, now: Date): Filter {
  return {
    ...filterFields(filter, now),
    query,
    ...(owner !== "" && { subject: owner }),
    ...(maker !== "" && { createdBy: maker }),
    ...(kind !== "" && kinds[kind]),
  };
}

const isOneOf = <T extends string>(names: Readonly<Record<T, string>>, name: string | null): name is T =>
  name !== null && Object.hasOwn(names, name);

/** Reads what a list shows from the route; anything unknown counts as absent. */
export function shownOf(parameters: URLSearchParams, { tokens }: Words): Shown {
  const [filter, order, kind] = [parameters.get("show"), parameters.get("order"), parameters.get("kind")];
  const text = (name: string) => (parameters.get(name) ?? "").slice(0, 256);
  return {
    filter: isOneOf(tokens.filters, filter) ? filter : "current",
    order: isOneOf(tokens.orders, order) ? order : "create_time desc",
    query: (parameters.get("q") ?? "").slice(0, 100),
    owner: text("owner"),
    maker: text("maker"),
    kind: isOneOf(tokens.kinds, kind) ? kind : "",
  };
}

/** Returns the parameters of a route with what the list shows; defaults are left out. */
export function withShown(parameters: URLSearchParams, shown: Shown): URLSearchParams {
  const next = new URLSearchParams(parameters);
  const set = (name: string, value: string, usual: string) =>
    value === usual ? next.delete(name) : next.set(name, value);
  set("show", shown.filter, "current");
  set("order", shown.order, "create_time desc");
  set("q", shown.query, "");
  set("owner", shown.owner, "");
  set("maker", shown.maker, "");
  set("kind", shown.kind, "");
  return next;
}
