// Measures the cost of grpc-js itself: a server that answers every Check with an empty message and reads nothing.
// Prints its address.
import { Server, ServerCredentials } from "@grpc/grpc-js";

const nothing = Buffer.alloc(0);
const method = {
  path: "/patwarden.v1.AuthorizationService/Check",
  requestStream: false,
  responseStream: false,
  requestDeserialize: (bytes) => bytes,
  responseSerialize: () => nothing,
};
const server = new Server();
server.addService({ check: method }, { check: (_, done) => done(null, nothing) });
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log(`127.0.0.1:${port}`);
});
