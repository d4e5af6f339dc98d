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
 * Asks a Patwarden server. Make one for the process and close it at the end; it can be used by all
 * threads, and connects when it is first needed.
 *
 * <p>All methods throw {@link PatwardenException} when there is no answer. The ones that take a
 * {@link Duration} give up after it; the deadline of the current {@link Context} holds too. Without
 * one, checks and introspection give up after a second, everything else after ten ({@link
 * Builder#decisionDeadline}, {@link Builder#deadline}).
 *
 * <p>Checks that are made at the same moment travel as one call ({@link Builder#coalescing}).
 */
public final class PatwardenClient implements AutoCloseable {
  static final String VERSION = "0.1.0";

  private static final Duration CLOSING = Duration.ofSeconds(5);

  private final ManagedChannel connection;
  private final Channel channel;
  private final Duration decisionDeadline;
  private final Duration deadline;
  private final String brand;

  /** Null when checks are not coalesced. */
  private final Coalescer coalescer;

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
    coalescer = builder.coalescing ? new Coalescer(channel) : null;
  }

  /**
   * Begins a client.
   *
   * @param endpoint {@code host:port} of the server's gRPC port, or another target that gRPC
   *     resolves, for example {@code dns:///patwarden.internal:9081}
   * @return takes the options; a service key is required
   */
  public static Builder builder(String endpoint) {
    return new Builder(endpoint);
  }

  /**
   * May the bearer of this token do this to that?
   *
   * @param token the secret as the bearer sent it
   * @param resource the OpenFGA object, {@code type:id}
   * @param action the OpenFGA relation, for example {@code viewer}
   * @return allowed or not, and why
   */
  public Decision check(String token, String resource, String action) {
    return check(Check.of(token, resource, action));
  }

  /**
   * Answers a question.
   *
   * @param check the question
   * @return allowed or not, and why
   */
  public Decision check(Check check) {
    return check(check, decisionDeadline);
  }

  /**
   * Answers a question in time.
   *
   * @param check the question
   * @param deadline how long to wait at most, from now
   * @return allowed or not, and why
   */
  public Decision check(Check check, Duration deadline) {
    return Calls.await(checkAsync(check, deadline));
  }

  /**
   * May the bearer of this token do this to that?
   *
   * @param token the secret as the bearer sent it
   * @param resource the OpenFGA object, {@code type:id}
   * @param action the OpenFGA relation, for example {@code viewer}
   * @return the decision, or a {@link PatwardenException}. Cancelling it gives up this check and no
   *     other
   */
  public CompletableFuture<Decision> checkAsync(String token, String resource, String action) {
    return checkAsync(Check.of(token, resource, action));
  }

  /**
   * Answers a question.
   *
   * @param check the question
   * @return the decision, or a {@link PatwardenException}. Cancelling it gives up this check and no
   *     other
   */
  public CompletableFuture<Decision> checkAsync(Check check) {
    return checkAsync(check, decisionDeadline);
  }

  /**
   * Answers a question in time.
   *
   * @param check the question
   * @param deadline how long to wait at most, from now
   * @return the decision, or a {@link PatwardenException}. Cancelling it gives up this check and no
   *     other
   */
  public CompletableFuture<Decision> checkAsync(Check check, Duration deadline) {
    if (check.isMalformed(brand)) {
      return CompletableFuture.completedFuture(Decision.deny(Reason.REASON_TOKEN_MALFORMED, ""));
    }
    if (coalescer != null && !check.asksForClaims()) {
      return coalescer.check(check, in(deadline));
    }
    return unary(
        AuthorizationServiceGrpc.getCheckMethod(), check.toRequest(), deadline, Decision::of);
  }

  /**
   * Whether a credential begins as Patwarden's do, well formed or not, so that there is no use in
   * showing it to anybody else.
   *
   * @param credential what a request shows
   * @return true for the prefix of the brand, {@code pw_}
   */
  public boolean isOwn(String credential) {
    return credential.startsWith(brand + "_");
  }

  /**
   * Answers many questions in one call.
   *
   * @param checks 1 to 500, none of which asks for claims
   * @return one result for each, in the same order: a decision, or an error that concerns it alone
   */
  public List<CheckResult> batchCheck(List<Check> checks) {
    return batchCheck(checks, decisionDeadline);
  }

  /**
   * Answers many questions in one call in time.
   *
   * @param checks 1 to 500, none of which asks for claims
   * @param deadline how long to wait at most, from now
   * @return one result for each, in the same order: a decision, or an error that concerns it alone
   */
  public List<CheckResult> batchCheck(List<Check> checks, Duration deadline) {
    return Calls.await(batchCheckAsync(checks, deadline));
  }

  /**
   * Answers many questions in one call.
   *
   * @param checks 1 to 500, none of which asks for claims
   * @return one result for each, in the same order. Cancelling it cancels the call
   */
  public CompletableFuture<List<CheckResult>> batchCheckAsync(List<Check> checks) {
    return batchCheckAsync(checks, decisionDeadline);
  }

  /**
   * Answers many questions in one call in time.
   *
   * @param checks 1 to 500, none of which asks for claims
   * @param deadline how long to wait at most, from now
   * @return one result for each, in the same order. Cancelling it cancels the call
   */
  public CompletableFuture<List<CheckResult>> batchCheckAsync(
      List<Check> checks, Duration deadline) {
    if (checks.stream().anyMatch(Check::asksForClaims)) {
      throw new IllegalArgumentException("a batch answers no claims");
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
   * Which resources of a type may this token act on? For showing a list: check before acting on
   * one.
   *
   * @param token the secret as the bearer sent it
   * @param type the OpenFGA type, for example {@code document}
   * @param action the OpenFGA relation, for example {@code viewer}
   * @return the resources as they come
   */
  public ResourceStream listResources(String token, String type, String action) {
    return listResources(
        ListResourcesRequest.newBuilder().setToken(token).setType(type).setAction(action).build());
  }

  /**
   * Which resources of a type may this token act on? There is no deadline for the whole of it: each
   * message is waited for as long as for other calls.
   *
   * @param request also takes the context of the bearer's request
   * @return the resources as they come
   */
  public ResourceStream listResources(ListResourcesRequest request) {
    return new ResourceStream(
        AuthorizationServiceGrpc.newBlockingV2Stub(channel).listResources(request), deadline);
  }

  /**
   * What is this token? OpenFGA is not asked.
   *
   * @param token the secret as the bearer sent it
   * @return whether it is active, and then the token
   */
  public IntrospectResponse introspect(String token) {
    return introspect(IntrospectRequest.newBuilder().setToken(token).build());
  }

  /**
   * What is this token? OpenFGA is not asked.
   *
   * @param request also takes the context of the bearer's request
   * @return whether it is active, and then the token
   */
  public IntrospectResponse introspect(IntrospectRequest request) {
    return Calls.await(introspectAsync(request));
  }

  /**
   * What is this token? OpenFGA is not asked.
   *
   * @param request also takes the context of the bearer's request
   * @return whether it is active, and then the token. Cancelling it cancels the call
   */
  public CompletableFuture<IntrospectResponse> introspectAsync(IntrospectRequest request) {
    return unary(
        AuthorizationServiceGrpc.getIntrospectMethod(),
        request,
        decisionDeadline,
        Function.identity());
  }

  /**
   * All tokens that a request finds, newest first, over all its pages.
   *
   * @param request filters, and how many to fetch at a time
   * @return fetches the first page now, others when they are reached
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
   * All audit events that a request finds, newest first, over all its pages.
   *
   * @param request filters, and how many to fetch at a time
   * @return fetches the first page now, others when they are reached
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
   * All sums that a request asks for, in the order of time, over all its pages.
   *
   * @param request filters, what to keep apart, and how many to fetch at a time
   * @return fetches the first page now, others when they are reached
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
   * Creates and ends tokens. CreateToken and RotateToken get a {@code request_id} when they have
   * none.
   *
   * @return a stub, whose errors {@link PatwardenException#from} reads
   */
  public TokenServiceBlockingStub tokens() {
    return TokenServiceGrpc.newBlockingStub(channel);
  }

  /**
   * Disables and deletes users and organizations.
   *
   * @return a stub, whose errors {@link PatwardenException#from} reads
   */
  public SubjectServiceBlockingStub subjects() {
    return SubjectServiceGrpc.newBlockingStub(channel);
  }

  /**
   * Reads and writes policies.
   *
   * @return a stub, whose errors {@link PatwardenException#from} reads
   */
  public PolicyServiceBlockingStub policies() {
    return PolicyServiceGrpc.newBlockingStub(channel);
  }

  /**
   * For stubs of other kinds, such as {@code TokenServiceGrpc.newFutureStub(client.channel())}.
   *
   * @return carries the credential, the default deadlines and the retries
   */
  public Channel channel() {
    return channel;
  }

  /** Ends the connection. Waits up to five seconds for calls that are under way. */
  @Override
  public void close() {
    if (coalescer != null) {
      coalescer.close();
    }
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
    private boolean coalescing = true;
    private String brand = Secret.DEFAULT_BRAND;

    private Builder(String endpoint) {
      this.endpoint = Objects.requireNonNull(endpoint, "endpoint");
    }

    /**
     * The key by which the server knows this service.
     *
     * @param key as it was configured, without blanks around it
     * @return this
     */
    public Builder serviceKey(String key) {
      serviceKey = ServiceKey.fixed(key);
      return this;
    }

    /**
     * A key that may change, for example one in a file that is rotated.
     *
     * @param key asked for each call and each repetition of one, on a thread of gRPC; when it
     *     throws, or gives null, the call fails with {@code UNAUTHENTICATED}
     * @return this
     */
    public Builder serviceKey(Supplier<String> key) {
      return serviceKeyAsync(() -> CompletableFuture.completedStage(key.get()));
    }

    /**
     * A key that may change and takes time to get.
     *
     * @param key as with {@link #serviceKey(Supplier)}; the call waits for it, up to its deadline
     * @return this
     */
    public Builder serviceKeyAsync(Supplier<? extends CompletionStage<String>> key) {
      serviceKey = ServiceKey.from(key);
      return this;
    }

    /**
     * Whom to trust instead of the authorities that Java trusts.
     *
     * @param certificates PEM file of certificates of authorities
     * @return this
     */
    public Builder trustedCertificates(Path certificates) {
      trustedCertificates = certificates.toFile();
      return this;
    }

    /**
     * A certificate for a server that demands one.
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
     * No TLS, on this machine: for {@code localhost}, 127.0.0.0/8 and {@code [::1]} only.
     *
     * @return this
     */
    public Builder plaintext() {
      plaintext = true;
      return this;
    }

    /**
     * No TLS, wherever the server is. Everybody on the way can read the service key and all tokens.
     *
     * @return this
     */
    public Builder dangerouslySendKeyInPlaintext() {
      plaintext = true;
      plaintextAnywhere = true;
      return this;
    }

    /**
     * How long Check, BatchCheck and Introspect may take when the call does not say.
     *
     * @param deadline positive. Default: 1 second
     * @return this
     */
    public Builder decisionDeadline(Duration deadline) {
      decisionDeadline = requirePositive(deadline);
      return this;
    }

    /**
     * How long other calls may take when they do not say, and how long ListResources may be silent.
     *
     * @param deadline positive. Default: 10 seconds
     * @return this
     */
    public Builder deadline(Duration deadline) {
      this.deadline = requirePositive(deadline);
      return this;
    }

    /**
     * Whether checks that are made at the same moment travel as one call. Each has its own answer,
     * deadline and cancellation all the same; those that ask for claims travel alone. At most 4
     * calls of at most 500 checks and 200 KiB are under way; what comes meanwhile waits for the
     * next.
     *
     * @param coalescing default: true
     * @return this
     */
    public Builder coalescing(boolean coalescing) {
      this.coalescing = coalescing;
      return this;
    }

    /**
     * How secrets begin. A secret of another brand is answered {@code TOKEN_MALFORMED} without
     * asking the server.
     *
     * @param brand {@code tokens.brand} of the server. Default: {@code pw}
     * @return this
     */
    public Builder brand(String brand) {
      this.brand = Secret.requireBrand(brand);
      return this;
    }

    /**
     * Makes the client. It connects when it is first needed.
     *
     * @return to be closed at the end
     * @throws IllegalStateException without a service key, or when options contradict each other
     * @throws IllegalArgumentException for files that hold no certificates or keys
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
        throw new IllegalStateException("certificates are of no use in plaintext");
      }
      if (!plaintext) {
        return tlsCredentials();
      }
      if (!plaintextAnywhere && !LOOPBACK.matcher(endpoint).matches()) {
        throw new IllegalStateException(
            "plaintext to " + endpoint + ", which is not loopback, would give the key away");
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
        throw new IllegalArgumentException("a deadline is positive, not " + deadline);
      }
      return deadline;
    }
  }
}
