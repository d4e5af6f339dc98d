import type {
  AuthorizationModel as ModelMessage,
  RelationReference,
  Userset,
} from "#gen/openfga/v1/openfga_service_pb.js";
import type { AuthorizationModel } from "../domain/permission-checker.js";

interface Relation {
  readonly rewrite: Userset | undefined;
  readonly admitted: readonly RelationReference[];
}

/** Returns what can be computed from the model once. */
export function authorizationModel(message: ModelMessage): AuthorizationModel {
  const types = new Map<string, ReadonlyMap<string, Relation>>(
    message.typeDefinitions.map(({ type, relations, metadata }) => [
      type,
      new Map(
        Object.entries(relations).map(([name, rewrite]) => [
          name,
          { rewrite, admitted: metadata?.relations[name]?.directlyRelatedUserTypes ?? [] },
        ]),
      ),
    ]),
  );
  const actions = new Map([...types].map(([type, relations]) => [type, new Set(relations.keys())]));
  const holdable = new Map<string, ReadonlySet<string>>();

  /**
   * Returns the relations that the type can hold, as `type#relation`: the least set that the rewrites allow, so that a
   * cycle adds no type.
   */
  function heldBy(subjectType: string): ReadonlySet<string> {
    const known = holdable.get(subjectType);
    if (known) return known;
    const held = new Set<string>();
    for (let before = -1; before < held.size; ) {
      before = held.size;
      for (const [type, relations] of types) {
        for (const [name, relation] of relations) {
          if (allows(subjectType, type, relation, relation.rewrite, held)) held.add(`${type}#${name}`);
        }
      }
    }
    holdable.set(subjectType, held);
    return held;
  }

  /** Returns whether the rewrite admits the type, when the type already holds `held`. */
  function allows(
    subjectType: string,
    type: string,
    relation: Relation,
    userset: Userset | undefined,
    held: ReadonlySet<string>,
  ): boolean {
    const allowedBy = (part: Userset | undefined): boolean => allows(subjectType, type, relation, part, held);
    const rewrite = userset?.userset;
    switch (rewrite?.case) {
      case "this":
        return relation.admitted.some(({ type: admitted, relationOrWildcard }) =>
          relationOrWildcard.case === "relation"
            ? held.has(`${admitted}#${relationOrWildcard.value}`)
            : admitted === subjectType,
        );
      case "computedUserset":
        return held.has(`${type}#${rewrite.value.relation}`);
      case "tupleToUserset": {
        const parents = types.get(type)?.get(rewrite.value.tupleset?.relation ?? "")?.admitted ?? [];
        return parents.some((parent) => held.has(`${parent.type}#${rewrite.value.computedUserset?.relation}`));
      }
      case "union":
        return rewrite.value.child.some(allowedBy);
      case "intersection":
        return rewrite.value.child.every(allowedBy);
      case "difference":
        return allowedBy(rewrite.value.base);
      default:
        // A rewrite that we do not know may admit any type.
        return true;
    }
  }

  return {
    id: message.id,
    types: new Set(types.keys()),
    hasType: (type) => types.has(type),
    hasAction: (type, action) => actions.get(type)?.has(action) ?? false,
    actionsOf: (type) => actions.get(type) ?? new Set(),
    hasActionAnywhere: (action) => [...actions.values()].some((names) => names.has(action)),
    canHold: (subjectType, type, action) => heldBy(subjectType).has(`${type}#${action}`),
    admits: (subjectType) => heldBy(subjectType).size > 0,
  };
}
