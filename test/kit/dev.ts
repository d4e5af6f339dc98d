/** The options of `patwarden dev` with which each of its ports is a free one. */
export const onFreePorts: readonly string[] = [
  "--http",
  "--grpc",
  "--public-http",
  "--console",
  "--issuer",
  "--sample",
].flatMap((port) => [port, "127.0.0.1:0"]);
