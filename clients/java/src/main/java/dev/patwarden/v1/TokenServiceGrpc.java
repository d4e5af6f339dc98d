package dev.patwarden.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * TokenService creates, shows and ends tokens.
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class TokenServiceGrpc {

  private TokenServiceGrpc() {}

  public static final java.lang.String SERVICE_NAME = "patwarden.v1.TokenService";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<dev.patwarden.v1.CreateTokenRequest,
      dev.patwarden.v1.CreateTokenResponse> getCreateTokenMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "CreateToken",
      requestType = dev.patwarden.v1.CreateTokenRequest.class,
      responseType = dev.patwarden.v1.CreateTokenResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.patwarden.v1.CreateTokenRequest,
      dev.patwarden.v1.CreateTokenResponse> getCreateTokenMethod() {
    io.grpc.MethodDescriptor<dev.patwarden.v1.CreateTokenRequest, dev.patwarden.v1.CreateTokenResponse> getCreateTokenMethod;
    if ((getCreateTokenMethod = TokenServiceGrpc.getCreateTokenMethod) == null) {
      synchronized (TokenServiceGrpc.class) {
        if ((getCreateTokenMethod = TokenServiceGrpc.getCreateTokenMethod) == null) {
          TokenServiceGrpc.getCreateTokenMethod = getCreateTokenMethod =
              io.grpc.MethodDescriptor.<dev.patwarden.v1.CreateTokenRequest, dev.patwarden.v1.CreateTokenResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "CreateToken"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.CreateTokenRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.CreateTokenResponse.getDefaultInstance()))
              .setSchemaDescriptor(new TokenServiceMethodDescriptorSupplier("CreateToken"))
              .build();
        }
      }
    }
    return getCreateTokenMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.patwarden.v1.GetTokenRequest,
      dev.patwarden.v1.GetTokenResponse> getGetTokenMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetToken",
      requestType = dev.patwarden.v1.GetTokenRequest.class,
      responseType = dev.patwarden.v1.GetTokenResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.patwarden.v1.GetTokenRequest,
      dev.patwarden.v1.GetTokenResponse> getGetTokenMethod() {
    io.grpc.MethodDescriptor<dev.patwarden.v1.GetTokenRequest, dev.patwarden.v1.GetTokenResponse> getGetTokenMethod;
    if ((getGetTokenMethod = TokenServiceGrpc.getGetTokenMethod) == null) {
      synchronized (TokenServiceGrpc.class) {
        if ((getGetTokenMethod = TokenServiceGrpc.getGetTokenMethod) == null) {
          TokenServiceGrpc.getGetTokenMethod = getGetTokenMethod =
              io.grpc.MethodDescriptor.<dev.patwarden.v1.GetTokenRequest, dev.patwarden.v1.GetTokenResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetToken"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.GetTokenRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.GetTokenResponse.getDefaultInstance()))
              .setSchemaDescriptor(new TokenServiceMethodDescriptorSupplier("GetToken"))
              .build();
        }
      }
    }
    return getGetTokenMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.patwarden.v1.ListTokensRequest,
      dev.patwarden.v1.ListTokensResponse> getListTokensMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListTokens",
      requestType = dev.patwarden.v1.ListTokensRequest.class,
      responseType = dev.patwarden.v1.ListTokensResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.patwarden.v1.ListTokensRequest,
      dev.patwarden.v1.ListTokensResponse> getListTokensMethod() {
    io.grpc.MethodDescriptor<dev.patwarden.v1.ListTokensRequest, dev.patwarden.v1.ListTokensResponse> getListTokensMethod;
    if ((getListTokensMethod = TokenServiceGrpc.getListTokensMethod) == null) {
      synchronized (TokenServiceGrpc.class) {
        if ((getListTokensMethod = TokenServiceGrpc.getListTokensMethod) == null) {
          TokenServiceGrpc.getListTokensMethod = getListTokensMethod =
              io.grpc.MethodDescriptor.<dev.patwarden.v1.ListTokensRequest, dev.patwarden.v1.ListTokensResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListTokens"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.ListTokensRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.ListTokensResponse.getDefaultInstance()))
              .setSchemaDescriptor(new TokenServiceMethodDescriptorSupplier("ListTokens"))
              .build();
        }
      }
    }
    return getListTokensMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.patwarden.v1.RevokeTokenRequest,
      dev.patwarden.v1.RevokeTokenResponse> getRevokeTokenMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "RevokeToken",
      requestType = dev.patwarden.v1.RevokeTokenRequest.class,
      responseType = dev.patwarden.v1.RevokeTokenResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.patwarden.v1.RevokeTokenRequest,
      dev.patwarden.v1.RevokeTokenResponse> getRevokeTokenMethod() {
    io.grpc.MethodDescriptor<dev.patwarden.v1.RevokeTokenRequest, dev.patwarden.v1.RevokeTokenResponse> getRevokeTokenMethod;
    if ((getRevokeTokenMethod = TokenServiceGrpc.getRevokeTokenMethod) == null) {
      synchronized (TokenServiceGrpc.class) {
        if ((getRevokeTokenMethod = TokenServiceGrpc.getRevokeTokenMethod) == null) {
          TokenServiceGrpc.getRevokeTokenMethod = getRevokeTokenMethod =
              io.grpc.MethodDescriptor.<dev.patwarden.v1.RevokeTokenRequest, dev.patwarden.v1.RevokeTokenResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "RevokeToken"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.RevokeTokenRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.RevokeTokenResponse.getDefaultInstance()))
              .setSchemaDescriptor(new TokenServiceMethodDescriptorSupplier("RevokeToken"))
              .build();
        }
      }
    }
    return getRevokeTokenMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.patwarden.v1.UpdateTokenRequest,
      dev.patwarden.v1.UpdateTokenResponse> getUpdateTokenMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "UpdateToken",
      requestType = dev.patwarden.v1.UpdateTokenRequest.class,
      responseType = dev.patwarden.v1.UpdateTokenResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.patwarden.v1.UpdateTokenRequest,
      dev.patwarden.v1.UpdateTokenResponse> getUpdateTokenMethod() {
    io.grpc.MethodDescriptor<dev.patwarden.v1.UpdateTokenRequest, dev.patwarden.v1.UpdateTokenResponse> getUpdateTokenMethod;
    if ((getUpdateTokenMethod = TokenServiceGrpc.getUpdateTokenMethod) == null) {
      synchronized (TokenServiceGrpc.class) {
        if ((getUpdateTokenMethod = TokenServiceGrpc.getUpdateTokenMethod) == null) {
          TokenServiceGrpc.getUpdateTokenMethod = getUpdateTokenMethod =
              io.grpc.MethodDescriptor.<dev.patwarden.v1.UpdateTokenRequest, dev.patwarden.v1.UpdateTokenResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "UpdateToken"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.UpdateTokenRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.UpdateTokenResponse.getDefaultInstance()))
              .setSchemaDescriptor(new TokenServiceMethodDescriptorSupplier("UpdateToken"))
              .build();
        }
      }
    }
    return getUpdateTokenMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.patwarden.v1.RotateTokenRequest,
      dev.patwarden.v1.RotateTokenResponse> getRotateTokenMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "RotateToken",
      requestType = dev.patwarden.v1.RotateTokenRequest.class,
      responseType = dev.patwarden.v1.RotateTokenResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.patwarden.v1.RotateTokenRequest,
      dev.patwarden.v1.RotateTokenResponse> getRotateTokenMethod() {
    io.grpc.MethodDescriptor<dev.patwarden.v1.RotateTokenRequest, dev.patwarden.v1.RotateTokenResponse> getRotateTokenMethod;
    if ((getRotateTokenMethod = TokenServiceGrpc.getRotateTokenMethod) == null) {
      synchronized (TokenServiceGrpc.class) {
        if ((getRotateTokenMethod = TokenServiceGrpc.getRotateTokenMethod) == null) {
          TokenServiceGrpc.getRotateTokenMethod = getRotateTokenMethod =
              io.grpc.MethodDescriptor.<dev.patwarden.v1.RotateTokenRequest, dev.patwarden.v1.RotateTokenResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "RotateToken"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.RotateTokenRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.RotateTokenResponse.getDefaultInstance()))
              .setSchemaDescriptor(new TokenServiceMethodDescriptorSupplier("RotateToken"))
              .build();
        }
      }
    }
    return getRotateTokenMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.patwarden.v1.RevokeSecretRequest,
      dev.patwarden.v1.RevokeSecretResponse> getRevokeSecretMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "RevokeSecret",
      requestType = dev.patwarden.v1.RevokeSecretRequest.class,
      responseType = dev.patwarden.v1.RevokeSecretResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.patwarden.v1.RevokeSecretRequest,
      dev.patwarden.v1.RevokeSecretResponse> getRevokeSecretMethod() {
    io.grpc.MethodDescriptor<dev.patwarden.v1.RevokeSecretRequest, dev.patwarden.v1.RevokeSecretResponse> getRevokeSecretMethod;
    if ((getRevokeSecretMethod = TokenServiceGrpc.getRevokeSecretMethod) == null) {
      synchronized (TokenServiceGrpc.class) {
        if ((getRevokeSecretMethod = TokenServiceGrpc.getRevokeSecretMethod) == null) {
          TokenServiceGrpc.getRevokeSecretMethod = getRevokeSecretMethod =
              io.grpc.MethodDescriptor.<dev.patwarden.v1.RevokeSecretRequest, dev.patwarden.v1.RevokeSecretResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "RevokeSecret"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.RevokeSecretRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.RevokeSecretResponse.getDefaultInstance()))
              .setSchemaDescriptor(new TokenServiceMethodDescriptorSupplier("RevokeSecret"))
              .build();
        }
      }
    }
    return getRevokeSecretMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.patwarden.v1.RevokeTokensRequest,
      dev.patwarden.v1.RevokeTokensResponse> getRevokeTokensMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "RevokeTokens",
      requestType = dev.patwarden.v1.RevokeTokensRequest.class,
      responseType = dev.patwarden.v1.RevokeTokensResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.patwarden.v1.RevokeTokensRequest,
      dev.patwarden.v1.RevokeTokensResponse> getRevokeTokensMethod() {
    io.grpc.MethodDescriptor<dev.patwarden.v1.RevokeTokensRequest, dev.patwarden.v1.RevokeTokensResponse> getRevokeTokensMethod;
    if ((getRevokeTokensMethod = TokenServiceGrpc.getRevokeTokensMethod) == null) {
      synchronized (TokenServiceGrpc.class) {
        if ((getRevokeTokensMethod = TokenServiceGrpc.getRevokeTokensMethod) == null) {
          TokenServiceGrpc.getRevokeTokensMethod = getRevokeTokensMethod =
              io.grpc.MethodDescriptor.<dev.patwarden.v1.RevokeTokensRequest, dev.patwarden.v1.RevokeTokensResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "RevokeTokens"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.RevokeTokensRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.RevokeTokensResponse.getDefaultInstance()))
              .setSchemaDescriptor(new TokenServiceMethodDescriptorSupplier("RevokeTokens"))
              .build();
        }
      }
    }
    return getRevokeTokensMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.patwarden.v1.SuspendTokenRequest,
      dev.patwarden.v1.SuspendTokenResponse> getSuspendTokenMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "SuspendToken",
      requestType = dev.patwarden.v1.SuspendTokenRequest.class,
      responseType = dev.patwarden.v1.SuspendTokenResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.patwarden.v1.SuspendTokenRequest,
      dev.patwarden.v1.SuspendTokenResponse> getSuspendTokenMethod() {
    io.grpc.MethodDescriptor<dev.patwarden.v1.SuspendTokenRequest, dev.patwarden.v1.SuspendTokenResponse> getSuspendTokenMethod;
    if ((getSuspendTokenMethod = TokenServiceGrpc.getSuspendTokenMethod) == null) {
      synchronized (TokenServiceGrpc.class) {
        if ((getSuspendTokenMethod = TokenServiceGrpc.getSuspendTokenMethod) == null) {
          TokenServiceGrpc.getSuspendTokenMethod = getSuspendTokenMethod =
              io.grpc.MethodDescriptor.<dev.patwarden.v1.SuspendTokenRequest, dev.patwarden.v1.SuspendTokenResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "SuspendToken"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.SuspendTokenRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.SuspendTokenResponse.getDefaultInstance()))
              .setSchemaDescriptor(new TokenServiceMethodDescriptorSupplier("SuspendToken"))
              .build();
        }
      }
    }
    return getSuspendTokenMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.patwarden.v1.ResumeTokenRequest,
      dev.patwarden.v1.ResumeTokenResponse> getResumeTokenMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ResumeToken",
      requestType = dev.patwarden.v1.ResumeTokenRequest.class,
      responseType = dev.patwarden.v1.ResumeTokenResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.patwarden.v1.ResumeTokenRequest,
      dev.patwarden.v1.ResumeTokenResponse> getResumeTokenMethod() {
    io.grpc.MethodDescriptor<dev.patwarden.v1.ResumeTokenRequest, dev.patwarden.v1.ResumeTokenResponse> getResumeTokenMethod;
    if ((getResumeTokenMethod = TokenServiceGrpc.getResumeTokenMethod) == null) {
      synchronized (TokenServiceGrpc.class) {
        if ((getResumeTokenMethod = TokenServiceGrpc.getResumeTokenMethod) == null) {
          TokenServiceGrpc.getResumeTokenMethod = getResumeTokenMethod =
              io.grpc.MethodDescriptor.<dev.patwarden.v1.ResumeTokenRequest, dev.patwarden.v1.ResumeTokenResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ResumeToken"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.ResumeTokenRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.ResumeTokenResponse.getDefaultInstance()))
              .setSchemaDescriptor(new TokenServiceMethodDescriptorSupplier("ResumeToken"))
              .build();
        }
      }
    }
    return getResumeTokenMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.patwarden.v1.ApproveTokenRequest,
      dev.patwarden.v1.ApproveTokenResponse> getApproveTokenMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ApproveToken",
      requestType = dev.patwarden.v1.ApproveTokenRequest.class,
      responseType = dev.patwarden.v1.ApproveTokenResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.patwarden.v1.ApproveTokenRequest,
      dev.patwarden.v1.ApproveTokenResponse> getApproveTokenMethod() {
    io.grpc.MethodDescriptor<dev.patwarden.v1.ApproveTokenRequest, dev.patwarden.v1.ApproveTokenResponse> getApproveTokenMethod;
    if ((getApproveTokenMethod = TokenServiceGrpc.getApproveTokenMethod) == null) {
      synchronized (TokenServiceGrpc.class) {
        if ((getApproveTokenMethod = TokenServiceGrpc.getApproveTokenMethod) == null) {
          TokenServiceGrpc.getApproveTokenMethod = getApproveTokenMethod =
              io.grpc.MethodDescriptor.<dev.patwarden.v1.ApproveTokenRequest, dev.patwarden.v1.ApproveTokenResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ApproveToken"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.ApproveTokenRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.ApproveTokenResponse.getDefaultInstance()))
              .setSchemaDescriptor(new TokenServiceMethodDescriptorSupplier("ApproveToken"))
              .build();
        }
      }
    }
    return getApproveTokenMethod;
  }

  private static volatile io.grpc.MethodDescriptor<dev.patwarden.v1.DenyTokenRequest,
      dev.patwarden.v1.DenyTokenResponse> getDenyTokenMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "DenyToken",
      requestType = dev.patwarden.v1.DenyTokenRequest.class,
      responseType = dev.patwarden.v1.DenyTokenResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<dev.patwarden.v1.DenyTokenRequest,
      dev.patwarden.v1.DenyTokenResponse> getDenyTokenMethod() {
    io.grpc.MethodDescriptor<dev.patwarden.v1.DenyTokenRequest, dev.patwarden.v1.DenyTokenResponse> getDenyTokenMethod;
    if ((getDenyTokenMethod = TokenServiceGrpc.getDenyTokenMethod) == null) {
      synchronized (TokenServiceGrpc.class) {
        if ((getDenyTokenMethod = TokenServiceGrpc.getDenyTokenMethod) == null) {
          TokenServiceGrpc.getDenyTokenMethod = getDenyTokenMethod =
              io.grpc.MethodDescriptor.<dev.patwarden.v1.DenyTokenRequest, dev.patwarden.v1.DenyTokenResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "DenyToken"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.DenyTokenRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  dev.patwarden.v1.DenyTokenResponse.getDefaultInstance()))
              .setSchemaDescriptor(new TokenServiceMethodDescriptorSupplier("DenyToken"))
              .build();
        }
      }
    }
    return getDenyTokenMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static TokenServiceStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<TokenServiceStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<TokenServiceStub>() {
        @java.lang.Override
        public TokenServiceStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new TokenServiceStub(channel, callOptions);
        }
      };
    return TokenServiceStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static TokenServiceBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<TokenServiceBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<TokenServiceBlockingV2Stub>() {
        @java.lang.Override
        public TokenServiceBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new TokenServiceBlockingV2Stub(channel, callOptions);
        }
      };
    return TokenServiceBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static TokenServiceBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<TokenServiceBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<TokenServiceBlockingStub>() {
        @java.lang.Override
        public TokenServiceBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new TokenServiceBlockingStub(channel, callOptions);
        }
      };
    return TokenServiceBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static TokenServiceFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<TokenServiceFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<TokenServiceFutureStub>() {
        @java.lang.Override
        public TokenServiceFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new TokenServiceFutureStub(channel, callOptions);
        }
      };
    return TokenServiceFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * TokenService creates, shows and ends tokens.
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * CreateToken makes a token and shows its secret, the only time it is ever shown.
     * Needs the caller permission `tokens.impersonate`, and `tokens.claims` to set claims. Errors: INVALID_ARGUMENT with field
     * violations; FAILED_PRECONDITION POLICY_VIOLATION when a ceiling of the caller is exceeded, and SUBJECT_TYPE_NOT_IN_MODEL when
     * nothing that is granted could ever be allowed.
     * </pre>
     */
    default void createToken(dev.patwarden.v1.CreateTokenRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.CreateTokenResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCreateTokenMethod(), responseObserver);
    }

    /**
     * <pre>
     * GetToken shows one token. Needs `tokens.read`. NOT_FOUND for an id that does not exist or that the caller may not know of.
     * </pre>
     */
    default void getToken(dev.patwarden.v1.GetTokenRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.GetTokenResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetTokenMethod(), responseObserver);
    }

    /**
     * <pre>
     * ListTokens lists tokens, newest first. Needs `tokens.read`.
     * </pre>
     */
    default void listTokens(dev.patwarden.v1.ListTokensRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.ListTokensResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListTokensMethod(), responseObserver);
    }

    /**
     * <pre>
     * RevokeToken ends a token for good; repeating it changes nothing. Needs `tokens.revoke`. It never asks OpenFGA.
     * Once it has returned, no Check that starts later allows, on any replica.
     * </pre>
     */
    default void revokeToken(dev.patwarden.v1.RevokeTokenRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.RevokeTokenResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getRevokeTokenMethod(), responseObserver);
    }

    /**
     * <pre>
     * UpdateToken changes what the mask names. Needs `tokens.impersonate`, and `tokens.claims` for claims. Widening (grant, networks, a
     * later end, an earlier begin) sends an approved token back to approval. ABORTED ETAG_MISMATCH for a stale etag.
     * </pre>
     */
    default void updateToken(dev.patwarden.v1.UpdateTokenRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.UpdateTokenResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getUpdateTokenMethod(), responseObserver);
    }

    /**
     * <pre>
     * RotateToken gives a token a new secret; the token stays the same. The old secret goes on until its grace ends, never past its old
     * end. Of rotations that run at once one wins, and the others are FAILED_PRECONDITION STATE_CONFLICT, as is a token that rotates itself
     * with a secret that has been replaced; ABORTED ETAG_MISMATCH for a stale etag. Needs `tokens.impersonate`.
     * </pre>
     */
    default void rotateToken(dev.patwarden.v1.RotateTokenRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.RotateTokenResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getRotateTokenMethod(), responseObserver);
    }

    /**
     * <pre>
     * RevokeSecret ends the grace of a superseded secret now; repeating it changes nothing. Needs `tokens.revoke`.
     * </pre>
     */
    default void revokeSecret(dev.patwarden.v1.RevokeSecretRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.RevokeSecretResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getRevokeSecretMethod(), responseObserver);
    }

    /**
     * <pre>
     * RevokeTokens revokes all tokens of a subject, of an organization, or everything; none or all. Needs `tokens.revoke`.
     * </pre>
     */
    default void revokeTokens(dev.patwarden.v1.RevokeTokensRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.RevokeTokensResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getRevokeTokensMethod(), responseObserver);
    }

    /**
     * <pre>
     * SuspendToken stops a token until it is resumed; repeating it changes nothing. Needs `tokens.revoke`.
     * </pre>
     */
    default void suspendToken(dev.patwarden.v1.SuspendTokenRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.SuspendTokenResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getSuspendTokenMethod(), responseObserver);
    }

    /**
     * <pre>
     * ResumeToken lets a suspended token work again. Needs `tokens.impersonate`; nobody resumes what somebody of a higher rank suspended.
     * </pre>
     */
    default void resumeToken(dev.patwarden.v1.ResumeTokenRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.ResumeTokenResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getResumeTokenMethod(), responseObserver);
    }

    /**
     * <pre>
     * ApproveToken lets a pending token work. Needs `tokens.approve`; maker, subject and approver must be three.
     * </pre>
     */
    default void approveToken(dev.patwarden.v1.ApproveTokenRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.ApproveTokenResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getApproveTokenMethod(), responseObserver);
    }

    /**
     * <pre>
     * DenyToken ends a pending token for good. Needs `tokens.approve`.
     * </pre>
     */
    default void denyToken(dev.patwarden.v1.DenyTokenRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.DenyTokenResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getDenyTokenMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service TokenService.
   * <pre>
   * TokenService creates, shows and ends tokens.
   * </pre>
   */
  public static abstract class TokenServiceImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return TokenServiceGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service TokenService.
   * <pre>
   * TokenService creates, shows and ends tokens.
   * </pre>
   */
  public static final class TokenServiceStub
      extends io.grpc.stub.AbstractAsyncStub<TokenServiceStub> {
    private TokenServiceStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected TokenServiceStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new TokenServiceStub(channel, callOptions);
    }

    /**
     * <pre>
     * CreateToken makes a token and shows its secret, the only time it is ever shown.
     * Needs the caller permission `tokens.impersonate`, and `tokens.claims` to set claims. Errors: INVALID_ARGUMENT with field
     * violations; FAILED_PRECONDITION POLICY_VIOLATION when a ceiling of the caller is exceeded, and SUBJECT_TYPE_NOT_IN_MODEL when
     * nothing that is granted could ever be allowed.
     * </pre>
     */
    public void createToken(dev.patwarden.v1.CreateTokenRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.CreateTokenResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCreateTokenMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * GetToken shows one token. Needs `tokens.read`. NOT_FOUND for an id that does not exist or that the caller may not know of.
     * </pre>
     */
    public void getToken(dev.patwarden.v1.GetTokenRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.GetTokenResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetTokenMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * ListTokens lists tokens, newest first. Needs `tokens.read`.
     * </pre>
     */
    public void listTokens(dev.patwarden.v1.ListTokensRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.ListTokensResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListTokensMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * RevokeToken ends a token for good; repeating it changes nothing. Needs `tokens.revoke`. It never asks OpenFGA.
     * Once it has returned, no Check that starts later allows, on any replica.
     * </pre>
     */
    public void revokeToken(dev.patwarden.v1.RevokeTokenRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.RevokeTokenResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getRevokeTokenMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * UpdateToken changes what the mask names. Needs `tokens.impersonate`, and `tokens.claims` for claims. Widening (grant, networks, a
     * later end, an earlier begin) sends an approved token back to approval. ABORTED ETAG_MISMATCH for a stale etag.
     * </pre>
     */
    public void updateToken(dev.patwarden.v1.UpdateTokenRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.UpdateTokenResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getUpdateTokenMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * RotateToken gives a token a new secret; the token stays the same. The old secret goes on until its grace ends, never past its old
     * end. Of rotations that run at once one wins, and the others are FAILED_PRECONDITION STATE_CONFLICT, as is a token that rotates itself
     * with a secret that has been replaced; ABORTED ETAG_MISMATCH for a stale etag. Needs `tokens.impersonate`.
     * </pre>
     */
    public void rotateToken(dev.patwarden.v1.RotateTokenRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.RotateTokenResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getRotateTokenMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * RevokeSecret ends the grace of a superseded secret now; repeating it changes nothing. Needs `tokens.revoke`.
     * </pre>
     */
    public void revokeSecret(dev.patwarden.v1.RevokeSecretRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.RevokeSecretResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getRevokeSecretMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * RevokeTokens revokes all tokens of a subject, of an organization, or everything; none or all. Needs `tokens.revoke`.
     * </pre>
     */
    public void revokeTokens(dev.patwarden.v1.RevokeTokensRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.RevokeTokensResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getRevokeTokensMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * SuspendToken stops a token until it is resumed; repeating it changes nothing. Needs `tokens.revoke`.
     * </pre>
     */
    public void suspendToken(dev.patwarden.v1.SuspendTokenRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.SuspendTokenResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getSuspendTokenMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * ResumeToken lets a suspended token work again. Needs `tokens.impersonate`; nobody resumes what somebody of a higher rank suspended.
     * </pre>
     */
    public void resumeToken(dev.patwarden.v1.ResumeTokenRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.ResumeTokenResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getResumeTokenMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * ApproveToken lets a pending token work. Needs `tokens.approve`; maker, subject and approver must be three.
     * </pre>
     */
    public void approveToken(dev.patwarden.v1.ApproveTokenRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.ApproveTokenResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getApproveTokenMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * DenyToken ends a pending token for good. Needs `tokens.approve`.
     * </pre>
     */
    public void denyToken(dev.patwarden.v1.DenyTokenRequest request,
        io.grpc.stub.StreamObserver<dev.patwarden.v1.DenyTokenResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getDenyTokenMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service TokenService.
   * <pre>
   * TokenService creates, shows and ends tokens.
   * </pre>
   */
  public static final class TokenServiceBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<TokenServiceBlockingV2Stub> {
    private TokenServiceBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected TokenServiceBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new TokenServiceBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * CreateToken makes a token and shows its secret, the only time it is ever shown.
     * Needs the caller permission `tokens.impersonate`, and `tokens.claims` to set claims. Errors: INVALID_ARGUMENT with field
     * violations; FAILED_PRECONDITION POLICY_VIOLATION when a ceiling of the caller is exceeded, and SUBJECT_TYPE_NOT_IN_MODEL when
     * nothing that is granted could ever be allowed.
     * </pre>
     */
    public dev.patwarden.v1.CreateTokenResponse createToken(dev.patwarden.v1.CreateTokenRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCreateTokenMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * GetToken shows one token. Needs `tokens.read`. NOT_FOUND for an id that does not exist or that the caller may not know of.
     * </pre>
     */
    public dev.patwarden.v1.GetTokenResponse getToken(dev.patwarden.v1.GetTokenRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetTokenMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * ListTokens lists tokens, newest first. Needs `tokens.read`.
     * </pre>
     */
    public dev.patwarden.v1.ListTokensResponse listTokens(dev.patwarden.v1.ListTokensRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListTokensMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * RevokeToken ends a token for good; repeating it changes nothing. Needs `tokens.revoke`. It never asks OpenFGA.
     * Once it has returned, no Check that starts later allows, on any replica.
     * </pre>
     */
    public dev.patwarden.v1.RevokeTokenResponse revokeToken(dev.patwarden.v1.RevokeTokenRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getRevokeTokenMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * UpdateToken changes what the mask names. Needs `tokens.impersonate`, and `tokens.claims` for claims. Widening (grant, networks, a
     * later end, an earlier begin) sends an approved token back to approval. ABORTED ETAG_MISMATCH for a stale etag.
     * </pre>
     */
    public dev.patwarden.v1.UpdateTokenResponse updateToken(dev.patwarden.v1.UpdateTokenRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getUpdateTokenMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * RotateToken gives a token a new secret; the token stays the same. The old secret goes on until its grace ends, never past its old
     * end. Of rotations that run at once one wins, and the others are FAILED_PRECONDITION STATE_CONFLICT, as is a token that rotates itself
     * with a secret that has been replaced; ABORTED ETAG_MISMATCH for a stale etag. Needs `tokens.impersonate`.
     * </pre>
     */
    public dev.patwarden.v1.RotateTokenResponse rotateToken(dev.patwarden.v1.RotateTokenRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getRotateTokenMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * RevokeSecret ends the grace of a superseded secret now; repeating it changes nothing. Needs `tokens.revoke`.
     * </pre>
     */
    public dev.patwarden.v1.RevokeSecretResponse revokeSecret(dev.patwarden.v1.RevokeSecretRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getRevokeSecretMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * RevokeTokens revokes all tokens of a subject, of an organization, or everything; none or all. Needs `tokens.revoke`.
     * </pre>
     */
    public dev.patwarden.v1.RevokeTokensResponse revokeTokens(dev.patwarden.v1.RevokeTokensRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getRevokeTokensMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * SuspendToken stops a token until it is resumed; repeating it changes nothing. Needs `tokens.revoke`.
     * </pre>
     */
    public dev.patwarden.v1.SuspendTokenResponse suspendToken(dev.patwarden.v1.SuspendTokenRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getSuspendTokenMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * ResumeToken lets a suspended token work again. Needs `tokens.impersonate`; nobody resumes what somebody of a higher rank suspended.
     * </pre>
     */
    public dev.patwarden.v1.ResumeTokenResponse resumeToken(dev.patwarden.v1.ResumeTokenRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getResumeTokenMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * ApproveToken lets a pending token work. Needs `tokens.approve`; maker, subject and approver must be three.
     * </pre>
     */
    public dev.patwarden.v1.ApproveTokenResponse approveToken(dev.patwarden.v1.ApproveTokenRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getApproveTokenMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * DenyToken ends a pending token for good. Needs `tokens.approve`.
     * </pre>
     */
    public dev.patwarden.v1.DenyTokenResponse denyToken(dev.patwarden.v1.DenyTokenRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getDenyTokenMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service TokenService.
   * <pre>
   * TokenService creates, shows and ends tokens.
   * </pre>
   */
  public static final class TokenServiceBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<TokenServiceBlockingStub> {
    private TokenServiceBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected TokenServiceBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new TokenServiceBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * CreateToken makes a token and shows its secret, the only time it is ever shown.
     * Needs the caller permission `tokens.impersonate`, and `tokens.claims` to set claims. Errors: INVALID_ARGUMENT with field
     * violations; FAILED_PRECONDITION POLICY_VIOLATION when a ceiling of the caller is exceeded, and SUBJECT_TYPE_NOT_IN_MODEL when
     * nothing that is granted could ever be allowed.
     * </pre>
     */
    public dev.patwarden.v1.CreateTokenResponse createToken(dev.patwarden.v1.CreateTokenRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCreateTokenMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * GetToken shows one token. Needs `tokens.read`. NOT_FOUND for an id that does not exist or that the caller may not know of.
     * </pre>
     */
    public dev.patwarden.v1.GetTokenResponse getToken(dev.patwarden.v1.GetTokenRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetTokenMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * ListTokens lists tokens, newest first. Needs `tokens.read`.
     * </pre>
     */
    public dev.patwarden.v1.ListTokensResponse listTokens(dev.patwarden.v1.ListTokensRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListTokensMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * RevokeToken ends a token for good; repeating it changes nothing. Needs `tokens.revoke`. It never asks OpenFGA.
     * Once it has returned, no Check that starts later allows, on any replica.
     * </pre>
     */
    public dev.patwarden.v1.RevokeTokenResponse revokeToken(dev.patwarden.v1.RevokeTokenRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getRevokeTokenMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * UpdateToken changes what the mask names. Needs `tokens.impersonate`, and `tokens.claims` for claims. Widening (grant, networks, a
     * later end, an earlier begin) sends an approved token back to approval. ABORTED ETAG_MISMATCH for a stale etag.
     * </pre>
     */
    public dev.patwarden.v1.UpdateTokenResponse updateToken(dev.patwarden.v1.UpdateTokenRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getUpdateTokenMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * RotateToken gives a token a new secret; the token stays the same. The old secret goes on until its grace ends, never past its old
     * end. Of rotations that run at once one wins, and the others are FAILED_PRECONDITION STATE_CONFLICT, as is a token that rotates itself
     * with a secret that has been replaced; ABORTED ETAG_MISMATCH for a stale etag. Needs `tokens.impersonate`.
     * </pre>
     */
    public dev.patwarden.v1.RotateTokenResponse rotateToken(dev.patwarden.v1.RotateTokenRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getRotateTokenMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * RevokeSecret ends the grace of a superseded secret now; repeating it changes nothing. Needs `tokens.revoke`.
     * </pre>
     */
    public dev.patwarden.v1.RevokeSecretResponse revokeSecret(dev.patwarden.v1.RevokeSecretRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getRevokeSecretMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * RevokeTokens revokes all tokens of a subject, of an organization, or everything; none or all. Needs `tokens.revoke`.
     * </pre>
     */
    public dev.patwarden.v1.RevokeTokensResponse revokeTokens(dev.patwarden.v1.RevokeTokensRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getRevokeTokensMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * SuspendToken stops a token until it is resumed; repeating it changes nothing. Needs `tokens.revoke`.
     * </pre>
     */
    public dev.patwarden.v1.SuspendTokenResponse suspendToken(dev.patwarden.v1.SuspendTokenRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getSuspendTokenMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * ResumeToken lets a suspended token work again. Needs `tokens.impersonate`; nobody resumes what somebody of a higher rank suspended.
     * </pre>
     */
    public dev.patwarden.v1.ResumeTokenResponse resumeToken(dev.patwarden.v1.ResumeTokenRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getResumeTokenMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * ApproveToken lets a pending token work. Needs `tokens.approve`; maker, subject and approver must be three.
     * </pre>
     */
    public dev.patwarden.v1.ApproveTokenResponse approveToken(dev.patwarden.v1.ApproveTokenRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getApproveTokenMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * DenyToken ends a pending token for good. Needs `tokens.approve`.
     * </pre>
     */
    public dev.patwarden.v1.DenyTokenResponse denyToken(dev.patwarden.v1.DenyTokenRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getDenyTokenMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service TokenService.
   * <pre>
   * TokenService creates, shows and ends tokens.
   * </pre>
   */
  public static final class TokenServiceFutureStub
      extends io.grpc.stub.AbstractFutureStub<TokenServiceFutureStub> {
    private TokenServiceFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected TokenServiceFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new TokenServiceFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * CreateToken makes a token and shows its secret, the only time it is ever shown.
     * Needs the caller permission `tokens.impersonate`, and `tokens.claims` to set claims. Errors: INVALID_ARGUMENT with field
     * violations; FAILED_PRECONDITION POLICY_VIOLATION when a ceiling of the caller is exceeded, and SUBJECT_TYPE_NOT_IN_MODEL when
     * nothing that is granted could ever be allowed.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.patwarden.v1.CreateTokenResponse> createToken(
        dev.patwarden.v1.CreateTokenRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCreateTokenMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * GetToken shows one token. Needs `tokens.read`. NOT_FOUND for an id that does not exist or that the caller may not know of.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.patwarden.v1.GetTokenResponse> getToken(
        dev.patwarden.v1.GetTokenRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetTokenMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * ListTokens lists tokens, newest first. Needs `tokens.read`.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.patwarden.v1.ListTokensResponse> listTokens(
        dev.patwarden.v1.ListTokensRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListTokensMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * RevokeToken ends a token for good; repeating it changes nothing. Needs `tokens.revoke`. It never asks OpenFGA.
     * Once it has returned, no Check that starts later allows, on any replica.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.patwarden.v1.RevokeTokenResponse> revokeToken(
        dev.patwarden.v1.RevokeTokenRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getRevokeTokenMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * UpdateToken changes what the mask names. Needs `tokens.impersonate`, and `tokens.claims` for claims. Widening (grant, networks, a
     * later end, an earlier begin) sends an approved token back to approval. ABORTED ETAG_MISMATCH for a stale etag.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.patwarden.v1.UpdateTokenResponse> updateToken(
        dev.patwarden.v1.UpdateTokenRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getUpdateTokenMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * RotateToken gives a token a new secret; the token stays the same. The old secret goes on until its grace ends, never past its old
     * end. Of rotations that run at once one wins, and the others are FAILED_PRECONDITION STATE_CONFLICT, as is a token that rotates itself
     * with a secret that has been replaced; ABORTED ETAG_MISMATCH for a stale etag. Needs `tokens.impersonate`.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.patwarden.v1.RotateTokenResponse> rotateToken(
        dev.patwarden.v1.RotateTokenRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getRotateTokenMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * RevokeSecret ends the grace of a superseded secret now; repeating it changes nothing. Needs `tokens.revoke`.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.patwarden.v1.RevokeSecretResponse> revokeSecret(
        dev.patwarden.v1.RevokeSecretRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getRevokeSecretMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * RevokeTokens revokes all tokens of a subject, of an organization, or everything; none or all. Needs `tokens.revoke`.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.patwarden.v1.RevokeTokensResponse> revokeTokens(
        dev.patwarden.v1.RevokeTokensRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getRevokeTokensMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * SuspendToken stops a token until it is resumed; repeating it changes nothing. Needs `tokens.revoke`.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.patwarden.v1.SuspendTokenResponse> suspendToken(
        dev.patwarden.v1.SuspendTokenRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getSuspendTokenMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * ResumeToken lets a suspended token work again. Needs `tokens.impersonate`; nobody resumes what somebody of a higher rank suspended.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.patwarden.v1.ResumeTokenResponse> resumeToken(
        dev.patwarden.v1.ResumeTokenRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getResumeTokenMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * ApproveToken lets a pending token work. Needs `tokens.approve`; maker, subject and approver must be three.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.patwarden.v1.ApproveTokenResponse> approveToken(
        dev.patwarden.v1.ApproveTokenRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getApproveTokenMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * DenyToken ends a pending token for good. Needs `tokens.approve`.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<dev.patwarden.v1.DenyTokenResponse> denyToken(
        dev.patwarden.v1.DenyTokenRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getDenyTokenMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_CREATE_TOKEN = 0;
  private static final int METHODID_GET_TOKEN = 1;
  private static final int METHODID_LIST_TOKENS = 2;
  private static final int METHODID_REVOKE_TOKEN = 3;
  private static final int METHODID_UPDATE_TOKEN = 4;
  private static final int METHODID_ROTATE_TOKEN = 5;
  private static final int METHODID_REVOKE_SECRET = 6;
  private static final int METHODID_REVOKE_TOKENS = 7;
  private static final int METHODID_SUSPEND_TOKEN = 8;
  private static final int METHODID_RESUME_TOKEN = 9;
  private static final int METHODID_APPROVE_TOKEN = 10;
  private static final int METHODID_DENY_TOKEN = 11;

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
        case METHODID_CREATE_TOKEN:
          serviceImpl.createToken((dev.patwarden.v1.CreateTokenRequest) request,
              (io.grpc.stub.StreamObserver<dev.patwarden.v1.CreateTokenResponse>) responseObserver);
          break;
        case METHODID_GET_TOKEN:
          serviceImpl.getToken((dev.patwarden.v1.GetTokenRequest) request,
              (io.grpc.stub.StreamObserver<dev.patwarden.v1.GetTokenResponse>) responseObserver);
          break;
        case METHODID_LIST_TOKENS:
          serviceImpl.listTokens((dev.patwarden.v1.ListTokensRequest) request,
              (io.grpc.stub.StreamObserver<dev.patwarden.v1.ListTokensResponse>) responseObserver);
          break;
        case METHODID_REVOKE_TOKEN:
          serviceImpl.revokeToken((dev.patwarden.v1.RevokeTokenRequest) request,
              (io.grpc.stub.StreamObserver<dev.patwarden.v1.RevokeTokenResponse>) responseObserver);
          break;
        case METHODID_UPDATE_TOKEN:
          serviceImpl.updateToken((dev.patwarden.v1.UpdateTokenRequest) request,
              (io.grpc.stub.StreamObserver<dev.patwarden.v1.UpdateTokenResponse>) responseObserver);
          break;
        case METHODID_ROTATE_TOKEN:
          serviceImpl.rotateToken((dev.patwarden.v1.RotateTokenRequest) request,
              (io.grpc.stub.StreamObserver<dev.patwarden.v1.RotateTokenResponse>) responseObserver);
          break;
        case METHODID_REVOKE_SECRET:
          serviceImpl.revokeSecret((dev.patwarden.v1.RevokeSecretRequest) request,
              (io.grpc.stub.StreamObserver<dev.patwarden.v1.RevokeSecretResponse>) responseObserver);
          break;
        case METHODID_REVOKE_TOKENS:
          serviceImpl.revokeTokens((dev.patwarden.v1.RevokeTokensRequest) request,
              (io.grpc.stub.StreamObserver<dev.patwarden.v1.RevokeTokensResponse>) responseObserver);
          break;
        case METHODID_SUSPEND_TOKEN:
          serviceImpl.suspendToken((dev.patwarden.v1.SuspendTokenRequest) request,
              (io.grpc.stub.StreamObserver<dev.patwarden.v1.SuspendTokenResponse>) responseObserver);
          break;
        case METHODID_RESUME_TOKEN:
          serviceImpl.resumeToken((dev.patwarden.v1.ResumeTokenRequest) request,
              (io.grpc.stub.StreamObserver<dev.patwarden.v1.ResumeTokenResponse>) responseObserver);
          break;
        case METHODID_APPROVE_TOKEN:
          serviceImpl.approveToken((dev.patwarden.v1.ApproveTokenRequest) request,
              (io.grpc.stub.StreamObserver<dev.patwarden.v1.ApproveTokenResponse>) responseObserver);
          break;
        case METHODID_DENY_TOKEN:
          serviceImpl.denyToken((dev.patwarden.v1.DenyTokenRequest) request,
              (io.grpc.stub.StreamObserver<dev.patwarden.v1.DenyTokenResponse>) responseObserver);
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
          getCreateTokenMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.patwarden.v1.CreateTokenRequest,
              dev.patwarden.v1.CreateTokenResponse>(
                service, METHODID_CREATE_TOKEN)))
        .addMethod(
          getGetTokenMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.patwarden.v1.GetTokenRequest,
              dev.patwarden.v1.GetTokenResponse>(
                service, METHODID_GET_TOKEN)))
        .addMethod(
          getListTokensMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.patwarden.v1.ListTokensRequest,
              dev.patwarden.v1.ListTokensResponse>(
                service, METHODID_LIST_TOKENS)))
        .addMethod(
          getRevokeTokenMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.patwarden.v1.RevokeTokenRequest,
              dev.patwarden.v1.RevokeTokenResponse>(
                service, METHODID_REVOKE_TOKEN)))
        .addMethod(
          getUpdateTokenMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.patwarden.v1.UpdateTokenRequest,
              dev.patwarden.v1.UpdateTokenResponse>(
                service, METHODID_UPDATE_TOKEN)))
        .addMethod(
          getRotateTokenMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.patwarden.v1.RotateTokenRequest,
              dev.patwarden.v1.RotateTokenResponse>(
                service, METHODID_ROTATE_TOKEN)))
        .addMethod(
          getRevokeSecretMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.patwarden.v1.RevokeSecretRequest,
              dev.patwarden.v1.RevokeSecretResponse>(
                service, METHODID_REVOKE_SECRET)))
        .addMethod(
          getRevokeTokensMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.patwarden.v1.RevokeTokensRequest,
              dev.patwarden.v1.RevokeTokensResponse>(
                service, METHODID_REVOKE_TOKENS)))
        .addMethod(
          getSuspendTokenMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.patwarden.v1.SuspendTokenRequest,
              dev.patwarden.v1.SuspendTokenResponse>(
                service, METHODID_SUSPEND_TOKEN)))
        .addMethod(
          getResumeTokenMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.patwarden.v1.ResumeTokenRequest,
              dev.patwarden.v1.ResumeTokenResponse>(
                service, METHODID_RESUME_TOKEN)))
        .addMethod(
          getApproveTokenMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.patwarden.v1.ApproveTokenRequest,
              dev.patwarden.v1.ApproveTokenResponse>(
                service, METHODID_APPROVE_TOKEN)))
        .addMethod(
          getDenyTokenMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              dev.patwarden.v1.DenyTokenRequest,
              dev.patwarden.v1.DenyTokenResponse>(
                service, METHODID_DENY_TOKEN)))
        .build();
  }

  private static abstract class TokenServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    TokenServiceBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return dev.patwarden.v1.TokenProto.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("TokenService");
    }
  }

  private static final class TokenServiceFileDescriptorSupplier
      extends TokenServiceBaseDescriptorSupplier {
    TokenServiceFileDescriptorSupplier() {}
  }

  private static final class TokenServiceMethodDescriptorSupplier
      extends TokenServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    TokenServiceMethodDescriptorSupplier(java.lang.String methodName) {
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
      synchronized (TokenServiceGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new TokenServiceFileDescriptorSupplier())
              .addMethod(getCreateTokenMethod())
              .addMethod(getGetTokenMethod())
              .addMethod(getListTokensMethod())
              .addMethod(getRevokeTokenMethod())
              .addMethod(getUpdateTokenMethod())
              .addMethod(getRotateTokenMethod())
              .addMethod(getRevokeSecretMethod())
              .addMethod(getRevokeTokensMethod())
              .addMethod(getSuspendTokenMethod())
              .addMethod(getResumeTokenMethod())
              .addMethod(getApproveTokenMethod())
              .addMethod(getDenyTokenMethod())
              .build();
        }
      }
    }
    return result;
  }
}
