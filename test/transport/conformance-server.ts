// The server that connectconformance starts: `--engine NAME`. It reads what to serve, says where, and serves until it
// is ended.
import { parseArgs } from "node:util";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { delimited, withLength } from "./conformance-messages.js";
import { conformanceService } from "./conformance-service.js";
import {
  ServerCompatRequestSchema,
  ServerCompatResponseSchema,
} from "./gen/connectrpc/conformance/v1/conformance_pb.js";
import { engineNamed, startRawServer } from "./raw-server.js";

const { values } = parseArgs({ options: { engine: { type: "string" } } });
const engine = engineNamed(values.engine);

for await (const bytes of delimited(process.stdin)) {
  const { useTls, serverCreds, clientTlsCert, messageReceiveLimit } = fromBinary(ServerCompatRequestSchema, bytes);
  const tls = useTls &&
    serverCreds && {
      cert: Buffer.from(serverCreds.cert),
      key: Buffer.from(serverCreds.key),
      ...(clientTlsCert.length > 0 && { clientCa: Buffer.from(clientTlsCert) }),
    };
  const { port } = await startRawServer(engine, {
    ...conformanceService,
    receiveLimit: messageReceiveLimit === 0 ? 4 << 20 : messageReceiveLimit,
    tls: tls || undefined,
  });
  const response = create(ServerCompatResponseSchema, {
    host: "127.0.0.1",
    port,
    ...(tls && { pemCert: tls.cert }),
  });
  process.stdout.write(withLength(toBinary(ServerCompatResponseSchema, response)));
}
