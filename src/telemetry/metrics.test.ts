import { Histogram, Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { reasons } from "../domain/reason.js";
import { createMetrics } from "./metrics.js";
import { createMetricsServer } from "./metrics-server.js";

const linesOf = async (metrics: ReturnType<typeof createMetrics>, name: string): Promise<readonly string[]> =>
  (await metrics.registry.metrics()).split("\n").filter((line) => line.startsWith(name));

describe("metrics", () => {
  it("put a call of half a millisecond into its bucket", async () => {
    const metrics = createMetrics();
    metrics.rpcEnded("patwarden.v1.AuthorizationService/Check", "OK", 0.5);
    const labels = 'rpc_method="patwarden.v1.AuthorizationService/Check",rpc_response_status_code="OK"';
    const lines = await linesOf(metrics, "rpc_server_call_duration_seconds");
    expect(lines).toContain(`rpc_server_call_duration_seconds_bucket{le="0.00025",${labels}} 0`);
    expect(lines).toContain(`rpc_server_call_duration_seconds_bucket{le="0.0005",${labels}} 1`);
    expect(lines).toContain(`rpc_server_call_duration_seconds_sum{${labels}} 0.0005`);
  });

  it("count calls like a histogram of prom-client", async () => {
    const calls = [
      ["patwarden.v1.TokenService/GetToken", "OK", 1],
      ["patwarden.v1.TokenService/GetToken", "NOT_FOUND", 0.25],
      ["patwarden.v1.TokenService/GetToken", "OK", 1.5],
      ["patwarden.v1.AuthorizationService/Check", "OK", 10_000],
      ["patwarden.v1.AuthorizationService/Check", "OK", 10_001],
    ] as const;
    const name = "rpc_server_call_duration_seconds";
    const metrics = createMetrics();
    const registry = new Registry();
    const histogram = new Histogram({
      name,
      help: "Duration of calls to the API",
      labelNames: ["rpc_method", "rpc_response_status_code"],
      buckets: [0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1, 2.5, 10],
      registers: [registry],
    });
    for (const [method, code, durationMs] of calls) {
      metrics.rpcEnded(method, code, durationMs);
      histogram.observe({ rpc_method: method, rpc_response_status_code: code }, durationMs / 1000);
    }
    const text = await metrics.registry.getSingleMetricAsString(name);
    expect(text.split("\n")).toEqual((await registry.getSingleMetricAsString(name)).split("\n"));
  });

  it("have every reason from the start", async () => {
    const metrics = createMetrics();
    metrics.decided("TOKEN_REVOKED");
    expect(await linesOf(metrics, "patwarden_decisions_total")).toEqual(
      Object.keys(reasons).map(
        (name) => `patwarden_decisions_total{reason="${name}"} ${name === "TOKEN_REVOKED" ? 1 : 0}`,
      ),
    );
  });

  it("count lookups by secret, from 0", async () => {
    const metrics = createMetrics();
    expect(await linesOf(metrics, "patwarden_token_lookups_total")).toEqual(["patwarden_token_lookups_total 0"]);
    metrics.tokenLookedUp(3);
    expect(await linesOf(metrics, "patwarden_token_lookups_total")).toEqual(["patwarden_token_lookups_total 3"]);
  });

  it("count calls to OpenFGA by outcome", async () => {
    const metrics = createMetrics();
    metrics.openfgaCallEnded("Check", "UNAVAILABLE", 1);
    expect(await linesOf(metrics, "patwarden_openfga_calls_total")).toEqual([
      'patwarden_openfga_calls_total{method="Check",outcome="UNAVAILABLE"} 1',
    ]);
  });

  it("count calls that were too fast, every limit from 0", async () => {
    const metrics = createMetrics();
    metrics.callLimited("lists");
    expect(await linesOf(metrics, "patwarden_calls_limited_total")).toEqual([
      'patwarden_calls_limited_total{limit="creations"} 0',
      'patwarden_calls_limited_total{limit="revocations"} 0',
      'patwarden_calls_limited_total{limit="lists"} 1',
    ]);
  });

  it("S12 count connections that a port closed and requests that it gave up, every cause from 0", async () => {
    const metrics = createMetrics();
    const arrivals = metrics.arrivalsAt("http");
    arrivals.closed("hello");
    arrivals.gaveUp("crowded");
    expect(await linesOf(metrics, "patwarden_connections_closed_total")).toEqual(
      ["full", "address", "hello", "headers", "malformed", "unread"].map(
        (cause) => `patwarden_connections_closed_total{port="http",cause="${cause}"} ${cause === "hello" ? 1 : 0}`,
      ),
    );
    expect(await linesOf(metrics, "patwarden_requests_given_up_total")).toEqual([
      'patwarden_requests_given_up_total{port="http",cause="late"} 0',
      'patwarden_requests_given_up_total{port="http",cause="crowded"} 1',
    ]);
    metrics.arrivalsAt("grpc").closed("pings");
    const ofGrpc = (await linesOf(metrics, "patwarden_connections_closed_total")).filter((line) =>
      line.includes('"grpc"'),
    );
    expect(ofGrpc).toHaveLength(20);
    expect(ofGrpc).toContain('patwarden_connections_closed_total{port="grpc",cause="pings"} 1');
    expect(ofGrpc).toContain('patwarden_connections_closed_total{port="grpc",cause="dead"} 0');
  });

  it("show the configuration in use, and no earlier one", async () => {
    const metrics = createMetrics();
    metrics.configured("a1");
    metrics.configured("b2");
    expect(await linesOf(metrics, "patwarden_config_info")).toEqual(['patwarden_config_info{hash="b2"} 1']);
  });

  it("hold those of the process", async () => {
    const metrics = createMetrics();
    expect(await linesOf(metrics, "process_cpu_seconds_total")).toHaveLength(1);
    expect(await linesOf(metrics, "nodejs_eventloop_lag_p99_seconds")).toHaveLength(1);
  });
});

describe("the metrics server", () => {
  it("answers only at /metrics and only to GET, and frees its port even while a scraper is connected", async () => {
    const metrics = createMetrics();
    const server = await createMetricsServer({ listen: { host: "127.0.0.1", port: 0 } }, metrics.registry);
    expect(server.address).toMatch(/^127\.0\.0\.1:[1-9]\d*$/);
    const reply = await fetch(`http://${server.address}/metrics`);
    expect([reply.status, reply.headers.get("content-type")]).toEqual([200, metrics.registry.contentType]);
    expect(await reply.text()).toContain("patwarden_decisions_total");
    expect((await fetch(`http://${server.address}/`)).status).toBe(404);
    expect((await fetch(`http://${server.address}/metrics`, { method: "POST" })).status).toBe(405);

    await server.close();
    await expect(fetch(`http://${server.address}/metrics`)).rejects.toThrow();
  });

  it("rejects when its port is taken", async () => {
    const { registry } = createMetrics();
    const first = await createMetricsServer({ listen: { host: "127.0.0.1", port: 0 } }, registry);
    const port = Number(first.address.split(":")[1]);
    await expect(createMetricsServer({ listen: { host: "127.0.0.1", port } }, registry)).rejects.toMatchObject({
      code: "EADDRINUSE",
    });
    await first.close();
  });
});
