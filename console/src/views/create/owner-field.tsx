import { useId } from "preact/hooks";
import { type Organization, Organization_Right } from "#gen/patwarden/v1/self_pb.js";
import { useApp } from "../../app/context.js";
import { Choice, Field, FieldGroup } from "../../ui/field.js";
import { shortened } from "../../ui/identity.js";
import type { TokenForm } from "./token-form.js";

type Owner = Pick<TokenForm, "subject" | "organization">;

/** More choices than these are a list that opens. */
const mostRadios = 7;

interface OwnerFieldProps {
  readonly owner: Owner;
  readonly organizations: readonly Organization[];
  readonly mustBind: boolean;
  /** Whether the organizations could not be fetched. */
  readonly unavailable: boolean;
  readonly error?: string | undefined;
  onChange(owner: Owner): void;
}

const nameOf = (organization: string): string => shortened(organization.replace(/^organization:/, ""), 40);

/** Chooses who a token acts as, and the organization that it belongs to. Shown only where there is a choice. */
export function OwnerField({ owner, organizations, mustBind, unavailable, error, onChange }: OwnerFieldProps) {
  const { words, caller } = useApp();
  const texts = words.create;
  const group = useId();
  const self = caller.caller;
  const choices: (Owner & { readonly label: string; readonly hint: string })[] = [
    { subject: self, organization: "", label: texts.ownerYou, hint: "" },
    ...organizations
      .filter(({ member }) => member)
      .map(({ organization }) => ({
        subject: self,
        organization,
        label: texts.ownerBound(nameOf(organization)),
        hint: texts.ownerBoundHint,
      })),
    ...organizations
      .filter(({ rights }) => rights.includes(Organization_Right.CREATE))
      .map(({ organization }) => ({
        subject: organization,
        organization: "",
        label: texts.ownerOrganization(nameOf(organization)),
        hint: texts.ownerOrganizationHint,
      })),
  ];
  const isChosen = (choice: Owner) => choice.subject === owner.subject && choice.organization === owner.organization;
  if (!choices.some(isChosen)) choices.push({ ...owner, label: nameOf(owner.organization || owner.subject), hint: "" });
  if (choices.length === 1 && !unavailable && !error) return null;
  const hintOf = (choice: (typeof choices)[number]) =>
    mustBind && choice.organization === "" && choice.subject === self ? texts.ownerMustBind : choice.hint;
  const change = (choice: Owner) => onChange({ subject: choice.subject, organization: choice.organization });
  if (choices.length > mostRadios) {
    const chosen = choices.find(isChosen);
    return (
      <Field label={texts.owner} hint={chosen && hintOf(chosen)} error={error}>
        {(ids) => (
          <select
            {...ids}
            value={choices.findIndex(isChosen)}
            onChange={(event) => {
              const choice = choices[Number(event.currentTarget.value)];
              if (choice) change(choice);
            }}
          >
            {choices.map((choice, at) => (
              <option key={`${choice.subject} ${choice.organization}`} value={at}>
                {choice.label}
              </option>
            ))}
          </select>
        )}
      </Field>
    );
  }
  return (
    <FieldGroup label={texts.owner} error={error} hint={unavailable ? texts.noOrganizations : undefined}>
      {choices.map((choice) => (
        <Choice
          key={`${choice.subject} ${choice.organization}`}
          kind="radio"
          name={group}
          label={<bdi>{choice.label}</bdi>}
          hint={hintOf(choice)}
          checked={isChosen(choice)}
          onChange={() => change(choice)}
        />
      ))}
    </FieldGroup>
  );
}
