import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { pipeline } from "node:stream";
import { status } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { type ClientOptions, PatwardenClient, version } from "../src/index.js";
import { all } from "./kit/all.js";
import { environment, keyOf, openClient, tokenOf } from "./kit/environment.js";
import { failureOf } from "./kit/failure.js";
import { checkOf, startRelay } from "./kit/relay.js";

const relay = await startRelay();
const alice = tokenOf("alice").secret;
const ask = (client: PatwardenClient, timeoutMs = 10_000) =>
  client.check(alice, "document:roadmap", "viewer", { timeoutMs });
const build = (options: Partial<ClientOptions>): PatwardenClient =>
  new PatwardenClient({ endpoint: "patwarden.internal:9081", key: "pw_svc_x", ...options });

describe("plaintext", () => {
  it.each([
    "localhost:9081",
    "localhost",
    "127.0.0.1:9081",
    "127.255.0.1:9081",
    "[::1]:9081",
    "::1",
    "dns:localhost:9081",
    "dns:///127.0.0.1:9081",
    "ipv4:127.0.0.1:9081,127.0.0.2:9081",
    "ipv6:[::1]:9081",
    "unix:/run/patwarden.sock",
    "unix:///run/patwarden.sock",
  ])("is allowed to this machine: %s", (endpoint) => {
    build({ endpoint, plaintext: true }).close();
  });

  it.each([
    "patwarden.internal:9081",
    "10.0.0.1:9081",
    "0.0.0.0:9081",
    "localhost.example:9081",
    "127.0.0.1.example:9081",
    "127.evil.example:9081",
    "[2001:db8::1]:9081",
    "[::ffff:10.0.0.1]:9081",
    "dns:///patwarden.internal:9081",
    "dns://8.8.8.8/localhost:9081",
    "ipv4:127.0.0.1:9081,10.0.0.1:9081",
    "xds:///localhost:9081",
    "localhost@evil.example:9081",
    "localhost/evil:9081",
  ])("is refused to others: %s", (endpoint) => {
    expect(() => build({ endpoint, plaintext: true })).toThrow(/plaintext is for this machine only/);
  });

  it("goes to others only by an option that says what it does", () => {
    build({ dangerouslySendKeyInPlaintext: true }).close();
  });

  it("is not what happens when nothing is said", async () => {
    const client = new PatwardenClient({ endpoint: environment.endpoint, key: keyOf("checker") });
    expect(await failureOf(ask(client))).toMatchObject({ code: "UNAVAILABLE" });
    client.close();
  });

  it("goes through no proxy", async () => {
    process.env["grpc_proxy"] = `http://${environment.absent}`;
    try {
      expect(await ask(openClient())).toMatchObject({ allowed: true });
    } finally {
      delete process.env["grpc_proxy"];
    }
  });
});

describe("options that make no sense are refused:", () => {
  it.each<[string, Partial<ClientOptions>]>([
    ["no endpoint", { endpoint: "" }],
    ["a URL", { endpoint: "https://patwarden.internal:9081" }],
    ["no key", { key: "" }],
    ["a key of blanks", { key: " \n" }],
    ["a key in two lines", { key: "pw_svc_x\npw_svc_y" }],
    ["a key that is no text", { key: 7 as unknown as string }],
    ["plaintext with TLS", { endpoint: "localhost:1", plaintext: true, tls: {} }],
    ["a certificate without its key", { tls: { cert: "-----BEGIN CERTIFICATE-----" } }],
    ["a brand in upper case", { brand: "PW" }],
    ["a brand that is too long", { brand: "patwardenxyz" }],
  ])("%s", (_, options) => {
    expect(() => build(options)).toThrow(TypeError);
  });

  it("without telling the key", () => {
    expect(() => build({ key: "secret one" })).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining("secret one") }),
    );
  });

  it("a time-out that is no number", async () => {
    await expect(ask(openClient(), Number.NaN)).rejects.toThrow(TypeError);
  });
});

