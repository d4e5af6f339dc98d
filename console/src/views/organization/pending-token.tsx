import { useSignal } from "@preact/signals";
import { Operation, type Token } from "#gen/patwarden/v1/token_pb.js";
import { useAdministrationWords } from "../../app/administration.js";
import { useApp } from "../../app/context.js";
import { type Catalog, grantSentences } from "../../app/grant-text.js";
import { useLoad } from "../../app/load.js";
import { Badge } from "../../ui/badge.js";
import { Button, Link } from "../../ui/button.js";
import { Identity } from "../../ui/identity.js";
import { Notice } from "../../ui/notice.js";
import { dateOf, ExactTime, RelativeTime } from "../../ui/time.js";
import type { Decision } from "./decide-dialog.js";
import { ReachSummary } from "./reach-summary.js";
import { type ApprovedField, approvedFields, changedSinceApproval, type Facts, obstacleTo } from "./since-approval.js";

interface PendingTokenProps {
  readonly token: Token;
  /** Absent until it is fetched, and where it is not available. */
  readonly catalog: Catalog | undefined;
  readonly mayApprove: boolean;
  onDecide(decision: Decision): void;
}

/** A token that waits for approval, with all that an approver must know. */
export function PendingToken({ token, catalog, mayApprove, onDecide }: PendingTokenProps) {
  const { words, format } = useApp();
  const texts = useAdministrationWords().pending;
  const reach = useSignal(false);
  const { approvedBefore: before } = token;
  const changed = changedSinceApproval(token);
  const [created, approved] = [dateOf(token.createTime), dateOf(before?.approval?.time)];
  const may = (operation: Operation) => token.permitted.includes(operation);
  const shown = changed ? approvedFields.filter((field) => changed.has(field)) : approvedFields;
  const same = approvedFields.filter((field) => !shown.includes(field));
  return (
    <article class="card" aria-label={token.name}>
      <header class="row">
        <h2>
          <Link to={`/tokens/${token.id}`} look="link quiet">
            <bdi>{token.name}</bdi>
          </Link>
        </h2>
        <Badge tone={before ? "warn" : "accent"}>{before ? texts.again : texts.first}</Badge>
        <span class="soft">
          {before && approved
            ? texts.changed(format.relative(approved, new Date()))
            : created && <RelativeTime time={created} />}
        </span>
      </header>
      <dl class="facts">
        <dt>{texts.actsAs}</dt>
        <dd>
          <Identity name={token.subject} />
        </dd>
        <dt>{texts.madeBy}</dt>
        <dd>
          <Identity name={token.createdBy} />
          {token.createdVia !== "" && <span class="soft"> {words.token.createdVia(token.createdVia)}</span>}
        </dd>
        <dt>{texts.reason}</dt>
        <dd class={token.justification === "" ? "soft" : ""}>
          <bdi>{token.justification || texts.noReason}</bdi>
        </dd>
        {!before &&
          shown.map((field) => [
            <dt key={field}>{texts[field]}</dt>,
            <dd key={`${field} value`}>
              <FactValue field={field} facts={token} subject={token.subject} catalog={catalog} />
            </dd>,
          ])}
      </dl>
      {before && shown.length > 0 && (
        <table class="table compare">
          <thead>
            <tr>
              <th>{texts.field}</th>
              <th>{texts.before}</th>
              <th>{texts.now}</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((field) => (
              <tr key={field}>
                <th scope="row">{texts[field]}</th>
                <td class="before" data-label={texts.before}>
                  <FactValue field={field} facts={before} subject={token.subject} catalog={catalog} />
                </td>
                <td class="now" data-label={texts.now}>
                  <FactValue field={field} facts={token} subject={token.subject} catalog={catalog} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {before && (
        <p class="soft">
          {shown.length === 0 ? texts.nothingWider : texts.unchanged(format.list(same.map((field) => texts[field])))}{" "}
          {before.approval && texts.by(before.approval.decidedBy)}
          {before.approval && before.approval.comment !== "" && (
            <>
              {": "}
              <bdi>{texts.commentOf(before.approval.comment)}</bdi>
            </>
          )}
        </p>
      )}
      {reach.value ? (
        <ReachSummary token={token} catalog={catalog} />
      ) : (
        <Button
          onPress={() => {
            reach.value = true;
          }}
        >
          {texts.reachShow}
        </Button>
      )}
      {!may(Operation.APPROVE) && <NotForYou token={token} mayApprove={mayApprove} />}
      {(may(Operation.APPROVE) || may(Operation.DENY)) && (
        <footer class="row">
          {may(Operation.APPROVE) && (
            <Button kind="main" icon="check" label={texts.approveNamed(token.name)} onPress={() => onDecide("approve")}>
              {texts.approve}
            </Button>
          )}
          {may(Operation.DENY) && (
            <Button kind="danger" label={texts.denyNamed(token.name)} onPress={() => onDecide("deny")}>
              {texts.deny}
            </Button>
          )}
        </footer>
      )}
    </article>
  );
}

/** Says why the user cannot approve a token; the user's own events tell it. */
function NotForYou({ token, mayApprove }: Pick<PendingTokenProps, "token" | "mayApprove">) {
  const { api, caller } = useApp();
  const texts = useAdministrationWords().pending.you;
  const own = useLoad(`${caller.caller} ${token.id} ${token.etag} own events`, (signal) =>
    api.audit.listAuditEvents({ tokenId: token.id, actor: caller.caller, pageSize: 1000 }, { signal }),
  );
  if (!own.value.value && !own.problem.value) return null;
  const done = own.value.value?.events.map(({ action }) => action) ?? [];
  return <Notice tone="accent">{texts[obstacleTo(token, caller.caller, mayApprove, done)]}</Notice>;
}

interface FactProps {
  readonly field: ApprovedField;
  readonly facts: Facts;
  readonly subject: string;
  readonly catalog: Catalog | undefined;
}

function FactValue({ field, facts, subject, catalog }: FactProps) {
  const { words, format } = useApp();
  const texts = useAdministrationWords().pending;
  const [notBefore, ends] = [dateOf(facts.notBefore), dateOf(facts.expireTime)];
  switch (field) {
    case "grant":
      return (
        <ul>
          {grantSentences(facts.grant, { catalog, words, format, subject }).map((sentence) => (
            <li key={sentence}>
              <bdi>{sentence}</bdi>
            </li>
          ))}
        </ul>
      );
    case "networks":
      return facts.allowedCidrs.length === 0 ? (
        <span>{texts.anywhere}</span>
      ) : (
        <span class="mono">{facts.allowedCidrs.join(", ")}</span>
      );
    case "notBefore":
      return notBefore ? <ExactTime time={notBefore} /> : <span>{texts.atOnce}</span>;
    case "ends":
      return ends ? <ExactTime time={ends} /> : <span>{words.tokens.neverExpires}</span>;
  }
}
