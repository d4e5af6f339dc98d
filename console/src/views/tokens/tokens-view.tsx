import { useApp } from "../../app/context.js";
import { Button } from "../../ui/button.js";
import { Icon } from "../../ui/icon.js";
import { TokenList } from "./token-list.js";

/** The tokens of the user, or of the organization that the element shows. */
export function TokensView() {
  const { router, words, subject, caller } = useApp();
  const { tokens } = words;
  const create = () => router.go("/new");
  return (
    <div class="view">
      <header class="view-head">
        <div>
          <h1>{subject === caller.caller ? tokens.title : tokens.ofOrganization(subject)}</h1>
          <p>{tokens.intro}</p>
        </div>
        <Button kind="main" icon="plus" onPress={create}>
          {tokens.create}
        </Button>
      </header>
      <TokenList
        scope={{ subject }}
        empty={
          <div class="empty">
            <Icon name="key" />
            <h2>{tokens.empty}</h2>
            <p class="soft">{tokens.emptyText}</p>
            <Button kind="main" icon="plus" onPress={create}>
              {tokens.create}
            </Button>
          </div>
        }
      />
    </div>
  );
}
