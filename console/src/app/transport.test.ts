import { create, toBinary } from "@bufbuild/protobuf";
import { base64Encode } from "@bufbuild/protobuf/wire";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { jsonTransport } from "./transport.js";

const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status, headers: jsonType });
const jsonType = { "content-type": "application/json" };

/** Asks for a token, and returns the answer or the error, and the request that was sent. */
async function ask(answer: () => Response | Promise<Response>, accessToken?: string, signal?: AbortSignal) {
  let sent: { readonly url: string; readonly init: RequestInit } | undefined;
  const transport = jsonTransport({
    baseUrl: "https://tokens.example.com",
    fetch: async (url, init) => {
      sent = { url, init };
      return answer();
    },
    ...(accessToken && { accessToken: async () => accessToken }),
  });
  const options = signal ? { signal } : {};
  const asked = createClient(TokenService, transport).getToken({ id: "tok_1" }, options);
  const outcome = await asked.then(
    ({ token }) => ({ token, error: undefined }),
    (error: unknown) => ({ token: undefined, error: ConnectError.from(error, Code.Aborted) }),
  );
  return { ...outcome, url: sent?.url, init: sent?.init, headers: new Headers(sent?.init.headers) };
}

describe("a call", () => {
  it("is a POST of JSON with the access token, which follows no redirect", async () => {
    const { url, init, headers } = await ask(() => json({}), "jwt");
    expect(url).toBe("https://tokens.example.com/patwarden.v1.TokenService/GetToken");
    expect(init).toMatchObject({ method: "POST", body: '{"id":"tok_1"}', redirect: "error" });
    expect(Object.fromEntries(headers)).toEqual({
      ...jsonType,
      "connect-protocol-version": "1",
      "connect-timeout-ms": "15000",
      authorization: "Bearer jwt",
    });
    expect((await ask(() => json({}))).headers.has("authorization")).toBe(false);
  });

  it("has the answer, also of a newer server with more fields", async () => {
    const { token } = await ask(() => json({ token: { id: "tok_1", name: "CI", later: true }, more: 1 }));
    expect(token).toMatchObject({ id: "tok_1", name: "CI" });
  });

  it("fails with the code, the message and the details of the server", async () => {
    const info = create(ErrorInfoSchema, { reason: "OVERLOADED", domain: "patwarden.v1" });
    const value = base64Encode(toBinary(ErrorInfoSchema, info), "std_raw");
    const details = [{ type: "google.rpc.ErrorInfo", value }];
    const { error } = await ask(() => json({ code: "resource_exhausted", message: "wait", details }, 429));
    expect(error).toMatchObject({ code: Code.ResourceExhausted, rawMessage: "wait" });
    expect(error?.findDetails(ErrorInfoSchema)).toMatchObject([{ reason: "OVERLOADED" }]);
  });

  it.each([
    ["a proxy without the server", 502, "<html>", Code.Unavailable],
    ["a proxy that asks to sign in", 401, "<html>", Code.Unauthenticated],
    ["another server", 404, "<html>", Code.Unimplemented],
    ["a page in the place of an answer", 200, "<html>", Code.Unknown],
  ])("fails by its status at %s", async (_, status, body, code) => {
    expect((await ask(() => new Response(body, { status }))).error?.code).toBe(code);
  });

  it.each([{ code: "constructor" }, { code: 3 }, { error: "no" }, null])(
    "fails by its status with %j",
    async (body) => {
      expect((await ask(() => json(body, 503))).error?.code).toBe(Code.Unavailable);
    },
  );

  it("fails when the network does, or when it is given up", async () => {
    const lost = () => Promise.reject(new TypeError("Failed to fetch"));
    expect((await ask(lost)).error?.code).toBe(Code.Unknown);
    const signal = AbortSignal.abort();
    expect((await ask(() => Promise.reject(signal.reason), undefined, signal)).error?.code).toBe(Code.Canceled);
  });
});
