// Measures the cost of the built-in engine itself: the same server as noop-grpc-js.mjs on it. Prints its address.
import { CallServer } from "../../dist/transport/grpc/server.js";
import { ServerCall } from "../../dist/transport/grpc/server-call.js";
import { Listener } from "../../dist/transport/net/listener.js";

const nothing = Buffer.alloc(0);
class NoopCall extends ServerCall {
  constructor(settings, connection, id, head) {
    super(settings, connection, id, head, "unary");
  }

  onRequest() {
    this.respond(nothing);
    this.release();
  }
}
const calls = new CallServer({
  methods: new Map([["/patwarden.v1.AuthorizationService/Check", (...arrived) => new NoopCall(...arrived)]]),
  maxMessageLength: 256 * 1024,
  requestMs: 60_000,
  failed: (error) => {
    throw error;
  },
  late: () => undefined,
});
const listener = await Listener.open({
  host: "127.0.0.1",
  port: 0,
  addressKey: String,
  peerOf: () => undefined,
  open: calls.open,
  events: {
    closed: () => undefined,
    failed: (error) => {
      throw error;
    },
  },
});
console.log(`127.0.0.1:${listener.port}`);
