import { afterAll, beforeAll, describe, it } from "vitest";
import { selfSigned } from "../kit/self-signed.js";
import { expectKnown, readH2specReport } from "./h2spec-report.js";
import { interopService } from "./interop-service.js";
import { knownDifferences } from "./known-differences.js";
import { startPlainServer } from "./plain-server.js";
import { engines, type RawServer, startRawServer } from "./raw-server.js";
import { haveSuite, runSuite } from "./suites.js";

const ways = [
  { way: "plaintext", tls: undefined, flags: [] },
  { way: "TLS", tls: selfSigned(), flags: ["-t", "-k"] },
];

describe.skipIf(!haveSuite("h2spec"))("h2spec finds nothing but the known differences", () => {
  describe.each(engines.flatMap((engine) => ways.map((way) => ({ engine, ...way }))))(
    "in a server of $engine over $way",
    ({ engine, tls, flags }) => {
      let server: RawServer;
      beforeAll(async () => {
        server =
          engine === "builtin"
            ? await startPlainServer({ tls })
            : await startRawServer(engine, { ...interopService, tls });
      });
      afterAll(() => server.stop());

      it("in all cases, also the strict ones", { timeout: 180_000 }, async () => {
        const address = ["-h", "127.0.0.1", "-p", String(server.port)];
        const { output } = await runSuite("h2spec", [...address, ...flags, "-S", "-o", "1"], 170_000);
        expectKnown(readH2specReport(output), 146, knownDifferences[engine].h2spec);
      });
    },
  );
});
