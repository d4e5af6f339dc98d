import { once } from "node:events";
import http, { type IncomingHttpHeaders } from "node:http";
import http2 from "node:http2";
import { afterEach, describe, expect, it, vi } from "vitest";
import { AuthorizationService } from "#gen/patwarden/v1/authorization_pb.js";
import { selfSigned } from "../../test/kit/self-signed.js";
import type { ServiceCaller } from "../callers/caller.js";
import { connectRoutes } from "../transport/connect.js";
import { startHttpListener } from "../transport/http-listener.js";
import { implement } from "../transport/service.js";
import { type AuthZenOptions, authZenRoutes } from "./authzen/authzen-routes.js";
import type { ProviderKeys } from "./leaks/provider-keys.js";
import { reportLeakRoute } from "./leaks/report-leak.js";
import { secretScanningRoute } from "./leaks/secret-scanning.js";
import { type OAuthOptions, oauthRoutes } from "./oauth/oauth-routes.js";
import { RouteTable } from "./shared/route-table.js";

const keys = selfSigned();
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const json = { "content-type": "application/json" };
const form = { "content-type": "application/x-www-form-urlencoded" };
const signed = { "github-public-key-identifier": "k", "github-public-key-signature": "AAAA" };
const asked: readonly (readonly [path: string, headers: Readonly<Record<string, string>>])[] = [
  ["/report-leak", json],
  ["/secret-scanning", signed],
  ["/access/v1/evaluation", { ...json, authorization: "Bearer key" }],
  ["/access/v1/evaluations", { ...json, authorization: "Bearer key" }],
  ["/oauth2/introspect", form],
  ["/oauth2/revoke", form],
  ["/oauth2/token", form],
  ["/patwarden.v1.AuthorizationService/Check", json],
  ["/patwarden.v1.AuthorizationService/ListResources", { "content-type": "application/connect+json" }],
  // A route that reads no body, and replies only when the request has been given up.
  ["/deaf", json],
];

/** Starts every integration that reads a body, with fakes behind it: no request gets further than its body. */
async function start(limits: { readonly requestMs: number; readonly slow: number }, tls: typeof keys | undefined) {
  const told: unknown[] = [];
  const tell = (what: unknown): void => void told.push(what);
  const never = async (): Promise<never> => expect.unreachable();
  const integration = { onAnswer: tell, onDefect: tell, report: never, addressOf: () => undefined };
  const key = { find: never } as unknown as ProviderKeys; // all that is used of it
  key.find = async () => ({}) as never; // the signature is looked at after the body
  // The parts that the route reads.
  const caller = { kind: "service", name: "s", permissions: new Set(["check"]) } as unknown as ServiceCaller;
  const service = { services: { find: () => caller, withKey: () => caller, withCertificate: () => undefined } };
  const identifier = "https://patwarden.example.com";
  const authZen = { ...integration, ...service, identifier, routes: new RouteTable([]), limiter: undefined };
  const oauth = {
    ...integration,
    settings: { issuer: identifier, maxCacheMs: 0 },
    exchange: {},
    certificatesAsked: false,
  };
  const deaf: { answer?: () => void } = {};
  const heard = new Promise<void>((resolve) => {
    deaf.answer = resolve;
  });
  const rpc = connectRoutes(
    [
      implement(AuthorizationService, {
        check: never,
        batchCheck: never,
        // biome-ignore lint/correctness/useYield: it is not reached
        listResources: async function* () {
          await never();
        },
        introspect: never,
      }),
    ],
    {},
  );
  const listener = await startHttpListener({
    listen: "127.0.0.1:0",
    ...(tls && { tls }),
    routes: [
      reportLeakRoute({ ...integration, limiter: undefined }),
      secretScanningRoute({ ...integration, providers: { github: key } }),
      ...authZenRoutes(authZen as unknown as AuthZenOptions), // the rest is used after the body
      ...oauthRoutes(oauth as unknown as OAuthOptions), // the rest is used after the body
      {
        method: "POST",
        path: "/deaf",
        handle: async (_request, response) => {
          await heard;
          response.setHeader("a", "b");
          response.end();
        },
      },
    ],
    rpc,
    onDefect: tell,
    limits: { ...limits, lookMs: 20 },
    events: { closed: tell, gaveUp: () => undefined },
  });
  ends.push(() => listener.drain(0));
  return { told, address: listener.address, answerDeaf: () => deaf.answer?.() };
}

type Ask = (path: string, headers: IncomingHttpHeaders) => Promise<number>;

/** Sends one byte of a body and no end. Resolves with the status when the peer has closed the request. */
async function client(address: string, tls: typeof keys | undefined): Promise<Ask> {
  if (!tls) {
    return async (path, headers) => {
      const sent = http.request(`http://${address}${path}`, {
        method: "POST",
        agent: false,
        headers: { ...headers, "content-length": 500 },
      });
      sent.on("error", () => undefined).write("{");
      const [response] = await once(sent, "response");
      const closed = once(response.socket, "close");
      response.on("error", () => undefined).resume();
      await closed;
      return response.statusCode;
    };
  }
  const session = http2.connect(`https://${address.replace("127.0.0.1", "localhost")}`, { ca: tls.cert });
  ends.push(() => session.destroy());
  return async (path, headers) => {
    const stream = session.request({ ":method": "POST", ":path": path, ...headers });
    stream.write("{");
    const closed = once(stream, "close");
    const [response] = await once(stream, "response");
    stream.resume();
    await closed;
    return response[":status"];
  };
}

describe.each([
  ["HTTP/1.1", undefined],
  ["HTTP/2", keys],
])("S12 a body that comes too slowly over %s", (_name, tls) => {
  it.each([
    ["late", 408, { requestMs: 100, slow: 100 }],
    ["crowded", 429, { requestMs: 60_000, slow: 0 }],
  ])(
    "S12 is answered once at every integration where it is %s, and nothing else happens",
    async (_why, status, limits) => {
      const rejections = vi.fn();
      process.on("unhandledRejection", rejections);
      ends.push(() => process.off("unhandledRejection", rejections));
      const { told, address, answerDeaf } = await start(limits, tls);
      const ask = await client(address, tls);
      const statuses = await Promise.all(asked.map(async ([path, headers]) => [path, await ask(path, headers)]));
      expect(statuses).toEqual(asked.map(([path]) => [path, status]));
      answerDeaf();
      // It lives.
      const livez = await ask("/nope", {});
      expect([livez, told, rejections.mock.calls]).toEqual([404, [], []]);
    },
  );
});
