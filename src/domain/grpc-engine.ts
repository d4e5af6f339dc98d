/** Implementations of gRPC over HTTP/2: our own, and the library of the gRPC project. */
export const grpcEngines = ["builtin", "grpc-js"] as const;
export type GrpcEngine = (typeof grpcEngines)[number];
