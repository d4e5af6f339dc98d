import type {
  AuthorizationModel as ModelMessage,
  RelationReference,
  Userset,
} from "#gen/openfga/v1/openfga_service_pb.js";
import type { AuthorizationModel } from "./permission-checker.js";

interface Relation {
  readonly rewrite: Userset | undefined;
  readonly admitted: readonly RelationReference[];
}

/** What the model knows, worked out once. */
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
  const known = new Map<string, boolean>();

  /** `visited` holds the relations on the way here: a cycle adds nobody. */
  function reaches(subjectType: string, type: string, action: string, visited: ReadonlySet<string>): boolean {
    const step = `${type}#${action}`;
    const relation = types.get(type)?.get(action);
    if (!relation || visited.has(step)) return false;
    const onward = new Set(visited).add(step);

    const byReference = ({ type: admittedType, relationOrWildcard }: RelationReference): boolean =>
      relationOrWildcard.case === "relation"
        ? reaches(subjectType, admittedType, relationOrWildcard.value, onward)
        : admittedType === subjectType;

    const byRewrite = (userset: Userset | undefined): boolean => {
      const rewrite = userset?.userset;
      switch (rewrite?.case) {
        case "this":
          return relation.admitted.some(byReference);
        case "computedUserset":
          return reaches(subjectType, type, rewrite.value.relation, onward);
        case "tupleToUserset": {
          const parents = types.get(type)?.get(rewrite.value.tupleset?.relation ?? "")?.admitted ?? [];
          const held = rewrite.value.computedUserset?.relation ?? "";
          return parents.some((parent) => reaches(subjectType, parent.type, held, onward));
        }
        case "union":
          return rewrite.value.child.some(byRewrite);
        case "intersection":
          return rewrite.value.child.every(byRewrite);
        case "difference":
          return byRewrite(rewrite.value.base);
        default:
          // A rewrite that we do not know may admit anybody.
          return true;
      }
    };
    return byRewrite(relation.rewrite);
  }

  function canHold(subjectType: string, type: string, action: string): boolean {
    const question = `${subjectType} ${type}#${action}`;
    const answer = known.get(question) ?? reaches(subjectType, type, action, new Set());
    known.set(question, answer);
    return answer;
  }

  return {
    id: message.id,
    types: new Set(types.keys()),
    hasType: (type) => types.has(type),
    hasAction: (type, action) => actions.get(type)?.has(action) ?? false,
    actionsOf: (type) => actions.get(type) ?? new Set(),
    hasActionAnywhere: (action) => [...actions.values()].some((names) => names.has(action)),
    canHold,
    admits: (subjectType) =>
      [...actions].some(([type, names]) => [...names].some((action) => canHold(subjectType, type, action))),
  };
}
