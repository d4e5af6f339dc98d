import { once } from "node:events";
import { connect } from "node:http2";
import { setTimeout as sleep } from "node:timers/promises";
import { create, toBinary } from "@bufbuild/protobuf";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import type { Server } from "../../test/kit/server.js";
import { subjectOf } from "../lib/workload.js";

const connections = 20;
const callsOfConnection = 10;
const longestMs = 50;

const { listTokens } = TokenService.method;
const path = `/${TokenService.typeName}/${listTokens.name}`;

/** Asks on many connections, and cuts them while the replica works. The calls change nothing and are not billed. */
export async function vanish({ grpc, keys }: Pick<Server, "grpc" | "keys">): Promise<void> {
  const message = toBinary(listTokens.input, create(listTokens.input, { subject: subjectOf(0), pageSize: 1_000 }));
  const body = Buffer.alloc(5 + message.length);
  body.writeUInt32BE(message.length, 1);
  body.set(message, 5);
  const headers = {
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
    authorization: `Bearer ${keys.admin}`,
  };
  const vanishOnce = async (): Promise<void> => {
    const session = connect(`http://${grpc}`).on("error", () => undefined);
    for (let call = 0; call < callsOfConnection; call++) {
      const stream = session.request(headers).on("error", () => undefined);
      stream.resume().end(body);
    }
    await once(session, "connect");
    await sleep(Math.random() * longestMs);
    session.destroy();
  };
  await Promise.all(Array.from({ length: connections }, vanishOnce));
}
