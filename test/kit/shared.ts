/** One PostgreSQL for all test files of a run. */
export interface SharedPostgres {
  /** A superuser's URL. */
  readonly url: string;
  /** Name of a migrated database to copy. No session may be connected to it, or PostgreSQL would refuse to copy it. */
  readonly template: string;
}

/** One OpenFGA, in memory, for all test files of a run. */
export interface SharedOpenFga {
  /** `127.0.0.1:PORT`. */
  readonly grpc: string;
  /** `http://127.0.0.1:PORT`. */
  readonly http: string;
  readonly apiKey: string;
}

/** The URL at which `global-setup.ts` answers. It starts a part when the first test needs it. */
export const sharedVariable = "PATWARDEN_TEST_SHARED";

export const sharedPostgres = once("/postgres") as () => Promise<SharedPostgres>; // global-setup.ts answers this
export const sharedOpenFga = once("/openfga") as () => Promise<SharedOpenFga>;

function once(path: string): () => Promise<unknown> {
  let answer: Promise<unknown> | undefined;
  return () => {
    answer ??= ask(path);
    return answer;
  };
}

async function ask(path: string): Promise<unknown> {
  const origin = process.env[sharedVariable];
  if (origin === undefined) throw new Error(`${sharedVariable} is not set: call setup() of test/kit/global-setup.ts`);
  const response = await fetch(`${origin}${path}`);
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return JSON.parse(text);
}