describe("TLS", () => {
  const { endpoint, ca, client_cert, client_key } = environment.tls;
  const read = (file: string): Buffer => readFileSync(file);

  it("trusts the authority that is given, and shows the client's certificate", async () => {
    const client = openClient({ endpoint, tls: { ca: read(ca), cert: read(client_cert), key: read(client_key) } });
    expect(await ask(client)).toMatchObject({ allowed: true });
  });

  it("takes PEM as text", async () => {
    const tls = { ca: String(read(ca)), cert: String(read(client_cert)), key: String(read(client_key)) };
    expect(await ask(openClient({ endpoint, tls }))).toMatchObject({ allowed: true });
  });

  it("fails without the client's certificate where one is demanded", async () => {
    expect(await failureOf(ask(openClient({ endpoint, tls: { ca: read(ca) } })))).toMatchObject({
      code: "UNAVAILABLE",
    });
  });

  it("does not trust an authority that nobody has named", async () => {
    const tls = { cert: read(client_cert), key: read(client_key) };
    const failure = await failureOf(ask(openClient({ endpoint, tls })));
    expect(failure).toMatchObject({ code: "UNAVAILABLE", message: expect.stringMatching(/certificate/) });
  });

  it("does not trust a certificate of another name", async () => {
    const [, port] = endpoint.split(":");
    // The certificate is of localhost and 127.0.0.1.
    const detour = createServer((socket) => {
      const onward = connect(Number(port), "127.0.0.1");
      pipeline(socket, onward, socket, () => undefined);
    });
    detour.listen(0, "127.0.0.2");
    await once(detour, "listening");
    const tls = { ca: read(ca), cert: read(client_cert), key: read(client_key) };
    const { address, port: detourPort } = detour.address() as AddressInfo; // a TCP server has one
    const client = openClient({ endpoint: `${address}:${detourPort}`, tls });
    const failure = await failureOf(ask(client));
    expect(failure).toMatchObject({ code: "UNAVAILABLE", message: expect.stringContaining("altnames") });
    client.close();
    detour.close();
  });
});

describe("the key", () => {
  it("can come from a file, with the newline at its end", async () => {
    expect(await ask(openClient({ key: `${keyOf("checker")}\n` }))).toMatchObject({ allowed: true });
  });

  it("can come from a function, which is asked for each call", async () => {
    const keys = [keyOf("checker"), keyOf("unknown"), `${keyOf("checker")}\n`];
    const client = openClient({ key: () => keys.shift() ?? "" });
    expect(await ask(client)).toMatchObject({ allowed: true });
    expect(await failureOf(ask(client))).toMatchObject({ code: "UNAUTHENTICATED", reason: "CALLER_UNAUTHENTICATED" });
    expect(await ask(client)).toMatchObject({ allowed: true });
  });

  it("can come from a function that takes its time", async () => {
    const key = async (): Promise<string> => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return keyOf("checker");
    };
    expect(await ask(openClient({ key }))).toMatchObject({ allowed: true });
  });

  const kept = "pw_svc_kept to itself";
  it.each<[string, () => string | Promise<string>]>([
    [
      "throws",
      () => {
        throw new Error("the vault is closed");
      },
    ],
    ["rejects", () => Promise.reject(new Error("the vault is closed"))],
    ["gives nothing", () => ""],
    ["gives what cannot be sent", () => kept],
    ["gives what is no text", () => undefined as unknown as string],
  ])("makes the call fail, and nothing is sent, when its function %s", async (_, key) => {
    relay.forget();
    const failure = await failureOf(ask(openClient({ endpoint: relay.endpoint, key })));
    expect(failure).toMatchObject({ code: "UNAUTHENTICATED", reason: undefined });
    expect(`${failure.stack} ${JSON.stringify(failure)} ${failure.cause}`).not.toContain(kept);
    expect(relay.calls).toEqual([]);
  });

  it("is waited for no longer than the deadline and the signal", async () => {
    const client = openClient({ key: () => new Promise(() => undefined) });
    expect(await failureOf(ask(client, 50))).toMatchObject({ code: "DEADLINE_EXCEEDED" });
    expect(await failureOf(client.tokens.listTokens({}, { timeoutMs: 50 }))).toMatchObject({
      code: "DEADLINE_EXCEEDED",
    });
    const leaving = new AbortController();
    const listing = failureOf(client.tokens.listTokens({}, { signal: leaving.signal }));
    leaving.abort();
    expect(await listing).toMatchObject({ code: "CANCELLED" });
  });
});

