import { useSignal } from "@preact/signals";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { type Token, Token_State } from "#gen/patwarden/v1/token_pb.js";
import { useApp } from "../../app/context.js";
import { useAction } from "../../app/load.js";
import { Button } from "../../ui/button.js";
import { Notice, ProblemNotice } from "../../ui/notice.js";

interface TestTokenProps {
  readonly token: Token;
  readonly secret: string;
}

interface Result {
  readonly good: boolean;
  readonly text: string;
}

/**
 * Tries the new token: it identifies itself at the public port where the element can reach that, else the server
 * explains what it would answer.
 */
export function TestToken({ token, secret }: TestTokenProps) {
  const { api, host, words, announce } = useApp();
  const texts = words.reveal;
  const result = useSignal<Result | undefined>(undefined);
  const test = useAction(async () => {
    const found = host.selfUrl === undefined ? await explained() : await identified(host.selfUrl);
    result.value = found;
    announce(found.text);
  });
  const identified = async (url: string): Promise<Result> => {
    const answer = await fetch(url, { headers: { authorization: `Bearer ${secret}` } });
    return answer.ok ? { good: true, text: texts.testGood(token.subject) } : { good: false, text: texts.testBad };
  };
  const explained = async (): Promise<Result> => {
    const { reason } = await api.self.explainToken({ tokenId: token.id });
    const good = reason === undefined || reason === Reason.ALLOWED;
    return { good, text: good ? texts.explainGood : (words.reasons[reason] ?? texts.testBad) };
  };
  if (token.state === Token_State.PENDING_APPROVAL) return null;
  return (
    <div class="row">
      <Button busy={test.busy.value} onPress={() => test.run()}>
        {host.selfUrl === undefined ? texts.explain : texts.test}
      </Button>
      {result.value && (
        <Notice tone={result.value.good ? "good" : "warn"}>
          <bdi>{result.value.text}</bdi>
        </Notice>
      )}
      <ProblemNotice problem={test.problem.value} />
    </div>
  );
}
