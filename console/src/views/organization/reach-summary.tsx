import type { Token } from "#gen/patwarden/v1/token_pb.js";
import { useAdministrationWords } from "../../app/administration.js";
import { useApp } from "../../app/context.js";
import { actionLabel, type Catalog, typeLabel } from "../../app/grant-text.js";
import { useLoad } from "../../app/load.js";
import { idOf } from "../../app/subject-name.js";
import { Link } from "../../ui/button.js";
import { Loaded } from "../../ui/loaded.js";
import { actionsOf } from "../token/reachable-of.js";

const mostQuestions = 6;
const mostResources = 5;

interface ReachSummaryProps {
  readonly token: Token;
  readonly catalog: Catalog | undefined;
}

/** The first resources that the token reaches, for each thing that it may do. */
export function ReachSummary({ token, catalog }: ReachSummaryProps) {
  const { api, words } = useApp();
  const texts = useAdministrationWords().pending;
  const questions = actionsOf(token.grant, catalog)
    .flatMap(({ type, actions }) => actions.map((action) => ({ type, action })))
    .slice(0, mostQuestions);
  const reach = useLoad(`${token.id} ${token.etag}`, (signal) =>
    Promise.all(
      questions.map(async ({ type, action }) => {
        const of = { case: "tokenId" as const, value: token.id };
        const answer = await api.self.listReachable({ of, type, action, pageSize: mostResources }, { signal });
        return { type, action, ...answer };
      }),
    ),
  );
  return (
    <section class="stack tight">
      <h3>{texts.reach}</h3>
      <Loaded of={reach}>
        {(found) =>
          found.length === 0 ? (
            <p class="soft">{words.grant.identify}</p>
          ) : (
            <ul>
              {found.map(({ type, action, resources, nextPageToken, incomplete }) => (
                <li key={`${type} ${action}`}>
                  {typeLabel(catalog, type)}, {actionLabel(catalog, type, action)}:{" "}
                  {resources.length === 0 ? (
                    <span class="soft">{texts.reachNothing}</span>
                  ) : (
                    resources.map((resource, at) => (
                      <span key={resource}>
                        {at > 0 && ", "}
                        <bdi class="mono">{idOf(resource)}</bdi>
                      </span>
                    ))
                  )}
                  {(nextPageToken !== "" || incomplete) && ` ${texts.reachMore}`}
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
      {questions.length > 0 && <Link to={`/tokens/${token.id}?view=reach`}>{texts.reachFull}</Link>}
    </section>
  );
}
