import { useSignal } from "@preact/signals";
import type { Token } from "#gen/patwarden/v1/token_pb.js";
import { Operation } from "#gen/patwarden/v1/token_pb.js";
import { useApp } from "../../app/context.js";
import { useLoad } from "../../app/load.js";
import { Button, Link } from "../../ui/button.js";
import { Icon } from "../../ui/icon.js";
import { Loaded } from "../../ui/loaded.js";
import { Tabs } from "../../ui/tabs.js";
import { StateBadge } from "../../ui/token-state.js";
import type { ViewProps } from "../app-root.js";
import { canBeDuplicated } from "../create/token-form.js";
import { EditToken } from "./edit-token.js";
import { ExplainToken } from "./explain-token.js";
import { History } from "./history.js";
import { Overview } from "./overview.js";
import { Reach } from "./reach.js";
import { RevokeDialog } from "./revoke-dialog.js";
import { RotateToken } from "./rotate-token.js";
import { SuspendDialog } from "./suspend-dialog.js";
import { Usage } from "./usage-part.js";

const parts = ["overview", "reach", "usage", "history", "explain"] as const;

/** One token: its parts, and what may be done with it. */
export function TokenView({ parameters: [id = ""] }: ViewProps) {
  const { api, router, words, subject, caller } = useApp();
  const { query } = router.route.value;
  const token = useLoad(`${caller.caller} ${subject} ${id}`, async (signal) => {
    const answer = await api.tokens.getToken({ id }, { signal });
    if (!answer.token) throw new Error("GetToken answered without a token");
    return answer.token;
  });
  const back = () => router.go(`/tokens/${id}`, "replace");
  return (
    <div class="view">
      <Link to="/" look="back">
        <Icon name="back" /> {words.page.mine}
      </Link>
      <Loaded of={token}>
        {(value) =>
          query.get("do") === "rotate" ? (
            <RotateToken token={value} onDone={token.set} onCancel={back} />
          ) : query.get("do") === "edit" ? (
            <EditToken token={value} onReload={token.reload} onCancel={back} onSaved={token.set} />
          ) : (
            <Parts token={value} onChange={token.set} />
          )
        }
      </Loaded>
    </div>
  );
}

interface PartsProps {
  readonly token: Token;
  onChange(token: Token): void;
}

function Parts({ token, onChange }: PartsProps) {
  const { router, words, caller } = useApp();
  const texts = words.token;
  const { query } = router.route.value;
  const dialog = useSignal<"revoke" | "suspend" | "resume" | undefined>(undefined);
  const to = `/tokens/${token.id}`;
  const shown = parts.find((part) => part === query.get("view")) ?? "overview";
  const may = (operation: Operation) => token.permitted.includes(operation);
  const close = (changed: Token | undefined) => {
    dialog.value = undefined;
    if (changed) onChange(changed);
  };
  return (
    <>
      <header class="view-head">
        <div>
          <h1>
            <bdi>{token.name}</bdi>
          </h1>
          <p class="row">
            <StateBadge token={token} />
            <span class="mono soft">{token.secrets[0]?.hint}</span>
          </p>
          {token.description !== "" && (
            <p>
              <bdi>{token.description}</bdi>
            </p>
          )}
        </div>
        <div class="row">
          {may(Operation.ROTATE) && <Button onPress={() => router.go(`${to}?do=rotate`)}>{texts.rotate}</Button>}
          {may(Operation.UPDATE) && <Button onPress={() => router.go(`${to}?do=edit`)}>{texts.edit}</Button>}
          {canBeDuplicated(token, caller.caller) && (
            <Button onPress={() => router.go(`/new?from=${token.id}`)}>{texts.duplicate}</Button>
          )}
          {may(Operation.SUSPEND) && (
            <Button
              onPress={() => {
                dialog.value = "suspend";
              }}
            >
              {texts.suspend}
            </Button>
          )}
          {may(Operation.RESUME) && (
            <Button
              onPress={() => {
                dialog.value = "resume";
              }}
            >
              {texts.resume}
            </Button>
          )}
          {may(Operation.REVOKE) && (
            <Button
              kind="danger"
              onPress={() => {
                dialog.value = "revoke";
              }}
            >
              {texts.revoke}
            </Button>
          )}
        </div>
      </header>
      <Tabs
        label={texts.parts}
        tabs={parts.map((part) => ({
          to: part === "overview" ? to : `${to}?view=${part}`,
          text: texts[part],
          current: part === shown,
        }))}
      />
      {shown === "overview" && <Overview token={token} onChange={onChange} />}
      {shown === "reach" && <Reach token={token} />}
      {shown === "usage" && <Usage token={token} />}
      {shown === "history" && <History token={token} />}
      {shown === "explain" && <ExplainToken token={token} />}
      {dialog.value === "revoke" && <RevokeDialog token={token} onClose={close} />}
      {(dialog.value === "suspend" || dialog.value === "resume") && (
        <SuspendDialog token={token} action={dialog.value} onClose={close} />
      )}
    </>
  );
}
