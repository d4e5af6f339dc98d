import { expect, it } from "vitest";
import { changed, configOf, describeSettings } from "../../test/kit/config-file.js";

const words = { label: { en: "read", "pt-BR": "ler" }, description: "Reads.", group: "Content", risk: "low" };
const seen = {
  label: { en: "read", "pt-br": "ler" },
  description: { "": "Reads." },
  group: { "": "Content" },
  risk: "low",
  hidden: false,
};
const rules = [{ actions: ["viewer"], resources: ["document:*"] }];
const template = { id: "read", label: "Read", description: "Reads.", grant: { rules }, ttl: "30d" };
const language = "must be a text of 1 to 60 characters, or one by language: { en: …, de: … }";

describeSettings(
  ["catalog"],
  [
    [
      "catalog.types",
      { document: { label: "Documents", actions: { viewer: words, owner: { hidden: true } } }, user: { hidden: true } },
      {
        catalog: {
          types: {
            document: {
              label: { "": "Documents" },
              hidden: false,
              actions: { viewer: seen, owner: { label: undefined, hidden: true } },
            },
            user: { hidden: true, actions: {} },
          },
          templates: [],
          snippets: [],
        },
      },
    ],
    [
      "catalog.templates",
      [template],
      {
        catalog: {
          types: {},
          templates: [
            {
              id: "read",
              label: { "": "Read" },
              description: { "": "Reads." },
              grant: { kind: "rules", rules },
              ttlMs: 30 * 86_400_000,
            },
          ],
        },
      },
    ],
    [
      "catalog.snippets",
      [{ label: { en: "curl" }, code: "curl \\\n\t$TOKEN" }],
      { catalog: { snippets: [{ label: { en: "curl" }, code: "curl \\\n\t$TOKEN" }] } },
    ],
  ],
  [
    [
      { "catalog.types": { document: { lable: "x" } } },
      { "catalog.types.document": "must not have the keys lable: they are unknown" },
    ],
    [
      { "catalog.types": { document: { actions: { viewer: { risk: "huge" } } } } },
      { "catalog.types.document.actions.viewer.risk": "must be one of low, medium, high" },
    ],
    [{ "catalog.types": { document: { label: 7 } } }, { "catalog.types.document.label": language }],
    [
      { "catalog.types": { document: { label: {} } } },
      { "catalog.types.document.label": "must have a text in at least one language" },
    ],
    [{ "catalog.types": { document: { label: "x".repeat(61) } } }, { "catalog.types.document.label": language }],
    [
      { "catalog.types": { document: { label: { "not a language": "x" } } } },
      { "catalog.types.document.label": language },
    ],
    [
      { "catalog.templates": [{ ...template, grant: {} }] },
      { "catalog.templates[0].grant": "must have full: true or rules" },
    ],
    [
      { "catalog.snippets": [{ label: "curl", code: "curl" }] },
      { "catalog.snippets[0].code": "must contain $TOKEN, which stands for the secret" },
    ],
    [
      { "catalog.snippets": [{ label: "curl", code: "$TOKEN \u202e" }] },
      { "catalog.snippets[0].code": "must not contain invisible characters" },
    ],
    [{ "catalog.templates": [template, template] }, { "catalog.templates": "must not have the same id twice" }],
  ],
);

it("without a catalogue, there are no words", () => {
  expect(configOf(changed({})).catalog).toBeUndefined();
});
