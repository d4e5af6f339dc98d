import { fromBinary } from "@bufbuild/protobuf";
import {
  Client,
  credentials,
  type handleUnaryCall,
  type Metadata,
  Server,
  ServerCredentials,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { afterAll } from "vitest";
import {
  AuthorizationService,
  type BatchCheckRequest,
  BatchCheckRequestSchema,
  type CheckRequest,
  CheckRequestSchema,
  TokenService,
} from "../../src/v1.js";
import { environment } from "./environment.js";

/** One unary call as it came in. */
export interface Seen {
  readonly method: string;
  readonly bytes: Buffer;
  readonly metadata: Metadata;
  /** Milliseconds since the epoch. */
  readonly deadline: number;
  readonly cancelled: boolean;
}

export type Respond = (error: Partial<ServiceError> | null, bytes?: Buffer) => void;

/** Handles a call instead of the server. Returns undefined to pass the call on. */
export type Interference = (seen: Seen, respond: Respond) => "taken" | undefined;

/** A gRPC server of our own before the real one: it remembers all unary calls, and passes them on. */
export interface Relay {
  readonly endpoint: string;
  readonly seen: readonly Seen[];
  /** The calls so far, by method and number of items. */
  readonly calls: readonly string[];
  interfere: Interference | undefined;
  forget(): void;
}

const closing: (() => void)[] = [];
afterAll(() => {
  for (const close of closing.splice(0)) close();
});

const asBytes = (bytes: Buffer): Buffer => bytes;

export async function startRelay(): Promise<Relay> {
  const target = new Client(environment.endpoint, credentials.createInsecure());
  const server = new Server();
  const seen: (Seen & { cancelled: boolean })[] = [];
  let interfere: Interference | undefined;
  for (const method of [...AuthorizationService.methods, ...TokenService.methods]) {
    if (method.methodKind !== "unary") continue;
    const path = `/${method.parent.typeName}/${method.name}`;
    const handle: handleUnaryCall<Buffer, Buffer> = (call, respond) => {
      const { request: bytes, metadata } = call;
      const one = { method: method.name, bytes, metadata, deadline: Number(call.getDeadline()), cancelled: false };
      seen.push(one);
      call.on("cancelled", () => {
        one.cancelled = true;
      });
      if (interfere?.(one, (error, reply) => respond(error, reply)) === "taken") return;
      target.makeUnaryRequest(path, asBytes, asBytes, bytes, metadata, (error, reply) => respond(error, reply));
    };
    server.register(path, handle, asBytes, asBytes, "unary");
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  closing.push(() => {
    server.forceShutdown();
    target.close();
  });
  return {
    endpoint: `127.0.0.1:${port}`,
    seen,
    get calls() {
      return seen.map((one) =>
        one.method === "BatchCheck" ? `BatchCheck of ${batchOf(one).items.length}` : one.method,
      );
    },
    get interfere() {
      return interfere;
    },
    set interfere(interference) {
      interfere = interference;
    },
    forget() {
      seen.length = 0;
    },
  };
}

export function batchOf({ bytes }: Seen): BatchCheckRequest {
  return fromBinary(BatchCheckRequestSchema, bytes);
}

export function checkOf({ bytes }: Seen): CheckRequest {
  return fromBinary(CheckRequestSchema, bytes);
}

/** Fails the first calls with UNAVAILABLE, then passes them on. */
export function unavailable(times: number): Interference {
  let left = times;
  return (_, respond) => {
    if (left-- <= 0) return undefined;
    respond({ code: status.UNAVAILABLE, details: "not now" });
    return "taken";
  };
}
