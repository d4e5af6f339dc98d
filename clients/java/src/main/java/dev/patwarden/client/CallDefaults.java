package dev.patwarden.client;

import static java.util.concurrent.TimeUnit.NANOSECONDS;

import dev.patwarden.v1.AuthorizationServiceGrpc;
import dev.patwarden.v1.CreateTokenRequest;
import dev.patwarden.v1.RotateTokenRequest;
import io.grpc.CallCredentials;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.ForwardingClientCallListener.SimpleForwardingClientCallListener;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import java.util.Set;
import java.util.UUID;

/**
 * Completes every call, also those of stubs: adds the credential, a deadline and a request id that
 * makes it safe to retry, and puts the server's request id into errors.
 */
final class CallDefaults implements ClientInterceptor {
  private static final Set<MethodDescriptor<?, ?>> DECISIONS =
      Set.of(
          AuthorizationServiceGrpc.getCheckMethod(),
          AuthorizationServiceGrpc.getBatchCheckMethod(),
          AuthorizationServiceGrpc.getIntrospectMethod());

  private final CallCredentials credentials;
  private final Duration decisionDeadline;
  private final Duration deadline;

  CallDefaults(CallCredentials credentials, Duration decisionDeadline, Duration deadline) {
    this.credentials = credentials;
    this.decisionDeadline = decisionDeadline;
    this.deadline = deadline;
  }

  @Override
  public <Q, R> ClientCall<Q, R> interceptCall(
      MethodDescriptor<Q, R> method, CallOptions options, Channel next) {
    return new SimpleForwardingClientCall<>(next.newCall(method, complete(method, options))) {
      @Override
      public void start(Listener<R> listener, Metadata headers) {
        super.start(new ErrorListener<>(listener), headers);
      }

      @Override
      @SuppressWarnings("unchecked") // identified() keeps the type
      public void sendMessage(Q request) {
        super.sendMessage((Q) identified(request));
      }
    };
  }

  private CallOptions complete(MethodDescriptor<?, ?> method, CallOptions options) {
    if (options.getCredentials() == null) {
      options = options.withCallCredentials(credentials);
    }
    if (options.getDeadline() == null && method.getType() == MethodDescriptor.MethodType.UNARY) {
      Duration usual = DECISIONS.contains(method) ? decisionDeadline : deadline;
      options = options.withDeadlineAfter(usual.toNanos(), NANOSECONDS);
    }
    return options;
  }

  private static Object identified(Object request) {
    if (request instanceof CreateTokenRequest create && create.getRequestId().isEmpty()) {
      return create.toBuilder().setRequestId(UUID.randomUUID().toString()).build();
    }
    if (request instanceof RotateTokenRequest rotate && rotate.getRequestId().isEmpty()) {
      return rotate.toBuilder().setRequestId(UUID.randomUUID().toString()).build();
    }
    return request;
  }

  /** Completes errors. */
  private static final class ErrorListener<R> extends SimpleForwardingClientCallListener<R> {
    private String requestId;

    ErrorListener(ClientCall.Listener<R> listener) {
      super(listener);
    }

    @Override
    public void onHeaders(Metadata headers) {
      requestId = headers.get(PatwardenException.REQUEST_ID);
      super.onHeaders(headers);
    }

    @Override
    public void onClose(Status status, Metadata trailers) {
      // An error has the trailers of its call; the server may have sent the id before them.
      if (requestId != null && !trailers.containsKey(PatwardenException.REQUEST_ID)) {
        trailers.put(PatwardenException.REQUEST_ID, requestId);
      }
      super.onClose(lostConnection(status) ? unavailable(status) : status, trailers);
    }

    /** The transport reports UNKNOWN when it writes to a connection that has just broken. */
    private static boolean lostConnection(Status status) {
      return status.getCode() == Status.Code.UNKNOWN
          && status.getCause() instanceof ClosedChannelException;
    }

    private static Status unavailable(Status status) {
      return Status.UNAVAILABLE
          .withDescription(status.getDescription())
          .withCause(status.getCause());
    }
  }
}
