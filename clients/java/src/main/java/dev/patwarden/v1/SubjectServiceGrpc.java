package dev.patwarden.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * SubjectService disables and deletes the users and organizations that tokens act as. Needs `subjects`.
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class SubjectServiceGrpc {

  private SubjectServiceGrpc() {}

  public static final java.lang.String SERVICE_NAME = "patwarden.v1.SubjectService";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<dev.patwarden.v1.GetSubjectRequest,
      dev.patwarden.v1.GetSubjectResponse> getGetSubjectMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetSubject",
      requestType = dev.patwarden.v1.GetSubjectRequest.class,
      responseType = dev.patwarden.v1.GetSubjectResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.patwarden.v1.GetSubjectRequest,
      dev.patwarden.v1.GetSubjectResponse> getGetSubjectMethod() {
    io.grpc.MethodDescriptor<dev.patwarden.v1.GetSubjectRequest, dev.patwarden.v1.GetSubjectResponse> getGetSubjectMethod;
    if ((getGetSubjectMethod = SubjectServiceGrpc.getGetSubjectMethod) == null) {
      synchronized (SubjectServiceGrpc.class) {
        if ((getGetSubjectMethod = SubjectServiceGrpc.getGetSubjectMethod) == null) {
          SubjectServiceGrpc.getGetSubjectMethod = getGetSubjectMethod =
              io.grpc.MethodDescriptor.<dev.patwarden.v1.GetSubjectRequest, dev.patwarden.v1.GetSubjectResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetSubject"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.GetSubjectRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.GetSubjectResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SubjectServiceMethodDescriptorSupplier("GetSubject"))
              .build();
        }
      }
    }
    return getGetSubjectMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.patwarden.v1.DisableSubjectRequest,
      dev.patwarden.v1.DisableSubjectResponse> getDisableSubjectMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "DisableSubject",
      requestType = dev.patwarden.v1.DisableSubjectRequest.class,
      responseType = dev.patwarden.v1.DisableSubjectResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.patwarden.v1.DisableSubjectRequest,
      dev.patwarden.v1.DisableSubjectResponse> getDisableSubjectMethod() {
    io.grpc.MethodDescriptor<dev.patwarden.v1.DisableSubjectRequest, dev.patwarden.v1.DisableSubjectResponse> getDisableSubjectMethod;
    if ((getDisableSubjectMethod = SubjectServiceGrpc.getDisableSubjectMethod) == null) {
      synchronized (SubjectServiceGrpc.class) {
        if ((getDisableSubjectMethod = SubjectServiceGrpc.getDisableSubjectMethod) == null) {
          SubjectServiceGrpc.getDisableSubjectMethod = getDisableSubjectMethod =
              io.grpc.MethodDescriptor.<dev.patwarden.v1.DisableSubjectRequest, dev.patwarden.v1.DisableSubjectResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "DisableSubject"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.DisableSubjectRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.DisableSubjectResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SubjectServiceMethodDescriptorSupplier("DisableSubject"))
              .build();
        }
      }
    }
    return getDisableSubjectMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.patwarden.v1.EnableSubjectRequest,
      dev.patwarden.v1.EnableSubjectResponse> getEnableSubjectMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "EnableSubject",
      requestType = dev.patwarden.v1.EnableSubjectRequest.class,
      responseType = dev.patwarden.v1.EnableSubjectResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.patwarden.v1.EnableSubjectRequest,
      dev.patwarden.v1.EnableSubjectResponse> getEnableSubjectMethod() {
    io.grpc.MethodDescriptor<dev.patwarden.v1.EnableSubjectRequest, dev.patwarden.v1.EnableSubjectResponse> getEnableSubjectMethod;
    if ((getEnableSubjectMethod = SubjectServiceGrpc.getEnableSubjectMethod) == null) {
      synchronized (SubjectServiceGrpc.class) {
        if ((getEnableSubjectMethod = SubjectServiceGrpc.getEnableSubjectMethod) == null) {
          SubjectServiceGrpc.getEnableSubjectMethod = getEnableSubjectMethod =
              io.grpc.MethodDescriptor.<dev.patwarden.v1.EnableSubjectRequest, dev.patwarden.v1.EnableSubjectResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "EnableSubject"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.EnableSubjectRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.EnableSubjectResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SubjectServiceMethodDescriptorSupplier("EnableSubject"))
              .build();
        }
      }
    }
    return getEnableSubjectMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.patwarden.v1.DeleteSubjectRequest,
      dev.patwarden.v1.DeleteSubjectResponse> getDeleteSubjectMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "DeleteSubject",
      requestType = dev.patwarden.v1.DeleteSubjectRequest.class,
      responseType = dev.patwarden.v1.DeleteSubjectResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.patwarden.v1.DeleteSubjectRequest,
      dev.patwarden.v1.DeleteSubjectResponse> getDeleteSubjectMethod() {
    io.grpc.MethodDescriptor<dev.patwarden.v1.DeleteSubjectRequest, dev.patwarden.v1.DeleteSubjectResponse> getDeleteSubjectMethod;
    if ((getDeleteSubjectMethod = SubjectServiceGrpc.getDeleteSubjectMethod) == null) {
      synchronized (SubjectServiceGrpc.class) {
        if ((getDeleteSubjectMethod = SubjectServiceGrpc.getDeleteSubjectMethod) == null) {
          SubjectServiceGrpc.getDeleteSubjectMethod = getDeleteSubjectMethod =
              io.grpc.MethodDescriptor.<dev.patwarden.v1.DeleteSubjectRequest, dev.patwarden.v1.DeleteSubjectResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "DeleteSubject"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.DeleteSubjectRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.DeleteSubjectResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SubjectServiceMethodDescriptorSupplier("DeleteSubject"))
              .build();
        }
      }
    }
    return getDeleteSubjectMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static SubjectServiceStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<SubjectServiceStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<SubjectServiceStub>() {
        @java.lang.Override
        public SubjectServiceStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new SubjectServiceStub(channel, callOptions);
        }
      };
    return SubjectServiceStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static SubjectServiceBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<SubjectServiceBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<SubjectServiceBlockingV2Stub>() {
        @java.lang.Override
        public SubjectServiceBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new SubjectServiceBlockingV2Stub(channel, callOptions);
        }
      };
    return SubjectServiceBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static SubjectServiceBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<SubjectServiceBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<SubjectServiceBlockingStub>() {
        @java.lang.Override
        public SubjectServiceBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new SubjectServiceBlockingStub(channel, callOptions);
        }
      };
    return SubjectServiceBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static SubjectServiceFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<SubjectServiceFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<SubjectServiceFutureStub>() {
        @java.lang.Override
        public SubjectServiceFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new SubjectServiceFutureStub(channel, callOptions);
        }
      };
    return SubjectServiceFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * SubjectService disables and deletes the users and organizations that tokens act as. Needs `subjects`.
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * GetSubject tells a subject's state and how many living tokens its removal would stop. A subject never mentioned is ACTIVE.
     * </pre>
     */
    default void getSubject(dev.patwarden.v1.GetSubjectRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.GetSubjectResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetSubjectMethod(), responseObserver);
    }

    /**
     * <pre>
     * DisableSubject refuses all its tokens, and those bound to it, until it is enabled; they are kept. Repeating it changes nothing.
     * </pre>
     */
    default void disableSubject(dev.patwarden.v1.DisableSubjectRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.DisableSubjectResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getDisableSubjectMethod(), responseObserver);
    }

    /**
     * <pre>
     * EnableSubject lets a disabled subject's tokens work again, and a deleted subject have new ones: that starts a new generation, and its
     * old tokens stay revoked.
     * </pre>
     */
    default void enableSubject(dev.patwarden.v1.EnableSubjectRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.EnableSubjectResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getEnableSubjectMethod(), responseObserver);
    }

    /**
     * <pre>
     * DeleteSubject revokes all its tokens and those bound to it, for good, and refuses new ones until it is enabled.
     * </pre>
     */
    default void deleteSubject(dev.patwarden.v1.DeleteSubjectRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.DeleteSubjectResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getDeleteSubjectMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service SubjectService.
   * <pre>
   * SubjectService disables and deletes the users and organizations that tokens act as. Needs `subjects`.
   * </pre>
   */
  public static abstract class SubjectServiceImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return SubjectServiceGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service SubjectService.
   * <pre>
   * SubjectService disables and deletes the users and organizations that tokens act as. Needs `subjects`.
   * </pre>
   */
  public static final class SubjectServiceStub
      extends io.grpc.stub.AbstractAsyncStub<SubjectServiceStub> {
    private SubjectServiceStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected SubjectServiceStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new SubjectServiceStub(channel, callOptions);
    }

    /**
     * <pre>
     * GetSubject tells a subject's state and how many living tokens its removal would stop. A subject never mentioned is ACTIVE.
     * </pre>
     */
    public void getSubject(dev.patwarden.v1.GetSubjectRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.GetSubjectResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetSubjectMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * DisableSubject refuses all its tokens, and those bound to it, until it is enabled; they are kept. Repeating it changes nothing.
     * </pre>
     */
    public void disableSubject(dev.patwarden.v1.DisableSubjectRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.DisableSubjectResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getDisableSubjectMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * EnableSubject lets a disabled subject's tokens work again, and a deleted subject have new ones: that starts a new generation, and its
     * old tokens stay revoked.
     * </pre>
     */
    public void enableSubject(dev.patwarden.v1.EnableSubjectRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.EnableSubjectResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getEnableSubjectMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * DeleteSubject revokes all its tokens and those bound to it, for good, and refuses new ones until it is enabled.
     * </pre>
     */
    public void deleteSubject(dev.patwarden.v1.DeleteSubjectRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.DeleteSubjectResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getDeleteSubjectMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service SubjectService.
   * <pre>
   * SubjectService disables and deletes the users and organizations that tokens act as. Needs `subjects`.
   * </pre>
   */
  public static final class SubjectServiceBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<SubjectServiceBlockingV2Stub> {
    private SubjectServiceBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected SubjectServiceBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new SubjectServiceBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * GetSubject tells a subject's state and how many living tokens its removal would stop. A subject never mentioned is ACTIVE.
     * </pre>
     */
    public dev.patwarden.v1.GetSubjectResponse getSubject(dev.patwarden.v1.GetSubjectRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetSubjectMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * DisableSubject refuses all its tokens, and those bound to it, until it is enabled; they are kept. Repeating it changes nothing.
     * </pre>
     */
    public dev.patwarden.v1.DisableSubjectResponse disableSubject(dev.patwarden.v1.DisableSubjectRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getDisableSubjectMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * EnableSubject lets a disabled subject's tokens work again, and a deleted subject have new ones: that starts a new generation, and its
     * old tokens stay revoked.
     * </pre>
     */
    public dev.patwarden.v1.EnableSubjectResponse enableSubject(dev.patwarden.v1.EnableSubjectRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getEnableSubjectMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * DeleteSubject revokes all its tokens and those bound to it, for good, and refuses new ones until it is enabled.
     * </pre>
     */
    public dev.patwarden.v1.DeleteSubjectResponse deleteSubject(dev.patwarden.v1.DeleteSubjectRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getDeleteSubjectMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service SubjectService.
   * <pre>
   * SubjectService disables and deletes the users and organizations that tokens act as. Needs `subjects`.
   * </pre>
   */
  public static final class SubjectServiceBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<SubjectServiceBlockingStub> {
    private SubjectServiceBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected SubjectServiceBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new SubjectServiceBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * GetSubject tells a subject's state and how many living tokens its removal would stop. A subject never mentioned is ACTIVE.
     * </pre>
     */
    public dev.patwarden.v1.GetSubjectResponse getSubject(dev.patwarden.v1.GetSubjectRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetSubjectMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * DisableSubject refuses all its tokens, and those bound to it, until it is enabled; they are kept. Repeating it changes nothing.
     * </pre>
     */
    public dev.patwarden.v1.DisableSubjectResponse disableSubject(dev.patwarden.v1.DisableSubjectRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getDisableSubjectMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * EnableSubject lets a disabled subject's tokens work again, and a deleted subject have new ones: that starts a new generation, and its
     * old tokens stay revoked.
     * </pre>
     */
    public dev.patwarden.v1.EnableSubjectResponse enableSubject(dev.patwarden.v1.EnableSubjectRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getEnableSubjectMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * DeleteSubject revokes all its tokens and those bound to it, for good, and refuses new ones until it is enabled.
     * </pre>
     */
    public dev.patwarden.v1.DeleteSubjectResponse deleteSubject(dev.patwarden.v1.DeleteSubjectRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getDeleteSubjectMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service SubjectService.
   * <pre>
   * SubjectService disables and deletes the users and organizations that tokens act as. Needs `subjects`.
   * </pre>
   */
  public static final class SubjectServiceFutureStub
      extends io.grpc.stub.AbstractFutureStub<SubjectServiceFutureStub> {
    private SubjectServiceFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected SubjectServiceFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new SubjectServiceFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * GetSubject tells a subject's state and how many living tokens its removal would stop. A subject never mentioned is ACTIVE.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.patwarden.v1.GetSubjectResponse> getSubject(
        dev.patwarden.v1.GetSubjectRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetSubjectMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * DisableSubject refuses all its tokens, and those bound to it, until it is enabled; they are kept. Repeating it changes nothing.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.patwarden.v1.DisableSubjectResponse> disableSubject(
        dev.patwarden.v1.DisableSubjectRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getDisableSubjectMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * EnableSubject lets a disabled subject's tokens work again, and a deleted subject have new ones: that starts a new generation, and its
     * old tokens stay revoked.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.patwarden.v1.EnableSubjectResponse> enableSubject(
        dev.patwarden.v1.EnableSubjectRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getEnableSubjectMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * DeleteSubject revokes all its tokens and those bound to it, for good, and refuses new ones until it is enabled.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.patwarden.v1.DeleteSubjectResponse> deleteSubject(
        dev.patwarden.v1.DeleteSubjectRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getDeleteSubjectMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_GET_SUBJECT = 0;
  private static final int METHODID_DISABLE_SUBJECT = 1;
  private static final int METHODID_ENABLE_SUBJECT = 2;
  private static final int METHODID_DELETE_SUBJECT = 3;

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
        case METHODID_GET_SUBJECT:
          serviceImpl.getSubject((dev.patwarden.v1.GetSubjectRequest) request,
              (io.grpc.stub.StreamObserver<dev.patwarden.v1.GetSubjectResponse>) responseObserver);
          break;
        case METHODID_DISABLE_SUBJECT:
          serviceImpl.disableSubject((dev.patwarden.v1.DisableSubjectRequest) request,
              (io.grpc.stub.StreamObserver<dev.patwarden.v1.DisableSubjectResponse>) responseObserver);
          break;
        case METHODID_ENABLE_SUBJECT:
          serviceImpl.enableSubject((dev.patwarden.v1.EnableSubjectRequest) request,
              (io.grpc.stub.StreamObserver<dev.patwarden.v1.EnableSubjectResponse>) responseObserver);
          break;
        case METHODID_DELETE_SUBJECT:
          serviceImpl.deleteSubject((dev.patwarden.v1.DeleteSubjectRequest) request,
              (io.grpc.stub.StreamObserver<dev.patwarden.v1.DeleteSubjectResponse>) responseObserver);
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
          getGetSubjectMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.patwarden.v1.GetSubjectRequest,
              dev.patwarden.v1.GetSubjectResponse>(
                service, METHODID_GET_SUBJECT)))
        .addMethod(
          getDisableSubjectMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.patwarden.v1.DisableSubjectRequest,
              dev.patwarden.v1.DisableSubjectResponse>(
                service, METHODID_DISABLE_SUBJECT)))
        .addMethod(
          getEnableSubjectMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.patwarden.v1.EnableSubjectRequest,
              dev.patwarden.v1.EnableSubjectResponse>(
                service, METHODID_ENABLE_SUBJECT)))
        .addMethod(
          getDeleteSubjectMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.patwarden.v1.DeleteSubjectRequest,
              dev.patwarden.v1.DeleteSubjectResponse>(
                service, METHODID_DELETE_SUBJECT)))
        .build();
  }

  private static abstract class SubjectServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    SubjectServiceBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return dev.patwarden.v1.SubjectProto.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("SubjectService");
    }
  }

  private static final class SubjectServiceFileDescriptorSupplier
      extends SubjectServiceBaseDescriptorSupplier {
    SubjectServiceFileDescriptorSupplier() {}
  }

  private static final class SubjectServiceMethodDescriptorSupplier
      extends SubjectServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    SubjectServiceMethodDescriptorSupplier(java.lang.String methodName) {
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
      synchronized (SubjectServiceGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new SubjectServiceFileDescriptorSupplier())
              .addMethod(getGetSubjectMethod())
              .addMethod(getDisableSubjectMethod())
              .addMethod(getEnableSubjectMethod())
              .addMethod(getDeleteSubjectMethod())
              .build();
        }
      }
    }
    return result;
  }
}
