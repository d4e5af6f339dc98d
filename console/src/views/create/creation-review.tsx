import type { GetCatalogResponse, GetCreationLimitsResponse } from "#gen/patwarden/v1/self_pb.js";
import { useApp } from "../../app/context.js";
import { grantSentences } from "../../app/grant-text.js";
import { Notice } from "../../ui/notice.js";
import { ExactTime } from "../../ui/time.js";
import type { Ending } from "../form/expiry.js";
import { gapsOf, grantOf } from "../form/grant-draft.js";
import type { TokenForm } from "./token-form.js";

interface CreationReviewProps {
  readonly form: TokenForm;
  readonly ending: Ending;
  readonly catalog: GetCatalogResponse | undefined;
  readonly creation: GetCreationLimitsResponse | undefined;
}

/** Says beside the form what the token may do, as whom and until when, and whether it must be approved. */
export function CreationReview({ form, ending, catalog, creation }: CreationReviewProps) {
  const { words, format, caller } = useApp();
  const texts = words.create;
  const own = form.subject === caller.caller;
  const speech = { catalog, words, format, subject: own ? "" : form.subject };
  return (
    <aside class="card side" aria-label={texts.review}>
      <h2>{texts.review}</h2>
      {gapsOf(form.grant).length > 0 ? (
        <p class="soft">{texts.reviewEmpty}</p>
      ) : (
        <ul class="sentences">
          {grantSentences(grantOf(form.grant), speech).map((text) => (
            <li key={text}>
              <bdi>{text}</bdi>
            </li>
          ))}
        </ul>
      )}
      <dl class="facts narrow-facts">
        <dt>{words.token.actsAs}</dt>
        <dd>
          <bdi>{own ? texts.ownerYou : form.subject}</bdi>
          {form.organization !== "" && <bdi> · {form.organization}</bdi>}
        </dd>
        <dt>{texts.expiresAt}</dt>
        <dd>{ending.ok ? ending.time ? <ExactTime time={ending.time} /> : texts.expiresNever : texts.expiresOpen}</dd>
      </dl>
      {creation?.limits?.requireApproval && <Notice tone="warn">{texts.needsApproval}</Notice>}
      {creation && !creation.mayCreate && <Notice tone="bad">{texts.notAllowed}</Notice>}
    </aside>
  );
}
