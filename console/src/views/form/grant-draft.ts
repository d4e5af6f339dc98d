import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Grant, GrantSchema } from "#gen/patwarden/v1/token_pb.js";

/** A grant while it is edited. Plain data, so that a form can be kept over a sign-in. */
export interface GrantDraft {
  /** `chosen`: the rules; `identify`: nothing; `full`: everything. */
  readonly mode: "chosen" | "identify" | "full";
  readonly rules: readonly RuleDraft[];
}

/** A rule about one type of resources. */
export interface RuleDraft {
  /** The type, or `*` for all types. */
  readonly type: string;
  /** Relations of the model, or `*` alone. */
  readonly actions: readonly string[];
  /** Ids without their type; `*` alone: all resources of the type. */
  readonly ids: readonly string[];
}

export const emptyGrant: GrantDraft = { mode: "chosen", rules: [] };

export const every = "*";

/** Returns the draft of a grant. A rule about several types becomes one rule for each, which allows the same. */
export function draftOf(grant: Pick<Grant, "full" | "rules"> | undefined): GrantDraft {
  if (grant?.full) return { mode: "full", rules: [] };
  const rules = (grant?.rules ?? []).flatMap(({ actions, resources }) => {
    const idsOf = new Map<string, string[]>();
    for (const resource of resources) {
      const at = resource.indexOf(":");
      const [type, id] = at < 0 ? [every, every] : [resource.slice(0, at), resource.slice(at + 1)];
      idsOf.set(type, [...(idsOf.get(type) ?? []), id]);
    }
    // `document:*` contains all other documents.
    return [...idsOf].map(([type, ids]) => ({ type, actions: [...actions], ids: ids.includes(every) ? [every] : ids }));
  });
  return { mode: rules.length === 0 ? "identify" : "chosen", rules };
}

/** Returns the grant of a draft, as CreateToken takes it. */
export function grantOf({
  mode,
  rules,
}: GrantDraft): Extract<MessageInitShape<typeof GrantSchema>, { $typeName?: never }> {
  if (mode === "full") return { full: true };
  if (mode === "identify") return {};
  return {
    rules: rules.map(({ type, actions, ids }) => ({
      actions: [...actions],
      resources: type === every ? [every] : ids.map((id) => `${type}:${id}`),
    })),
  };
}

/** Something that is missing in a draft. */
export type GrantGap =
  | { readonly kind: "noRules" }
  | { readonly kind: "noActions" | "noResources"; readonly rule: number };

/** Returns what the user must still choose; empty when the draft is complete. */
export function gapsOf({ mode, rules }: GrantDraft): readonly GrantGap[] {
  if (mode !== "chosen") return [];
  if (rules.length === 0) return [{ kind: "noRules" }];
  return rules.flatMap(({ type, actions, ids }, rule): GrantGap[] => [
    ...(actions.length === 0 ? [{ kind: "noActions", rule } as const] : []),
    ...(type !== every && ids.length === 0 ? [{ kind: "noResources", rule } as const] : []),
  ]);
}
