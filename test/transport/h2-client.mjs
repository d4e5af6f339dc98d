// The client that h2specd starts for each case: `h2-client.mjs PORT URL`. It asks the test, which listens on that port,
// to make one call to the URL, and ends when the call has ended: a client that loads an engine each time is too slow.
import { once } from "node:events";
import { connect } from "node:net";

const [port, url] = process.argv.slice(2);
const socket = connect({ port: Number(port), host: "127.0.0.1" });
socket.end(url);
socket.resume();
await once(socket, "close");
