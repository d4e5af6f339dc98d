import { useAdministrationWords } from "../../app/administration.js";
import { useApp } from "../../app/context.js";
import { changeQuery } from "../../app/query.js";
import { Notice } from "../../ui/notice.js";
import { Tabs } from "../../ui/tabs.js";
import { AuditList } from "../audit/audit-list.js";
import { PolicyEditor } from "../policy/policy-editor.js";
import { Emergency } from "./emergency.js";
import { Find } from "./find.js";
import { Subjects } from "./subjects.js";

const parts = ["find", "subjects", "policies", "audit", "emergency"] as const;

/** The whole deployment, for its administrators. */
export function OperatorView() {
  const { router, caller } = useApp();
  const texts = useAdministrationWords().operator;
  const shown = router.route.value.path.split("/")[2] ?? "find";
  const current = parts.find((part) => part === shown) ?? "find";
  if (!caller.admin)
    return (
      <div class="view">
        <h1>{texts.title}</h1>
        <Notice tone="warn">{texts.refused}</Notice>
      </div>
    );
  return (
    <div class="view">
      <header class="view-head">
        <div>
          <h1>{texts.title}</h1>
          <p>{texts.intro}</p>
        </div>
      </header>
      <Tabs
        label={texts.parts}
        tabs={parts.map((part) => ({
          to: part === "find" ? "/operator" : `/operator/${part}`,
          text: texts[part],
          current: part === current,
        }))}
      />
      {current === "find" && <Find />}
      {current === "subjects" && <Subjects />}
      {current === "policies" && <Policies />}
      {current === "audit" && <AuditList scope={{}} />}
      {current === "emergency" && <Emergency />}
    </div>
  );
}

/** The deployment's two policies, one at a time. */
function Policies() {
  const { router } = useApp();
  const texts = useAdministrationWords().operator;
  const scope = router.route.value.query.get("scope") === "organization" ? "organization" : "user";
  return (
    <>
      <fieldset class="chips" aria-label={texts.policyOf}>
        {(["user", "organization"] as const).map((name) => (
          <button
            type="button"
            key={name}
            class="chip-button"
            aria-pressed={scope === name}
            onClick={() => changeQuery(router, { scope: name === "user" ? "" : name })}
          >
            {name === "user" ? texts.policyUser : texts.policyOrganization}
          </button>
        ))}
      </fieldset>
      <PolicyEditor key={scope} scope={scope} />
    </>
  );
}
