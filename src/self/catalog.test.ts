import { describe, expect, it } from "vitest";
import { type ActionWords, type Catalog, type TypeWords, textIn, type Words } from "../domain/catalog.js";
import { parseGrant } from "../domain/grant.js";
import type { AuthorizationModel } from "../domain/permission-checker.js";
import { catalogFor, catalogOutsideModel, withoutWords } from "./catalog.js";

/** Documents lie in folders; organizations may only view. Nobody can hold `parent`, which only links folders. */
const relations: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  user: {},
  organization: { member: ["user"] },
  folder: { viewer: ["user", "organization"], owner: ["user"] },
  document: { parent: [], viewer: ["user", "organization"], editor: ["user"], archiver: ["user"] },
};
const actionsOf = (type: string) => new Set(Object.keys(relations[type] ?? {}));
const model: AuthorizationModel = {
  id: "m",
  types: new Set(Object.keys(relations)),
  hasType: (type) => type in relations,
  hasAction: (type, action) => actionsOf(type).has(action),
  actionsOf,
  hasActionAnywhere: (action) => Object.keys(relations).some((type) => actionsOf(type).has(action)),
  canHold: (subject, type, action) => relations[type]?.[action]?.includes(subject) ?? false,
  admits: () => true,
};
const subjectTypes = { user: "user", organization: "organization" };

const text = (value: string): Words => ({ "": value });
const action = (label?: string, hidden = false): ActionWords => ({
  ...{ label: label === undefined ? undefined : text(label), description: undefined },
  ...{ group: undefined, risk: undefined, hidden },
});
const type = (label: string | undefined, actions: Record<string, ActionWords>, hidden = false): TypeWords => ({
  ...{ label: label === undefined ? undefined : text(label), description: undefined, hidden, actions },
});
const template = (id: string, actions: string[], resource: string): Catalog["templates"][number] => {
  const parsed = parseGrant({ full: false, rules: [{ actions, resources: [resource] }] });
  if (!parsed.ok) throw new Error(id);
  return { id, label: text(id), description: undefined, grant: parsed.grant, ttlMs: undefined };
};
const catalog: Pick<Catalog, "types" | "templates"> = {
  types: {
    document: type("Documents", { editor: action("change"), viewer: action("read") }),
    organization: type(undefined, {}, true),
  },
  templates: [template("read", ["viewer"], "document:*"), template("write", ["editor"], "document:*")],
};

function shape(subject: string, of = catalog) {
  const { types, templates } = catalogFor(of, model, subject);
  return [
    types.map(({ type, actions }) => [type, ...actions.map(({ action }) => action)]),
    templates.map(({ id }) => id),
  ];
}

describe("the catalogue for a type of subjects", () => {
  it("has the configured order first, then what has no words by name; not what is hidden or structural", () => {
    expect(shape("user")).toEqual([
      [
        ["document", "editor", "viewer", "archiver"],
        ["folder", "owner", "viewer"],
      ],
      ["read", "write"],
    ]);
  });

  it("has only what such a subject can hold, and no template that it could not use", () => {
    expect(shape("organization")).toEqual([
      [
        ["document", "viewer"],
        ["folder", "viewer"],
      ],
      ["read"],
    ]);
  });

  it("leaves out a hidden action, and a type of which nothing is left", () => {
    const hidden = { owner: action(undefined, true), viewer: action(undefined, true) };
    expect(shape("user", { types: { folder: type("Folders", hidden) }, templates: [] })[0]).toEqual([
      ["document", "archiver", "editor", "viewer"],
      ["organization", "member"],
    ]);
  });
});

describe("a catalogue and its model", () => {
  it("fit", () => {
    expect(catalogOutsideModel(catalog, model, subjectTypes)).toEqual([]);
  });

  it("do not fit: each unknown name and each useless template is told with its key", () => {
    const faulty: Pick<Catalog, "types" | "templates"> = {
      types: { docment: type("x", {}), document: type("x", { view: action("x") }) },
      templates: [
        template("a", ["viewer"], "document:*"),
        template("b", ["veiwer"], "document:*"),
        template("c", ["parent"], "document:*"),
        template("d", ["editor"], "invoice:1"),
      ],
    };
    expect(catalogOutsideModel(faulty, model, subjectTypes)).toEqual([
      { key: "catalog.types.docment", problem: expect.stringMatching(/^type docment is not .*document/) },
      { key: "catalog.types.document.actions.view", problem: expect.stringMatching(/^view is not a relation.*viewer/) },
      { key: "catalog.templates[1].grant.rules[0].actions[0]", problem: expect.stringContaining("veiwer is not") },
      { key: "catalog.templates[2].grant", problem: expect.stringContaining("can never allow anything") },
      { key: "catalog.templates[3].grant.rules[0].resources[0]", problem: expect.stringContaining("invoice is not") },
    ]);
  });

  it("name what has no words, once", () => {
    expect(withoutWords(catalog, model, subjectTypes)).toEqual([
      "document#archiver",
      "folder",
      "folder#owner",
      "folder#viewer",
    ]);
  });
});

it.each<[Words | undefined, string, string]>([
  [undefined, "de", ""],
  [text("all"), "de", "all"],
  [{ en: "read", de: "lesen" }, "de", "lesen"],
  [{ en: "read", de: "lesen" }, "DE-at", "lesen"],
  [{ en: "read", de: "lesen", "de-at": "schauen" }, "de-AT", "schauen"],
  [{ de: "lesen", en: "read" }, "fr", "read"],
  [{ de: "lesen", en: "read" }, "", "read"],
  [{ de: "lesen", fr: "lire" }, "es", "lesen"],
  [{ de: "lesen" }, "__proto__", "lesen"],
])("%j in %j is %j", (words, language, expected) => {
  expect(textIn(words, language)).toBe(expected);
});