describe("a call", () => {
  it("names the client and its version, and carries the key in one place", async () => {
    relay.forget();
    await ask(openClient({ endpoint: relay.endpoint }));
    const [one] = relay.seen;
    expect(one?.metadata.get("user-agent")).toEqual([
      expect.stringMatching(`^patwarden-typescript/${version} grpc-node`),
    ]);
    expect(one?.metadata.get("authorization")).toEqual([`Bearer ${keyOf("checker")}`]);
    expect(JSON.stringify(one && checkOf(one))).not.toContain(keyOf("checker"));
  });

  it("is of the version that the package has", () => {
    expect(JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")).version).toBe(version);
  });

  it("passes on the access token of the user for whom it is made", async () => {
    relay.forget();
    relay.interfere = (_, respond) => {
      respond({ code: status.PERMISSION_DENIED, details: "not now" });
      return "taken";
    };
    const client = openClient({ endpoint: relay.endpoint });
    await failureOf(client.tokens.getToken({ id: "tok_x" }, { userToken: "eyJ.of.wendy" }));
    await failureOf(client.tokens.getToken({ id: "tok_x" }));
    relay.interfere = undefined;
    expect(relay.seen.map(({ metadata }) => metadata.get("patwarden-user-authorization"))).toEqual([
      ["Bearer eyJ.of.wendy"],
      [],
    ]);
    await expect(client.tokens.getToken({ id: "tok_x" }, { userToken: "a\nb" })).rejects.toThrow(TypeError);
  });

  it("does for a user what the user may", async () => {
    const client = openClient({ key: keyOf("powerless") });
    const [first] = await all(client.listTokens({}, { userToken: keyOf("limited") }));
    expect(first).toMatchObject({ subject: "user:limited" });
    expect(await failureOf(client.tokens.listTokens({}))).toMatchObject({ code: "PERMISSION_DENIED" });
  });

  it("fails when the client is closed", async () => {
    const client = openClient();
    expect(await ask(client)).toMatchObject({ allowed: true });
    client.close();
    client.close();
    const failures = [
      ask(client),
      client.introspect(alice),
      client.listResources(alice, "document", "viewer"),
      client.tokens.listTokens({}),
    ].map(failureOf);
    for (const failure of failures) expect(await failure).toMatchObject({ code: "CANCELLED" });
  });
});

describe("the README", () => {
  it("has all options, and no others", () => {
    const options: Record<keyof ClientOptions, true> = {
      endpoint: true,
      key: true,
      tls: true,
      plaintext: true,
      dangerouslySendKeyInPlaintext: true,
      brand: true,
      coalesce: true,
    };
    const [, section = ""] = readFileSync(new URL("../README.md", import.meta.url), "utf8").split("\n## Options\n");
    const [table = ""] = section.split("\n\nEvery call");
    const listed = [...table.matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name);
    expect(listed.toSorted()).toEqual(Object.keys(options).toSorted());
  });
});

describe("the brand", () => {
  it("is that of the tokens that are checked", async () => {
    const client = openClient({ endpoint: relay.endpoint, brand: "acme" });
    relay.forget();
    expect(await ask(client)).toMatchObject({ reason: "TOKEN_MALFORMED" });
    expect(relay.calls).toEqual([]);
    const acme = "acme_pat_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf1KVxVi";
    await client.check(acme, "document:roadmap", "viewer");
    expect(relay.calls).toEqual(["Check"]);
  });
});
