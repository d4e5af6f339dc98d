package dev.patwarden.client;

import static java.util.concurrent.TimeUnit.NANOSECONDS;

import dev.patwarden.v1.AuditEvent;
import dev.patwarden.v1.AuditServiceGrpc;
import dev.patwarden.v1.AuthorizationServiceGrpc;
import dev.patwarden.v1.BatchCheckRequest;
import dev.patwarden.v1.IntrospectRequest;
import dev.patwarden.v1.IntrospectResponse;
import dev.patwarden.v1.ListAuditEventsRequest;
import dev.patwarden.v1.ListAuditEventsResponse;
import dev.patwarden.v1.ListResourcesRequest;
import dev.patwarden.v1.ListTokensRequest;
import dev.patwarden.v1.ListTokensResponse;
import dev.patwarden.v1.PolicyServiceGrpc;
import dev.patwarden.v1.PolicyServiceGrpc.PolicyServiceBlockingStub;
import dev.patwarden.v1.QueryUsageRequest;
import dev.patwarden.v1.QueryUsageResponse;
import dev.patwarden.v1.Reason;
import dev.patwarden.v1.SelfServiceGrpc;
import dev.patwarden.v1.SelfServiceGrpc.SelfServiceBlockingStub;
import dev.patwarden.v1.SubjectServiceGrpc;
import dev.patwarden.v1.SubjectServiceGrpc.SubjectServiceBlockingStub;
import dev.patwarden.v1.Token;
import dev.patwarden.v1.TokenServiceGrpc;
import dev.patwarden.v1.TokenServiceGrpc.TokenServiceBlockingStub;
import dev.patwarden.v1.UsageRow;
import dev.patwarden.v1.UsageServiceGrpc;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ChannelCredentials;
import io.grpc.ClientInterceptors;
import io.grpc.Context;
import io.grpc.Deadline;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.TlsChannelCredentials;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A client of a Patwarden server. Make one for the process and close it at the end. All threads can
 * use it. It connects with its first call.
 *
 * <p>All methods throw {@link PatwardenException} when a call fails. A {@link Duration} is a
 * deadline; that of the current {@link Context} holds too. The defaults are one second for checks
 * and introspection, and ten for other calls ({@link Builder#decisionDeadline}, {@link
 * Builder#deadline}).
 */
public final class PatwardenClient implements AutoCloseable {
  static final String VERSION = "0.1.0";

  private static final Duration CLOSING = Duration.ofSeconds(5);

  private final ManagedChannel connection;
  private final Channel channel;
  private final Duration decisionDeadline;
  private final Duration deadline;
  private final String brand;

  private PatwardenClient(Builder builder) {
    decisionDeadline = builder.decisionDeadline;
    deadline = builder.deadline;
    brand = builder.brand;
    connection =
        Grpc.newChannelBuilder(builder.endpoint, builder.channelCredentials())
            .userAgent("patwarden-java/" + VERSION)
            .disableServiceConfigLookUp()
            .defaultServiceConfig(Retries.SERVICE_CONFIG)
            .enableRetry()
            .build();
    channel =
        ClientInterceptors.intercept(
            connection, new CallDefaults(builder.serviceKey, decisionDeadline, deadline));
  }

  /**
   * Begins a client.
   *
   * @param endpoint {@code host:port} of the server's gRPC port, or another target that gRPC
   *     resolves, for example {@code dns:///patwarden.internal:9081}
   * @return a builder for the options; a service key is required
   */
  public static Builder builder(String endpoint) {
    return new Builder(endpoint);
  }

  /**
   * Decides whether the bearer of a token may do something.
   *
   * @param token the secret as the bearer sent it
   * @param resource the OpenFGA object, {@code type:id}
   * @param action the OpenFGA relation, for example {@code viewer}
   * @return whether it is allowed, and why
   */
  public Decision check(String token, String resource, String action) {
    return check(Check.of(token, resource, action));
  }

  /**
   * Decides about a question.
   *
   * @param check the question
   * @return whether it is allowed, and why
   */
  public Decision check(Check check) {
    return check(check, decisionDeadline);
  }

  /**
   * Decides about a question within a deadline.
   *
   * @param check the question
   * @param deadline the longest time to wait, from now
   * @return whether it is allowed, and why
   */
  public Decision check(Check check, Duration deadline) {
    return Calls.await(checkAsync(check, deadline));
  }

  /**
   * Decides whether the bearer of a token may do something.
   *
   * @param token the secret as the bearer sent it
   * @param resource the OpenFGA object, {@code type:id}
   * @param action the OpenFGA relation, for example {@code viewer}
   * @return the decision, or a {@link PatwardenException}. Cancelling it cancels the call
   */
  public CompletableFuture<Decision> checkAsync(String token, String resource, String action) {
    return checkAsync(Check.of(token, resource, action));
  }

  /**
   * Decides about a question.
   *
   * @param check the question
   * @return the decision, or a {@link PatwardenException}. Cancelling it cancels the call
   */
  public CompletableFuture<Decision> checkAsync(Check check) {
    return checkAsync(check, decisionDeadline);
  }

  /**
   * Decides about a question within a deadline.
   *
   * @param check the question
   * @param deadline the longest time to wait, from now
   * @return the decision, or a {@link PatwardenException}. Cancelling it cancels the call
   */
  public CompletableFuture<Decision> checkAsync(Check check, Duration deadline) {
    if (check.isMalformed(brand)) {
      return CompletableFuture.completedFuture(Decision.deny(Reason.REASON_TOKEN_MALFORMED, ""));
    }
    return unary(
        AuthorizationServiceGrpc.getCheckMethod(), check.toRequest(), deadline, Decision::of);
  }

  /**
   * Returns true if a credential begins as Patwarden's do, well formed or not.
   *
   * @param credential the credential of a request
   * @return true for the prefix of the brand, {@code pw_}
   */
  public boolean isOwn(String credential) {
    return credential.startsWith(brand + "_");
  }

  /**
   * Makes many checks in one call.
   *
   * @param checks 1 to 500, none of which asks for claims
   * @return a decision or an error for each, in order
   */
  public List<CheckResult> batchCheck(List<Check> checks) {
    return batchCheck(checks, decisionDeadline);
  }

  /**
   * Makes many checks in one call within a deadline.
   *
   * @param checks 1 to 500, none of which asks for claims
   * @param deadline the longest time to wait, from now
   * @return a decision or an error for each, in order
   */
  public List<CheckResult> batchCheck(List<Check> checks, Duration deadline) {
    return Calls.await(batchCheckAsync(checks, deadline));
  }

  /**
   * Makes many checks in one call.
   *
   * @param checks 1 to 500, none of which asks for claims
   * @return a decision or an error for each, in order. Cancelling it cancels the call
   */
  public CompletableFuture<List<CheckResult>> batchCheckAsync(List<Check> checks) {
    return batchCheckAsync(checks, decisionDeadline);
  }

  /**
   * Makes many checks in one call within a deadline.
   *
   * @param checks 1 to 500, none of which asks for claims
   * @param deadline the longest time to wait, from now
   * @return a decision or an error for each, in order. Cancelling it cancels the call
   */
  public CompletableFuture<List<CheckResult>> batchCheckAsync(
      List<Check> checks, Duration deadline) {
    if (checks.stream().anyMatch(Check::asksForClaims)) {
      throw new IllegalArgumentException("a batch cannot have checks with claims");
    }
    return unary(
        AuthorizationServiceGrpc.getBatchCheckMethod(),
        BatchCheckRequest.newBuilder()
            .addAllItems(checks.stream().map(Check::toItem).toList())
            .build(),
        deadline,
        response -> CheckResult.listOf(response, checks.size()));
  }

  /**
   * Lists the resources of a type on which a token may act. The list is for display: check before
   * acting on an entry.
   *
   * @param token the secret as the bearer sent it
   * @param type the OpenFGA type, for example {@code document}
   * @param action the OpenFGA relation, for example {@code viewer}
   * @return the resources as they arrive
   */
  public ResourceStream listResources(String token, String type, String action) {
    return listResources(
        ListResourcesRequest.newBuilder().setToken(token).setType(type).setAction(action).build());
  }

  /**
   * Lists the resources of a type on which a token may act. The deadline of other calls holds for
   * each message, and there is none for the whole list.
   *
   * @param request may have the context of the bearer's request
   * @return the resources as they arrive
   */
  public ResourceStream listResources(ListResourcesRequest request) {
    return new ResourceStream(
        AuthorizationServiceGrpc.newBlockingV2Stub(channel).listResources(request), deadline);
  }

  /**
   * Returns the state of a token, without asking OpenFGA.
   *
   * @param token the secret as the bearer sent it
   * @return whether it is active, and the token if it is
   */
  public IntrospectResponse introspect(String token) {
    return introspect(IntrospectRequest.newBuilder().setToken(token).build());
  }

  /**
   * Returns the state of a token, without asking OpenFGA.
   *
   * @param request may have the context of the bearer's request
   * @return whether it is active, and the token if it is
   */
  public IntrospectResponse introspect(IntrospectRequest request) {
    return Calls.await(introspectAsync(request));
  }

  /**
   * Returns the state of a token, without asking OpenFGA.
   *
   * @param request may have the context of the bearer's request
   * @return whether it is active, and the token if it is. Cancelling it cancels the call
   */
  public CompletableFuture<IntrospectResponse> introspectAsync(IntrospectRequest request) {
    return unary(
        AuthorizationServiceGrpc.getIntrospectMethod(),
        request,
        decisionDeadline,
        Function.identity());
  }

  /**
   * Streams all tokens that match a request, newest first, over all pages.
   *
   * @param request filters and page size
   * @return fetches the first page now, and others when they are reached
   */
  public Stream<Token> listTokens(ListTokensRequest request) {
    return pages(
        request.getPageToken(),
        page -> request.toBuilder().setPageToken(page).build(),
        TokenServiceGrpc.getListTokensMethod(),
        ListTokensResponse::getNextPageToken,
        ListTokensResponse::getTokensList);
  }

  /**
   * Streams all audit events that match a request, newest first, over all pages.
   *
   * @param request filters and page size
   * @return fetches the first page now, and others when they are reached
   */
  public Stream<AuditEvent> listAuditEvents(ListAuditEventsRequest request) {
    return pages(
        request.getPageToken(),
        page -> request.toBuilder().setPageToken(page).build(),
        AuditServiceGrpc.getListAuditEventsMethod(),
        ListAuditEventsResponse::getNextPageToken,
        ListAuditEventsResponse::getEventsList);
  }

  /**
   * Streams all sums of usage, ordered by time, over all pages.
   *
   * @param request filters, dimensions and page size
   * @return fetches the first page now, and others when they are reached
   */
  public Stream<UsageRow> queryUsage(QueryUsageRequest request) {
    return pages(
        request.getPageToken(),
        page -> request.toBuilder().setPageToken(page).build(),
        UsageServiceGrpc.getQueryUsageMethod(),
        QueryUsageResponse::getNextPageToken,
        QueryUsageResponse::getRowsList);
  }

  /**
   * Returns the stub that creates, changes and revokes tokens. CreateToken and RotateToken get a
   * {@code request_id} if they have none.
   *
   * @return a stub, whose errors {@link PatwardenException#from} converts
   */
  public TokenServiceBlockingStub tokens() {
    return TokenServiceGrpc.newBlockingStub(channel);
  }

  /**
   * Returns the stub that disables and deletes users and organizations.
   *
   * @return a stub, whose errors {@link PatwardenException#from} converts
   */
  public SubjectServiceBlockingStub subjects() {
    return SubjectServiceGrpc.newBlockingStub(channel);
  }

  /**
   * Returns the stub that tells a caller about itself: its rights and limits, what it or one of its
   * tokens reaches.
   *
   * @return a stub, whose errors {@link PatwardenException#from} converts
   */
  public SelfServiceBlockingStub selfService() {
    return SelfServiceGrpc.newBlockingStub(channel);
  }

  /**
   * Returns the stub that reads and writes policies.
   *
   * @return a stub, whose errors {@link PatwardenException#from} converts
   */
  public PolicyServiceBlockingStub policies() {
    return PolicyServiceGrpc.newBlockingStub(channel);
  }

  /**
   * Returns the channel for stubs of other kinds, such as {@code
   * TokenServiceGrpc.newFutureStub(client.channel())}.
   *
   * @return adds the credential, default deadlines and retries
   */
  public Channel channel() {
    return channel;
  }

  /** Ends the connection. Waits up to five seconds for running calls. */
  @Override
  public void close() {
    connection.shutdown();
    try {
      connection.awaitTermination(CLOSING.toNanos(), NANOSECONDS);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    } finally {
      connection.shutdownNow();
    }
  }

  private <Q, R, T> CompletableFuture<T> unary(
      MethodDescriptor<Q, R> method, Q request, Duration deadline, Function<R, T> answer) {
    CallOptions options = CallOptions.DEFAULT.withDeadline(in(deadline));
    return Calls.unary(channel, method, options, request, answer);
  }

  private <Q, R, T> Stream<T> pages(
      String first,
      Function<String, Q> request,
      MethodDescriptor<Q, R> method,
      Function<R, String> next,
      Function<R, List<T>> items) {
    Function<String, R> fetch =
        page -> Calls.await(unary(method, request.apply(page), deadline, Function.identity()));
    return Stream.iterate(
            fetch.apply(first),
            Objects::nonNull,
            page -> next.apply(page).isEmpty() ? null : fetch.apply(next.apply(page)))
        .flatMap(page -> items.apply(page).stream());
  }

  private static Deadline in(Duration duration) {
    return Deadline.after(duration.toNanos(), NANOSECONDS);
  }

  /** Options of a client. */
  public static final class Builder {
    private static final Pattern LOOPBACK =
        Pattern.compile(
            "(?:dns:///)?(?:localhost|127(?:\\.(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)){3}|\\[::1\\])"
                + "(?::\\d{1,5})?",
            Pattern.CASE_INSENSITIVE);

    private final String endpoint;
    private ServiceKey serviceKey;
    private boolean plaintext;
    private boolean plaintextAnywhere;
    private File trustedCertificates;
    private File certificateChain;
    private File privateKey;
    private Duration decisionDeadline = Duration.ofSeconds(1);
    private Duration deadline = Duration.ofSeconds(10);
    private String brand = Secret.DEFAULT_BRAND;

    private Builder(String endpoint) {
      this.endpoint = Objects.requireNonNull(endpoint, "endpoint");
    }

    /**
     * Sets the service key.
     *
     * @param key visible ASCII characters
     * @return this
     */
    public Builder serviceKey(String key) {
      serviceKey = ServiceKey.fixed(key);
      return this;
    }

    /**
     * Sets a service key that may change.
     *
     * @param key called for each attempt of each call, on a thread of gRPC; if it throws or returns
     *     null, the call fails with {@code UNAUTHENTICATED}
     * @return this
     */
    public Builder serviceKey(Supplier<String> key) {
      return serviceKeyAsync(() -> CompletableFuture.completedStage(key.get()));
    }

    /**
     * Sets a service key that may change and takes time to get.
     *
     * @param key as {@link #serviceKey(Supplier)}; the call waits for it until its deadline
     * @return this
     */
    public Builder serviceKeyAsync(Supplier<? extends CompletionStage<String>> key) {
      serviceKey = ServiceKey.from(key);
      return this;
    }

    /**
     * Sets the authorities to trust. Default: Java's.
     *
     * @param certificates PEM file of their certificates
     * @return this
     */
    public Builder trustedCertificates(Path certificates) {
      trustedCertificates = certificates.toFile();
      return this;
    }

    /**
     * Sets a client certificate, for servers that require one.
     *
     * @param certificateChain PEM file, the client's own certificate first
     * @param privateKey PEM file, PKCS #8, not encrypted
     * @return this
     */
    public Builder clientCertificate(Path certificateChain, Path privateKey) {
      this.certificateChain = certificateChain.toFile();
      this.privateKey = privateKey.toFile();
      return this;
    }

    /**
     * Disables TLS, for this machine only: {@code localhost}, 127.0.0.0/8 and {@code [::1]}.
     *
     * @return this
     */
    public Builder plaintext() {
      plaintext = true;
      return this;
    }

    /**
     * Disables TLS for any server: the network can read the service key and all tokens.
     *
     * @return this
     */
    public Builder dangerouslySendKeyInPlaintext() {
      plaintext = true;
      plaintextAnywhere = true;
      return this;
    }

    /**
     * Sets the default deadline of Check, BatchCheck and Introspect.
     *
     * @param deadline positive. Default: 1 second
     * @return this
     */
    public Builder decisionDeadline(Duration deadline) {
      decisionDeadline = requirePositive(deadline);
      return this;
    }

    /**
     * Sets the default deadline of other calls, and of each message of ListResources.
     *
     * @param deadline positive. Default: 10 seconds
     * @return this
     */
    public Builder deadline(Duration deadline) {
      this.deadline = requirePositive(deadline);
      return this;
    }

    /**
     * Sets the brand of secrets. A secret of another brand is answered {@code TOKEN_MALFORMED}
     * without a call.
     *
     * @param brand {@code tokens.brand} of the server. Default: {@code pw}
     * @return this
     */
    public Builder brand(String brand) {
      this.brand = Secret.requireBrand(brand);
      return this;
    }

    /**
     * Makes the client. It connects with its first call.
     *
     * @return to be closed at the end
     * @throws IllegalStateException without a service key, and for options that contradict each
     *     other
     * @throws IllegalArgumentException for files without certificates or keys
     */
    public PatwardenClient build() {
      if (serviceKey == null) {
        throw new IllegalStateException("a service key is required");
      }
      return new PatwardenClient(this);
    }

    private ChannelCredentials channelCredentials() {
      boolean tls = trustedCertificates != null || certificateChain != null;
      if (plaintext && tls) {
        throw new IllegalStateException("certificates and plaintext cannot be combined");
      }
      if (!plaintext) {
        return tlsCredentials();
      }
      if (!plaintextAnywhere && !LOOPBACK.matcher(endpoint).matches()) {
        throw new IllegalStateException(
            "plaintext is for loopback only, and " + endpoint + " is not: use TLS");
      }
      return InsecureChannelCredentials.create();
    }

    private ChannelCredentials tlsCredentials() {
      try {
        TlsChannelCredentials.Builder tls = TlsChannelCredentials.newBuilder();
        if (trustedCertificates != null) {
          tls.trustManager(trustedCertificates);
        }
        if (certificateChain != null) {
          tls.keyManager(certificateChain, privateKey);
        }
        return tls.build();
      } catch (IOException unreadable) {
        throw new IllegalArgumentException(unreadable);
      }
    }

    private static Duration requirePositive(Duration deadline) {
      if (deadline.isNegative() || deadline.isZero()) {
        throw new IllegalArgumentException("the deadline must be positive, not " + deadline);
      }
      return deadline;
    }
  }
}
