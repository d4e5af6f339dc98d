import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { issuerClient, type TestIssuer } from "./issuer.js";
import { httpPort, type Reply } from "./ports.js";

/** The address at which people open a console, in front of one or several replicas. */
export interface ConsoleAddress {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** Passes requests on to these consoles, one after the other. */
  lead(...consoles: readonly string[]): void;
  /** Treats the next requests whose path ends in `path` so, one each. A console has handled them all the same. */
  disturb(path: string, ...how: readonly Disturbance[]): void;
  /** Passes on the answers that are held, and disturbs no further ones. */
  release(): void;
  /** Returns how many requests whose path ends in `path` have come. */
  count(path: string): number;
  /** Returns the cookies that they have brought. */
  cookies(path: string): readonly string[];
  stop(): Promise<void>;
}

/** `cut`: the answer is lost; `broken`: after its first half; `hold`: it waits for `release`; else it is another. */
export type Disturbance = "cut" | "broken" | "hold" | { readonly status: number; readonly body: string };

/** Opens the address before the servers start, since their configuration names it. */
export async function openConsoleAddress(): Promise<ConsoleAddress> {
  let targets: readonly string[] = [];
  let turn = 0;
  let disturbances: readonly { readonly path: string; readonly how: Disturbance }[] = [];
  let held: (() => void)[] = [];
  // From the request on, so that an answer that comes after `release` is not held.
  const released = (): Promise<void> => new Promise((resolve) => held.push(resolve));
  const requests: { readonly path: string; readonly cookie: string }[] = [];
  const requestsFor = (wanted: string) => requests.filter(({ path }) => path.endsWith(wanted));
  /** Returns how to treat a request, and forgets it. */
  const disturbanceOf = (asked: string): Disturbance | undefined => {
    const found = disturbances.find(({ path }) => asked.endsWith(path));
    disturbances = disturbances.filter((one) => one !== found);
    return found?.how;
  };
  const server = createServer((request, response) => {
    const [asked = ""] = (request.url ?? "").split("?", 1);
    requests.push({ path: asked, cookie: request.headers.cookie ?? "" });
    const how = disturbanceOf(asked);
    const holding = how === "hold" ? released() : undefined;
    const target = targets[turn++ % targets.length];
    if (target === undefined) {
      response.writeHead(502).end();
      return;
    }
    const { hostname, port } = new URL(target);
    const { method, url: path, headers } = request;
    const passed = httpRequest({ hostname, port, method, path, headers }, (answer) => {
      const pass = (): void => {
        response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
        answer.pipe(response);
      };
      if (how === undefined) pass();
      else if (how === "hold") void holding?.then(pass);
      else void disturbed(answer, response, how);
    });
    passed.on("error", () => response.destroy());
    request.pipe(passed);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a TCP server has a port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    lead(...consoles) {
      targets = consoles;
    },
    disturb(path, ...next) {
      disturbances = [...disturbances, ...next.map((how) => ({ path, how }))];
    },
    release() {
      for (const pass of held) pass();
      held = [];
      disturbances = [];
    },
    count: (path) => requestsFor(path).length,
    cookies: (path) => requestsFor(path).map(({ cookie }) => cookie),
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** Reads the whole answer, so that all of it was made, and sends another one or a part. */
async function disturbed(
  answer: IncomingMessage,
  response: ServerResponse,
  how: Exclude<Disturbance, "hold">,
): Promise<void> {
  const body = Buffer.concat(await answer.toArray());
  if (typeof how === "object") {
    response.writeHead(how.status, { "content-type": "application/json", "cache-control": "no-store" }).end(how.body);
    return;
  }
  if (how === "cut") {
    response.destroy();
    return;
  }
  response.writeHead(answer.statusCode ?? 502, [...answer.rawHeaders]);
  response.write(body.subarray(0, body.length / 2), () => response.destroy());
}

/** Returns the section `console` for this issuer and address. */
export function consoleConfig(issuer: Pick<TestIssuer, "url">, publicUrl: string, over: object = {}) {
  return {
    listen: "127.0.0.1:0",
    public_url: publicUrl,
    issuer: issuer.url,
    client_id: issuerClient.id,
    client_secret: issuerClient.secret,
    trusted_proxies: ["127.0.0.0/8"],
    ...over,
  };
}

let browsers = 0;

/** A browser as far as the console needs one: cookies of one host, and navigation. Each has an address of its own. */
export class Browser {
  /** The address as the console sees it. */
  readonly address = `10.0.${++browsers >> 8}.${browsers & 255}`;
  readonly #home: string;
  /** By name. */
  readonly cookies = new Map<string, string>();
  /** Every `set-cookie` line so far. */
  readonly setCookies: string[] = [];

  constructor(home: string) {
    this.#home = home;
  }

  /** Opens an address as the page of a tab, and returns the answer without following it. */
  async open(address: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    const url = new URL(address, this.#home);
    const own = url.origin === this.#home;
    const response = await fetch(url, {
      redirect: "manual",
      headers: { "sec-fetch-dest": "document", ...(own && this.#own()), ...headers },
    });
    if (own) this.#take(response);
    return response;
  }

  /** Follows redirects until there is none, and returns the last answer. */
  async follow(address: string): Promise<Response> {
    let at = new URL(address, this.#home);
    for (let step = 0; step < 10; step++) {
      const response = await this.open(at.href);
      const location = response.headers.get("location");
      if (location === null) return response;
      at = new URL(location, at);
    }
    throw new Error("too many redirects");
  }

  /** Signs in. `parameters` are those of `/sign-in`. */
  signIn(parameters: Readonly<Record<string, string>> = {}): Promise<Response> {
    return this.follow(`/sign-in?${new URLSearchParams(parameters)}`);
  }

  /** Makes a call as a script of the console's own page. */
  async call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Reply<MessageShape<O>>> {
    const sent = { "sec-fetch-site": "same-origin", origin: this.#home, ...this.#own(), ...headers };
    return httpPort(this.#home, "").call(method, request, { key: null, headers: sent });
  }

  /** Signs out. */
  async signOut(headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    const response = await fetch(new URL("/sign-out", this.#home), {
      method: "POST",
      headers: {
        "sec-fetch-site": "same-origin",
        "connect-protocol-version": "1",
        ...this.#own(),
        ...headers,
      },
    });
    this.#take(response);
    return response;
  }

  /** Returns a copy with the same cookies: another tab, or somebody who has stolen them. */
  copy(): Browser {
    const other = new Browser(this.#home);
    for (const [name, value] of this.cookies) other.cookies.set(name, value);
    return other;
  }

  /** The headers that every request to the console has. */
  #own(): Record<string, string> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    return { "x-forwarded-for": this.address, ...(cookie !== "" && { cookie }) };
  }

  #take(response: Response): void {
    for (const line of response.headers.getSetCookie()) {
      this.setCookies.push(line);
      const [pair = ""] = line.split(";", 1);
      const at = pair.indexOf("=");
      const name = pair.slice(0, at);
      if (/; Max-Age=0/.test(line)) this.cookies.delete(name);
      else this.cookies.set(name, pair.slice(at + 1));
    }
  }
}
