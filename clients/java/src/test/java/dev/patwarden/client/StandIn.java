package dev.patwarden.client;

import com.google.protobuf.Message;
import dev.patwarden.v1.AuthorizationServiceGrpc;
import dev.patwarden.v1.BatchCheckItem;
import dev.patwarden.v1.BatchCheckRequest;
import dev.patwarden.v1.BatchCheckResponse;
import dev.patwarden.v1.BatchCheckResult;
import dev.patwarden.v1.CheckRequest;
import dev.patwarden.v1.CheckResponse;
import dev.patwarden.v1.Reason;
import dev.patwarden.v1.TokenServiceGrpc;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Deadline;
import io.grpc.Grpc;
import io.grpc.InsecureServerCredentials;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerInterceptors;
import io.grpc.ServerServiceDefinition;
import io.grpc.ServiceDescriptor;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ServerCalls;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;

/**
 * A server that answers as a test wants, records its calls, and can make them wait. By default
 * every check is allowed, with the resource as its subject.
 */
final class StandIn implements AutoCloseable {
  /** A call: {@code deadline} is null when the caller set none. */
  record Arrival(Message request, Metadata headers, Deadline deadline) {}

  /** Well formed. */
  static final String TOKEN = "pw_pat_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2SRGIA";

  final List<Arrival> arrivals = new CopyOnWriteArrayList<>();
  final AtomicInteger cancelled = new AtomicInteger();
  volatile Function<Message, Message> answer = StandIn::allow;

  private static final Context.Key<Metadata> HEADERS = Context.key("headers");
  private final ExecutorService executor = Executors.newCachedThreadPool();
  private final Server server;
  private volatile CountDownLatch gate = new CountDownLatch(0);

  StandIn() throws IOException {
    server =
        Grpc.newServerBuilderForPort(0, InsecureServerCredentials.create())
            .addService(service(AuthorizationServiceGrpc.getServiceDescriptor()))
            .addService(service(TokenServiceGrpc.getServiceDescriptor()))
            .executor(executor)
            .build()
            .start();
  }

  String endpoint() {
    return "127.0.0.1:" + ((InetSocketAddress) server.getListenSockets().get(0)).getPort();
  }

  PatwardenClient.Builder client() {
    return PatwardenClient.builder(endpoint())
        .plaintext()
        .serviceKey("key")
        .decisionDeadline(Harness.PATIENCE)
        .deadline(Harness.PATIENCE);
  }

  /** From now on calls arrive and are not answered. */
  void hold() {
    gate = new CountDownLatch(1);
  }

  void release() {
    gate.countDown();
  }

  void awaitArrivals(int count) throws Exception {
    Harness.until(count + " calls", () -> arrivals.size() >= count);
  }

  List<Message> requests() {
    return arrivals.stream().map(Arrival::request).toList();
  }

  static Message allow(Message request) {
    if (request instanceof BatchCheckRequest batch) {
      return batch(
          batch, item -> BatchCheckResult.newBuilder().setDecision(decision(item.getResource())));
    }
    return decision(((CheckRequest) request).getResource()).build();
  }

  static BatchCheckResponse batch(
      BatchCheckRequest request, Function<BatchCheckItem, BatchCheckResult.Builder> result) {
    BatchCheckResponse.Builder response = BatchCheckResponse.newBuilder();
    request.getItemsList().forEach(item -> response.addResults(result.apply(item)));
    return response.build();
  }

  private static CheckResponse.Builder decision(String resource) {
    return CheckResponse.newBuilder()
        .setAllowed(true)
        .setTokenValid(true)
        .setReason(Reason.REASON_ALLOWED)
        .setSubject(resource);
  }

  @Override
  public void close() {
    release();
    server.shutdownNow();
    executor.shutdownNow();
  }

  private ServerServiceDefinition service(ServiceDescriptor descriptor) {
    ServerServiceDefinition.Builder service = ServerServiceDefinition.builder(descriptor);
    for (MethodDescriptor<?, ?> any : descriptor.getMethods()) {
      @SuppressWarnings("unchecked") // all are of messages
      MethodDescriptor<Message, Message> method = (MethodDescriptor<Message, Message>) any;
      service.addMethod(
          method,
          method.getType() == MethodDescriptor.MethodType.UNARY
              ? ServerCalls.asyncUnaryCall(this::handle)
              : ServerCalls.asyncServerStreamingCall(this::handle));
    }
    return ServerInterceptors.intercept(service.build(), new HeadersInterceptor());
  }

  private void handle(Message request, StreamObserver<Message> response) {
    Context context = Context.current();
    context.addListener(it -> cancelled.incrementAndGet(), Runnable::run);
    arrivals.add(new Arrival(request, HEADERS.get(), context.getDeadline()));
    try {
      gate.await();
      Message message = answer.apply(request);
      response.onNext(message);
      response.onCompleted();
    } catch (StatusRuntimeException error) {
      response.onError(error);
    } catch (InterruptedException closing) {
      Thread.currentThread().interrupt();
    }
  }

  private static final class HeadersInterceptor implements ServerInterceptor {
    @Override
    public <Q, R> ServerCall.Listener<Q> interceptCall(
        ServerCall<Q, R> call, Metadata headers, ServerCallHandler<Q, R> next) {
      Context context = Context.current().withValue(HEADERS, headers);
      return Contexts.interceptCall(context, call, headers, next);
    }
  }
}
