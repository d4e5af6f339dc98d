import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { Operation, type Secret, type Token, Token_State } from "#gen/patwarden/v1/token_pb.js";
import { useCatalog } from "../../app/catalog.js";
import { useChange } from "../../app/change.js";
import { useApp } from "../../app/context.js";
import { grantSentences } from "../../app/grant-text.js";
import { Badge } from "../../ui/badge.js";
import { Button } from "../../ui/button.js";
import { CopyButton } from "../../ui/copy-button.js";
import { Dialog } from "../../ui/dialog.js";
import { Identity } from "../../ui/identity.js";
import { ChangeNotice, Notice } from "../../ui/notice.js";
import { dateOf, ExactTime, RelativeTime } from "../../ui/time.js";
import { hasEnded, isWorking } from "../../ui/token-state.js";

interface OverviewProps {
  readonly token: Token;
  onChange(token: Token): void;
}

/** The facts of a token: what it may do, when it works, who made it, and its secrets. */
export function Overview({ token, onChange }: OverviewProps) {
  const { words, format, caller } = useApp();
  const texts = words.token;
  const catalog = useCatalog(token.subject);
  const sentences = grantSentences(token.grant, {
    catalog: catalog.value.value,
    words,
    format,
    subject: token.subject === caller.caller ? "" : token.subject,
  });
  const [expires, notBefore, lastUse, created, revoked] = [
    dateOf(token.expireTime),
    dateOf(token.notBefore),
    dateOf(token.lastUseTime),
    dateOf(token.createTime),
    dateOf(token.revokeTime),
  ];
  return (
    <div class="stack">
      <StateNotice token={token} revoked={revoked} />
      <div class="two">
        <section class="card">
          <h2>{texts.mayDo}</h2>
          <ul class="sentences">
            {sentences.map((text) => (
              <li key={text}>
                <bdi>{text}</bdi>
              </li>
            ))}
          </ul>
          <dl class="facts">
            <Fact name={texts.networks}>
              {token.allowedCidrs.length === 0 ? (
                <span class="soft">{texts.anywhere}</span>
              ) : (
                <span class="mono">{token.allowedCidrs.join(", ")}</span>
              )}
            </Fact>
            {token.selfRotate && <Fact name={texts.selfRotate}>{words.yes}</Fact>}
          </dl>
        </section>
        <section class="card">
          <h2>{texts.facts}</h2>
          <dl class="facts">
            <Fact name={texts.expires}>{expires ? <ExactTime time={expires} /> : words.tokens.neverExpires}</Fact>
            {notBefore && (
              <Fact name={texts.notBefore}>
                <ExactTime time={notBefore} />
              </Fact>
            )}
            <Fact name={texts.lastUse}>
              {lastUse ? (
                <>
                  <RelativeTime time={lastUse} />
                  {token.lastUseIp !== "" && ` ${words.tokens.from(token.lastUseIp)}`}{" "}
                  <span class="hint">{texts.lastUseNote}</span>
                </>
              ) : (
                words.never
              )}
            </Fact>
            <Fact name={texts.actsAs}>
              <Identity name={token.subject} copyable />
            </Fact>
            {token.organization !== "" && (
              <Fact name={texts.boundTo}>
                <Identity name={token.organization} copyable />
              </Fact>
            )}
            <Fact name={texts.createdBy}>
              <Identity name={token.createdBy} />
              {token.createdVia !== "" && <span class="soft"> {texts.createdVia(token.createdVia)}</span>}
            </Fact>
            {created && (
              <Fact name={texts.created}>
                <ExactTime time={created} />
              </Fact>
            )}
            {token.justification !== "" && (
              <Fact name={texts.justification}>
                <bdi>{token.justification}</bdi>
              </Fact>
            )}
            {token.approval && (
              <Fact name={token.state === Token_State.DENIED ? texts.deniedBy : texts.approvedBy}>
                <Identity name={token.approval.decidedBy} />
                {token.approval.comment !== "" && <bdi> {token.approval.comment}</bdi>}
              </Fact>
            )}
            <Fact name={texts.id}>
              <span class="mono">{token.id}</span>{" "}
              <CopyButton short text={token.id} label={words.copyNamed(`${texts.id} ${token.name}`)} />
            </Fact>
          </dl>
        </section>
      </div>
      <Secrets token={token} onChange={onChange} />
      <Pairs title={texts.metadata} pairs={token.metadata} />
      <Pairs title={texts.claims} pairs={token.claims} />
    </div>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ComponentChildren }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

/** Says why the token does not work, where that can be said in a sentence. */
function StateNotice({ token, revoked }: { readonly token: Token; readonly revoked: Date | undefined }) {
  const { words, format } = useApp();
  const texts = words.token;
  if (token.state === Token_State.REVOKED && revoked) {
    const why = words.revocationReasons[token.revocationReason] ?? "";
    return <Notice tone="muted">{texts.revokedAt(format.dateTime(revoked), why)}</Notice>;
  }
  if (token.state === Token_State.PENDING_APPROVAL) return <Notice tone="warn">{texts.pendingText}</Notice>;
  if (token.suspension)
    return (
      <Notice tone="warn">
        <p>
          {texts.suspendedBy} <Identity name={token.suspension.by} />
        </p>
        {token.suspension.comment !== "" && (
          <p>
            <bdi>{token.suspension.comment}</bdi>
          </p>
        )}
      </Notice>
    );
  if (token.blockedBy.length > 0)
    return (
      <Notice tone="warn">
        {texts.blockedBy(format.list(token.blockedBy.map((field) => words.limits[field] ?? field)))}
      </Notice>
    );
  return null;
}

function Secrets({ token, onChange }: OverviewProps) {
  const { api, words, format, announce } = useApp();
  const texts = words.token;
  const ending = useSignal<Secret | undefined>(undefined);
  const end = useChange(async (confirm, secret: Secret) => {
    const answer = await confirm(() => api.tokens.revokeSecret({ tokenId: token.id, secretId: secret.id }));
    ending.value = undefined;
    announce(texts.endSecretDone);
    if (answer.token) onChange(answer.token);
  });
  const now = Date.now();
  const close = () => {
    ending.value = undefined;
    end.clear();
  };
  return (
    <section class="card">
      <h2>{texts.secrets}</h2>
      <ul class="lines">
        {token.secrets.map((secret) => {
          const [until, used] = [dateOf(secret.expireTime), dateOf(secret.lastUseTime)];
          const over = hasEnded(token) || (until !== undefined && until.getTime() <= now);
          const works = !over && isWorking(token);
          const tone = over || !works ? "muted" : secret.current ? "good" : "warn";
          return (
            <li key={secret.id} class="line">
              <span class="mono">{secret.hint}</span>
              <Badge tone={tone}>
                {over ? texts.secretEnded : secret.current ? texts.secretCurrent : texts.secretOld}
              </Badge>
              <span class="soft grow">
                {until && works && `${texts.secretUntil(format.dateTime(until))} · `}
                {used ? texts.secretUsed(format.relative(used, new Date())) : texts.secretUnused}
              </span>
              {!secret.current && !over && token.permitted.includes(Operation.REVOKE_SECRET) && (
                <Button
                  kind="danger"
                  label={texts.endSecretNamed(secret.hint)}
                  onPress={() => {
                    ending.value = secret;
                  }}
                >
                  {texts.endSecret}
                </Button>
              )}
            </li>
          );
        })}
      </ul>
      {ending.value && (
        <Dialog
          title={texts.endSecretTitle}
          onClose={close}
          actions={
            <>
              <Button onPress={close}>{words.cancel}</Button>
              <Button
                kind="danger"
                busy={end.busy.value}
                onPress={() => {
                  if (ending.value) end.run(ending.value);
                }}
              >
                {texts.endSecret}
              </Button>
            </>
          }
        >
          <p class="mono">{ending.value.hint}</p>
          <p>{texts.endSecretText}</p>
          <ChangeNotice of={end} />
        </Dialog>
      )}
    </section>
  );
}

interface PairsProps {
  readonly title: string;
  readonly pairs: Readonly<Record<string, string>>;
}

function Pairs({ title, pairs }: PairsProps) {
  const entries = Object.entries(pairs);
  if (entries.length === 0) return null;
  return (
    <section class="card">
      <h2>{title}</h2>
      <dl class="facts">
        {entries.map(([name, value]) => (
          <Fact key={name} name={name}>
            <bdi>{value}</bdi>
          </Fact>
        ))}
      </dl>
    </section>
  );
}
