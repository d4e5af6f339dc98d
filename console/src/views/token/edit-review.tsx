import type { Token } from "#gen/patwarden/v1/token_pb.js";
import { useApp } from "../../app/context.js";
import { type Catalog, grantSentences } from "../../app/grant-text.js";
import { Notice } from "../../ui/notice.js";
import { dateOf } from "../../ui/time.js";
import { draftOf, grantOf } from "../form/grant-draft.js";
import { parseNetworks } from "../form/networks.js";
import type { ChangedField, EditForm } from "./changes.js";

interface EditReviewProps {
  readonly token: Token;
  readonly form: EditForm;
  readonly changed: readonly ChangedField[];
  readonly catalog: Catalog | undefined;
  /** Whether the token must be approved again. */
  readonly approval: boolean;
}

/** Says beside the form what changes, and whether the token must be approved again. */
export function EditReview({ token, form, changed, catalog, approval }: EditReviewProps) {
  const { words, format, caller } = useApp();
  const texts = words.edit;
  const speech = { catalog, words, format, subject: token.subject === caller.caller ? "" : token.subject };
  const end = dateOf(token.expireTime);
  const endText = (time: Date | null | undefined): string => (time ? format.dateTime(time) : words.tokens.neverExpires);
  const shownValues: Readonly<Record<ChangedField, readonly [readonly string[], readonly string[]]>> = {
    name: [[token.name], [form.name]],
    description: [[token.description || words.none], [form.description || words.none]],
    justification: [[token.justification || words.none], [form.justification || words.none]],
    grant: [grantSentences(grantOf(draftOf(token.grant)), speech), grantSentences(grantOf(form.grant), speech)],
    allowed_cidrs: [
      token.allowedCidrs.length > 0 ? token.allowedCidrs : [words.token.anywhere],
      parseNetworks(form.networks).length > 0 ? parseNetworks(form.networks) : [words.token.anywhere],
    ],
    self_rotate: [[token.selfRotate ? words.yes : words.no], [form.selfRotate ? words.yes : words.no]],
    expire_time: [[endText(end)], [endText(form.end)]],
    never_expires: [[endText(end)], [endText(form.end)]],
  };
  return (
    <aside class="card side" aria-label={texts.review}>
      <h2>{texts.review}</h2>
      {changed.length === 0 && <p class="soft">{texts.nothing}</p>}
      {changed.map((field) => (
        <Difference
          key={field}
          name={words.fields[field] ?? field}
          before={shownValues[field][0]}
          after={shownValues[field][1]}
        />
      ))}
      {approval && <Notice tone="warn">{texts.approval}</Notice>}
    </aside>
  );
}

interface DifferenceProps {
  readonly name: string;
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/** A field before and after; lines that both have are left out. */
function Difference({ name, before, after }: DifferenceProps) {
  const { words } = useApp();
  const gone = before.filter((line) => !after.includes(line));
  const added = after.filter((line) => !before.includes(line));
  return (
    <section class="difference">
      <h3>{name}</h3>
      {gone.map((line) => (
        <p key={line}>
          <span class="out-of-sight">{words.edit.before}: </span>
          <del>
            <bdi>{line}</bdi>
          </del>
        </p>
      ))}
      {added.map((line) => (
        <p key={line}>
          <span class="out-of-sight">{words.edit.after}: </span>
          <ins>
            <bdi>{line}</bdi>
          </ins>
        </p>
      ))}
    </section>
  );
}
