import type { CatalogTemplate } from "#gen/patwarden/v1/self_pb.js";
import { useApp } from "../../app/context.js";

interface TemplatesProps {
  readonly templates: readonly CatalogTemplate[];
  /** The id of the one that was chosen. Empty: none. */
  readonly chosen: string;
  /** Called without a template to start from nothing. */
  onChoose(template: CatalogTemplate | undefined): void;
}

/** Chooses what a new token starts from. Shown only where the operator has made templates. */
export function Templates({ templates, chosen, onChoose }: TemplatesProps) {
  const { words } = useApp();
  const texts = words.create;
  if (templates.length === 0) return null;
  return (
    <section class="templates" aria-label={texts.templates}>
      {templates.map((template) => (
        <button
          type="button"
          key={template.id}
          class="template"
          aria-pressed={chosen === template.id}
          onClick={() => onChoose(template)}
        >
          <strong>{template.label}</strong>
          <span>{template.description}</span>
        </button>
      ))}
      <button type="button" class="template" aria-pressed={chosen === ""} onClick={() => onChoose(undefined)}>
        <strong>{texts.blank}</strong>
        <span>{texts.blankHint}</span>
      </button>
    </section>
  );
}
