package dev.patwarden.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * AuthorizationService answers whether the holder of a token may do something. A decision is a value; an error means
 * that no decision could be made, and must never be read as either answer.
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class AuthorizationServiceGrpc {

  private AuthorizationServiceGrpc() {}

  public static final java.lang.String SERVICE_NAME = "patwarden.v1.AuthorizationService";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<dev.patwarden.v1.CheckRequest,
      dev.patwarden.v1.CheckResponse> getCheckMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Check",
      requestType = dev.patwarden.v1.CheckRequest.class,
      responseType = dev.patwarden.v1.CheckResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.patwarden.v1.CheckRequest,
      dev.patwarden.v1.CheckResponse> getCheckMethod() {
    io.grpc.MethodDescriptor<dev.patwarden.v1.CheckRequest, dev.patwarden.v1.CheckResponse> getCheckMethod;
    if ((getCheckMethod = AuthorizationServiceGrpc.getCheckMethod) == null) {
      synchronized (AuthorizationServiceGrpc.class) {
        if ((getCheckMethod = AuthorizationServiceGrpc.getCheckMethod) == null) {
          AuthorizationServiceGrpc.getCheckMethod = getCheckMethod =
              io.grpc.MethodDescriptor.<dev.patwarden.v1.CheckRequest, dev.patwarden.v1.CheckResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Check"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.CheckRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.CheckResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AuthorizationServiceMethodDescriptorSupplier("Check"))
              .build();
        }
      }
    }
    return getCheckMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.patwarden.v1.BatchCheckRequest,
      dev.patwarden.v1.BatchCheckResponse> getBatchCheckMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "BatchCheck",
      requestType = dev.patwarden.v1.BatchCheckRequest.class,
      responseType = dev.patwarden.v1.BatchCheckResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.patwarden.v1.BatchCheckRequest,
      dev.patwarden.v1.BatchCheckResponse> getBatchCheckMethod() {
    io.grpc.MethodDescriptor<dev.patwarden.v1.BatchCheckRequest, dev.patwarden.v1.BatchCheckResponse> getBatchCheckMethod;
    if ((getBatchCheckMethod = AuthorizationServiceGrpc.getBatchCheckMethod) == null) {
      synchronized (AuthorizationServiceGrpc.class) {
        if ((getBatchCheckMethod = AuthorizationServiceGrpc.getBatchCheckMethod) == null) {
          AuthorizationServiceGrpc.getBatchCheckMethod = getBatchCheckMethod =
              io.grpc.MethodDescriptor.<dev.patwarden.v1.BatchCheckRequest, dev.patwarden.v1.BatchCheckResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "BatchCheck"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.BatchCheckRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.BatchCheckResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AuthorizationServiceMethodDescriptorSupplier("BatchCheck"))
              .build();
        }
      }
    }
    return getBatchCheckMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.patwarden.v1.ListResourcesRequest,
      dev.patwarden.v1.ListResourcesResponse> getListResourcesMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListResources",
      requestType = dev.patwarden.v1.ListResourcesRequest.class,
      responseType = dev.patwarden.v1.ListResourcesResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<dev.patwarden.v1.ListResourcesRequest,
      dev.patwarden.v1.ListResourcesResponse> getListResourcesMethod() {
    io.grpc.MethodDescriptor<dev.patwarden.v1.ListResourcesRequest, dev.patwarden.v1.ListResourcesResponse> getListResourcesMethod;
    if ((getListResourcesMethod = AuthorizationServiceGrpc.getListResourcesMethod) == null) {
      synchronized (AuthorizationServiceGrpc.class) {
        if ((getListResourcesMethod = AuthorizationServiceGrpc.getListResourcesMethod) == null) {
          AuthorizationServiceGrpc.getListResourcesMethod = getListResourcesMethod =
              io.grpc.MethodDescriptor.<dev.patwarden.v1.ListResourcesRequest, dev.patwarden.v1.ListResourcesResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListResources"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.ListResourcesRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.ListResourcesResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AuthorizationServiceMethodDescriptorSupplier("ListResources"))
              .build();
        }
      }
    }
    return getListResourcesMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.patwarden.v1.IntrospectRequest,
      dev.patwarden.v1.IntrospectResponse> getIntrospectMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Introspect",
      requestType = dev.patwarden.v1.IntrospectRequest.class,
      responseType = dev.patwarden.v1.IntrospectResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.patwarden.v1.IntrospectRequest,
      dev.patwarden.v1.IntrospectResponse> getIntrospectMethod() {
    io.grpc.MethodDescriptor<dev.patwarden.v1.IntrospectRequest, dev.patwarden.v1.IntrospectResponse> getIntrospectMethod;
    if ((getIntrospectMethod = AuthorizationServiceGrpc.getIntrospectMethod) == null) {
      synchronized (AuthorizationServiceGrpc.class) {
        if ((getIntrospectMethod = AuthorizationServiceGrpc.getIntrospectMethod) == null) {
          AuthorizationServiceGrpc.getIntrospectMethod = getIntrospectMethod =
              io.grpc.MethodDescriptor.<dev.patwarden.v1.IntrospectRequest, dev.patwarden.v1.IntrospectResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Introspect"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.IntrospectRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.IntrospectResponse.getDefaultInstance()))
              .setSchemaDescriptor(new AuthorizationServiceMethodDescriptorSupplier("Introspect"))
              .build();
        }
      }
    }
    return getIntrospectMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static AuthorizationServiceStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<AuthorizationServiceStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<AuthorizationServiceStub>() {
        @java.lang.Override
        public AuthorizationServiceStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new AuthorizationServiceStub(channel, callOptions);
        }
      };
    return AuthorizationServiceStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static AuthorizationServiceBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<AuthorizationServiceBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<AuthorizationServiceBlockingV2Stub>() {
        @java.lang.Override
        public AuthorizationServiceBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new AuthorizationServiceBlockingV2Stub(channel, callOptions);
        }
      };
    return AuthorizationServiceBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static AuthorizationServiceBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<AuthorizationServiceBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<AuthorizationServiceBlockingStub>() {
        @java.lang.Override
        public AuthorizationServiceBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new AuthorizationServiceBlockingStub(channel, callOptions);
        }
      };
    return AuthorizationServiceBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static AuthorizationServiceFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<AuthorizationServiceFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<AuthorizationServiceFutureStub>() {
        @java.lang.Override
        public AuthorizationServiceFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new AuthorizationServiceFutureStub(channel, callOptions);
        }
      };
    return AuthorizationServiceFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * AuthorizationService answers whether the holder of a token may do something. A decision is a value; an error means
   * that no decision could be made, and must never be read as either answer.
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * Check resolves a token to its subject, applies the token's own limits, asks OpenFGA and answers.
     * Needs the caller permission `check`. Errors: INVALID_ARGUMENT for a request that is not well formed or names a type or
     * action unknown to the model; UNAVAILABLE and DEADLINE_EXCEEDED when no decision could be made.
     * </pre>
     */
    default void check(dev.patwarden.v1.CheckRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.CheckResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCheckMethod(), responseObserver);
    }

    /**
     * <pre>
     * BatchCheck answers up to 500 questions in one call, each with its own decision or error, in the order asked.
     * It fails as a whole only for an empty or over-long list or a caller without the permission `check`.
     * </pre>
     */
    default void batchCheck(dev.patwarden.v1.BatchCheckRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.BatchCheckResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getBatchCheckMethod(), responseObserver);
    }

    /**
     * <pre>
     * ListResources tells which resources of a type a token may act on: those that its subject may by OpenFGA, as far as the token's grant holds
     * them. It is for showing a list; ask Check before acting on an entry. Needs the caller permission `check`. Errors as of Check, also after some
     * messages: then those are no list.
     * </pre>
     */
    default void listResources(dev.patwarden.v1.ListResourcesRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.ListResourcesResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListResourcesMethod(), responseObserver);
    }

    /**
     * <pre>
     * Introspect tells what a token is, without asking OpenFGA. Needs the caller permission `introspect`.
     * </pre>
     */
    default void introspect(dev.patwarden.v1.IntrospectRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.IntrospectResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getIntrospectMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service AuthorizationService.
   * <pre>
   * AuthorizationService answers whether the holder of a token may do something. A decision is a value; an error means
   * that no decision could be made, and must never be read as either answer.
   * </pre>
   */
  public static abstract class AuthorizationServiceImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return AuthorizationServiceGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service AuthorizationService.
   * <pre>
   * AuthorizationService answers whether the holder of a token may do something. A decision is a value; an error means
   * that no decision could be made, and must never be read as either answer.
   * </pre>
   */
  public static final class AuthorizationServiceStub
      extends io.grpc.stub.AbstractAsyncStub<AuthorizationServiceStub> {
    private AuthorizationServiceStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected AuthorizationServiceStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new AuthorizationServiceStub(channel, callOptions);
    }

    /**
     * <pre>
     * Check resolves a token to its subject, applies the token's own limits, asks OpenFGA and answers.
     * Needs the caller permission `check`. Errors: INVALID_ARGUMENT for a request that is not well formed or names a type or
     * action unknown to the model; UNAVAILABLE and DEADLINE_EXCEEDED when no decision could be made.
     * </pre>
     */
    public void check(dev.patwarden.v1.CheckRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.CheckResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCheckMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * BatchCheck answers up to 500 questions in one call, each with its own decision or error, in the order asked.
     * It fails as a whole only for an empty or over-long list or a caller without the permission `check`.
     * </pre>
     */
    public void batchCheck(dev.patwarden.v1.BatchCheckRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.BatchCheckResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getBatchCheckMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * ListResources tells which resources of a type a token may act on: those that its subject may by OpenFGA, as far as the token's grant holds
     * them. It is for showing a list; ask Check before acting on an entry. Needs the caller permission `check`. Errors as of Check, also after some
     * messages: then those are no list.
     * </pre>
     */
    public void listResources(dev.patwarden.v1.ListResourcesRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.ListResourcesResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getListResourcesMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Introspect tells what a token is, without asking OpenFGA. Needs the caller permission `introspect`.
     * </pre>
     */
    public void introspect(dev.patwarden.v1.IntrospectRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.IntrospectResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getIntrospectMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service AuthorizationService.
   * <pre>
   * AuthorizationService answers whether the holder of a token may do something. A decision is a value; an error means
   * that no decision could be made, and must never be read as either answer.
   * </pre>
   */
  public static final class AuthorizationServiceBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<AuthorizationServiceBlockingV2Stub> {
    private AuthorizationServiceBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected AuthorizationServiceBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new AuthorizationServiceBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * Check resolves a token to its subject, applies the token's own limits, asks OpenFGA and answers.
     * Needs the caller permission `check`. Errors: INVALID_ARGUMENT for a request that is not well formed or names a type or
     * action unknown to the model; UNAVAILABLE and DEADLINE_EXCEEDED when no decision could be made.
     * </pre>
     */
    public dev.patwarden.v1.CheckResponse check(dev.patwarden.v1.CheckRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCheckMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * BatchCheck answers up to 500 questions in one call, each with its own decision or error, in the order asked.
     * It fails as a whole only for an empty or over-long list or a caller without the permission `check`.
     * </pre>
     */
    public dev.patwarden.v1.BatchCheckResponse batchCheck(dev.patwarden.v1.BatchCheckRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getBatchCheckMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * ListResources tells which resources of a type a token may act on: those that its subject may by OpenFGA, as far as the token's grant holds
     * them. It is for showing a list; ask Check before acting on an entry. Needs the caller permission `check`. Errors as of Check, also after some
     * messages: then those are no list.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, dev.patwarden.v1.ListResourcesResponse>
        listResources(dev.patwarden.v1.ListResourcesRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getListResourcesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Introspect tells what a token is, without asking OpenFGA. Needs the caller permission `introspect`.
     * </pre>
     */
    public dev.patwarden.v1.IntrospectResponse introspect(dev.patwarden.v1.IntrospectRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getIntrospectMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service AuthorizationService.
   * <pre>
   * AuthorizationService answers whether the holder of a token may do something. A decision is a value; an error means
   * that no decision could be made, and must never be read as either answer.
   * </pre>
   */
  public static final class AuthorizationServiceBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<AuthorizationServiceBlockingStub> {
    private AuthorizationServiceBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected AuthorizationServiceBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new AuthorizationServiceBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * Check resolves a token to its subject, applies the token's own limits, asks OpenFGA and answers.
     * Needs the caller permission `check`. Errors: INVALID_ARGUMENT for a request that is not well formed or names a type or
     * action unknown to the model; UNAVAILABLE and DEADLINE_EXCEEDED when no decision could be made.
     * </pre>
     */
    public dev.patwarden.v1.CheckResponse check(dev.patwarden.v1.CheckRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCheckMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * BatchCheck answers up to 500 questions in one call, each with its own decision or error, in the order asked.
     * It fails as a whole only for an empty or over-long list or a caller without the permission `check`.
     * </pre>
     */
    public dev.patwarden.v1.BatchCheckResponse batchCheck(dev.patwarden.v1.BatchCheckRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getBatchCheckMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * ListResources tells which resources of a type a token may act on: those that its subject may by OpenFGA, as far as the token's grant holds
     * them. It is for showing a list; ask Check before acting on an entry. Needs the caller permission `check`. Errors as of Check, also after some
     * messages: then those are no list.
     * </pre>
     */
    public java.util.Iterator<dev.patwarden.v1.ListResourcesResponse> listResources(
        dev.patwarden.v1.ListResourcesRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getListResourcesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Introspect tells what a token is, without asking OpenFGA. Needs the caller permission `introspect`.
     * </pre>
     */
    public dev.patwarden.v1.IntrospectResponse introspect(dev.patwarden.v1.IntrospectRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getIntrospectMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service AuthorizationService.
   * <pre>
   * AuthorizationService answers whether the holder of a token may do something. A decision is a value; an error means
   * that no decision could be made, and must never be read as either answer.
   * </pre>
   */
  public static final class AuthorizationServiceFutureStub
      extends io.grpc.stub.AbstractFutureStub<AuthorizationServiceFutureStub> {
    private AuthorizationServiceFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected AuthorizationServiceFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new AuthorizationServiceFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * Check resolves a token to its subject, applies the token's own limits, asks OpenFGA and answers.
     * Needs the caller permission `check`. Errors: INVALID_ARGUMENT for a request that is not well formed or names a type or
     * action unknown to the model; UNAVAILABLE and DEADLINE_EXCEEDED when no decision could be made.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.patwarden.v1.CheckResponse> check(
        dev.patwarden.v1.CheckRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCheckMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * BatchCheck answers up to 500 questions in one call, each with its own decision or error, in the order asked.
     * It fails as a whole only for an empty or over-long list or a caller without the permission `check`.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.patwarden.v1.BatchCheckResponse> batchCheck(
        dev.patwarden.v1.BatchCheckRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getBatchCheckMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Introspect tells what a token is, without asking OpenFGA. Needs the caller permission `introspect`.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.patwarden.v1.IntrospectResponse> introspect(
        dev.patwarden.v1.IntrospectRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getIntrospectMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_CHECK = 0;
  private static final int METHODID_BATCH_CHECK = 1;
  private static final int METHODID_LIST_RESOURCES = 2;
  private static final int METHODID_INTROSPECT = 3;

  private static final class MethodHandlers<Req, Resp> implements
      io.grpc.stub.ServerCalls.UnaryMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.ServerStreamingMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.ClientStreamingMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.BidiStreamingMethod<Req, Resp> {
    private final AsyncService serviceImpl;
    private final int methodId;

    MethodHandlers(AsyncService serviceImpl, int methodId) {
      this.serviceImpl = serviceImpl;
      this.methodId = methodId;
    }

    @java.lang.Override
    @java.lang.SuppressWarnings("unchecked")
    public void invoke(Req request, io.grpc.stub.StreamObserver<Resp> responseObserver) {
      switch (methodId) {
        case METHODID_CHECK:
          serviceImpl.check((dev.patwarden.v1.CheckRequest) request,
              (io.grpc.stub.StreamObserver<dev.patwarden.v1.CheckResponse>) responseObserver);
          break;
        case METHODID_BATCH_CHECK:
          serviceImpl.batchCheck((dev.patwarden.v1.BatchCheckRequest) request,
              (io.grpc.stub.StreamObserver<dev.patwarden.v1.BatchCheckResponse>) responseObserver);
          break;
        case METHODID_LIST_RESOURCES:
          serviceImpl.listResources((dev.patwarden.v1.ListResourcesRequest) request,
              (io.grpc.stub.StreamObserver<dev.patwarden.v1.ListResourcesResponse>) responseObserver);
          break;
        case METHODID_INTROSPECT:
          serviceImpl.introspect((dev.patwarden.v1.IntrospectRequest) request,
              (io.grpc.stub.StreamObserver<dev.patwarden.v1.IntrospectResponse>) responseObserver);
          break;
        default:
          throw new AssertionError();
      }
    }

    @java.lang.Override
    @java.lang.SuppressWarnings("unchecked")
    public io.grpc.stub.StreamObserver<Req> invoke(
        io.grpc.stub.StreamObserver<Resp> responseObserver) {
      switch (methodId) {
        default:
          throw new AssertionError();
      }
    }
  }

  public static final io.grpc.ServerServiceDefinition bindService(AsyncService service) {
    return io.grpc.ServerServiceDefinition.builder(getServiceDescriptor())
        .addMethod(
          getCheckMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.patwarden.v1.CheckRequest,
              dev.patwarden.v1.CheckResponse>(
                service, METHODID_CHECK)))
        .addMethod(
          getBatchCheckMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.patwarden.v1.BatchCheckRequest,
              dev.patwarden.v1.BatchCheckResponse>(
                service, METHODID_BATCH_CHECK)))
        .addMethod(
          getListResourcesMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              dev.patwarden.v1.ListResourcesRequest,
              dev.patwarden.v1.ListResourcesResponse>(
                service, METHODID_LIST_RESOURCES)))
        .addMethod(
          getIntrospectMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.patwarden.v1.IntrospectRequest,
              dev.patwarden.v1.IntrospectResponse>(
                service, METHODID_INTROSPECT)))
        .build();
  }

  private static abstract class AuthorizationServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    AuthorizationServiceBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return dev.patwarden.v1.AuthorizationProto.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("AuthorizationService");
    }
  }

  private static final class AuthorizationServiceFileDescriptorSupplier
      extends AuthorizationServiceBaseDescriptorSupplier {
    AuthorizationServiceFileDescriptorSupplier() {}
  }

  private static final class AuthorizationServiceMethodDescriptorSupplier
      extends AuthorizationServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    AuthorizationServiceMethodDescriptorSupplier(java.lang.String methodName) {
      this.methodName = methodName;
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.MethodDescriptor getMethodDescriptor() {
      return getServiceDescriptor().findMethodByName(methodName);
    }
  }

  private static volatile io.grpc.ServiceDescriptor serviceDescriptor;

  public static io.grpc.ServiceDescriptor getServiceDescriptor() {
    io.grpc.ServiceDescriptor result = serviceDescriptor;
    if (result == null) {
      synchronized (AuthorizationServiceGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new AuthorizationServiceFileDescriptorSupplier())
              .addMethod(getCheckMethod())
              .addMethod(getBatchCheckMethod())
              .addMethod(getListResourcesMethod())
              .addMethod(getIntrospectMethod())
              .build();
        }
      }
    }
    return result;
  }
}
