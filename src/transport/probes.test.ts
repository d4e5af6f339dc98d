import { afterEach, expect, it } from "vitest";
import { type BothPorts, startBothPorts } from "../../test/kit/transport.js";
import { probes, type Readiness } from "./probes.js";

let both: BothPorts | undefined;
afterEach(() => both?.stop());

it("/livez is 200, and /readyz shows the current readiness with its reasons", async () => {
  let readiness: Readiness = { ready: false, checks: { openfga: { ok: false, problem: "unreachable" } } };
  both = await startBothPorts([], { routes: probes(() => readiness) });
  const get = async (path: string) => {
    const response = await fetch(`http://${both?.http.address}${path}`);
    return { status: response.status, cache: response.headers.get("cache-control"), body: await response.text() };
  };
  expect(await get("/livez")).toEqual({ status: 200, cache: "no-store", body: "ok" });
  expect(await get("/readyz?verbose")).toEqual({ status: 503, cache: "no-store", body: JSON.stringify(readiness) });
  readiness = { ready: true, checks: {} };
  expect(await get("/readyz")).toMatchObject({ status: 200, body: `{"ready":true,"checks":{}}` });
});
