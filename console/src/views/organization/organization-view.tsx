import { Organization_Right as Right } from "#gen/patwarden/v1/self_pb.js";
import { Token_State } from "#gen/patwarden/v1/token_pb.js";
import { useAdministrationWords } from "../../app/administration.js";
import { useApp } from "../../app/context.js";
import { useLoad } from "../../app/load.js";
import { idOf, organizationOf, organizationPath } from "../../app/subject-name.js";
import { Button } from "../../ui/button.js";
import { Icon } from "../../ui/icon.js";
import { Loaded } from "../../ui/loaded.js";
import { Notice } from "../../ui/notice.js";
import { Tabs } from "../../ui/tabs.js";
import type { ViewProps } from "../app-root.js";
import { AuditList } from "../audit/audit-list.js";
import { PolicyEditor } from "../policy/policy-editor.js";
import { TokenList } from "../tokens/token-list.js";
import { PendingQueue } from "./pending-queue.js";
import { allRights, type Part, partsFor } from "./rights.js";
import { Switcher } from "./switcher.js";
import { UsagePart } from "./usage-part.js";

/** An organization: its tokens, those to approve, usage, policy and history, as far as the user's rights go. */
export function OrganizationView({ parameters: [name = ""] }: ViewProps) {
  const { router, words } = useApp();
  const texts = useAdministrationWords().organization;
  const organization = organizationOf(name);
  const rights = useRights(organization);
  const create = () => router.go(`/new?for=${encodeURIComponent(organization)}`);
  return (
    <div class="view">
      <header class="view-head">
        <div class="row">
          <h1>
            <bdi>{idOf(organization)}</bdi>
          </h1>
          <Switcher organization={organization} />
        </div>
        {rights.value.value?.rights.includes(Right.CREATE) && (
          <Button kind="main" icon="plus" onPress={create}>
            {texts.create}
          </Button>
        )}
      </header>
      <Loaded of={rights}>
        {({ rights: held, member, known }) => {
          const parts = partsFor(held);
          if (!known) return <Notice tone="warn">{texts.unknown}</Notice>;
          if (parts.length === 0 && member)
            return (
              <Notice
                tone="accent"
                action={
                  <Button onPress={() => router.go(`/new?v=1&organization=${encodeURIComponent(organization)}`)}>
                    {texts.makeOwn}
                  </Button>
                }
              >
                {texts.memberOnly(idOf(organization))}
              </Notice>
            );
          if (parts.length === 0) return <Notice tone="warn">{words.problems["CALLER_FORBIDDEN"]}</Notice>;
          return <Parts organization={organization} rights={held} />;
        }}
      </Loaded>
    </div>
  );
}

interface Held {
  readonly rights: readonly Right[];
  readonly member: boolean;
  /** Whether the organization was found among those of the user, or may be one that was not listed. */
  readonly known: boolean;
}

/** Fetches the rights of the user there. An administrator of the deployment has all. */
function useRights(organization: string) {
  const { api, caller } = useApp();
  return useLoad<Held>(`${caller.caller} ${organization}`, async (signal) => {
    if (caller.admin) return { rights: allRights, member: false, known: true };
    const request = { query: idOf(organization).slice(0, 100), pageSize: 1000 };
    const answer = await api.self.listOrganizations(request, { signal });
    const found = answer.organizations.find((one) => one.organization === organization);
    if (found) return { rights: found.rights, member: found.member, known: true };
    // OpenFGA may have listed only some: then each call decides.
    return { rights: answer.incomplete ? allRights : [], member: false, known: answer.incomplete };
  });
}

function Parts({ organization, rights }: { readonly organization: string; readonly rights: readonly Right[] }) {
  const { api, router, format } = useApp();
  const texts = useAdministrationWords().organization;
  const parts = partsFor(rights);
  const shown = (router.route.value.path.split("/")[3] ?? "tokens") as Part | ""; // checked by the line below
  const current = parts.find((part) => part === shown) ?? parts[0];
  const pending = useLoad(parts.includes("pending") ? organization : undefined, async (signal) => {
    const filter = { organization, states: [Token_State.PENDING_APPROVAL] };
    return (await api.tokens.getTokenSummary({ filter }, { signal })).total;
  });
  const waiting = pending.value.value ?? 0;
  return (
    <>
      <Tabs
        label={texts.parts}
        tabs={parts.map((part) => ({
          to: organizationPath(organization, part === "tokens" ? "" : part),
          text: texts[part],
          current: part === current,
          ...(part === "pending" && waiting > 0 && { count: format.number(waiting) }),
        }))}
      />
      {current === "tokens" && (
        <TokenList
          scope={{ organization }}
          withOwner
          empty={
            <div class="empty">
              <Icon name="key" />
              <h2>{texts.empty}</h2>
              <p class="soft">{texts.emptyText}</p>
            </div>
          }
        />
      )}
      {current === "pending" && (
        <PendingQueue
          organization={organization}
          mayApprove={rights.includes(Right.APPROVE)}
          onDecided={pending.reload}
        />
      )}
      {current === "usage" && <UsagePart organization={organization} />}
      {current === "policy" && <PolicyEditor key={organization} scope={organization} />}
      {current === "audit" && <AuditList scope={{ organization }} />}
    </>
  );
}
