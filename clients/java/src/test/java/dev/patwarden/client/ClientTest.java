package dev.patwarden.client;

import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.gson.Gson;
import com.google.protobuf.Any;
import com.google.protobuf.Message;
import com.google.rpc.ErrorInfo;
import dev.patwarden.v1.CheckRequest;
import dev.patwarden.v1.CreateTokenRequest;
import dev.patwarden.v1.CreateTokenResponse;
import dev.patwarden.v1.GetTokenRequest;
import dev.patwarden.v1.GetTokenResponse;
import dev.patwarden.v1.ListResourcesRequest;
import dev.patwarden.v1.ListTokensRequest;
import dev.patwarden.v1.ListTokensResponse;
import dev.patwarden.v1.Reason;
import dev.patwarden.v1.RevokeTokenRequest;
import dev.patwarden.v1.RevokeTokenResponse;
import dev.patwarden.v1.RotateTokenRequest;
import dev.patwarden.v1.RotateTokenResponse;
import dev.patwarden.v1.Token;
import dev.patwarden.v1.UpdateTokenRequest;
import dev.patwarden.v1.UpdateTokenResponse;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Options, and behaviour that needs no Patwarden. */
@Timeout(60)
class ClientTest {
  private static final Check CHECK = Check.of(StandIn.TOKEN, "document:1", "viewer");

  private StandIn server;

  @BeforeEach
  void start() throws Exception {
    server = new StandIn();
  }

  @AfterEach
  void stop() {
    server.close();
  }

  @Test
  void aServiceKeyIsRequired() {
    PatwardenClient.Builder builder = PatwardenClient.builder("127.0.0.1:1").plaintext();
    assertThrows(IllegalStateException.class, builder::build);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "localhost:9081",
        "LOCALHOST:9081",
        "127.0.0.1:9081",
        "127.255.255.254:1",
        "[::1]:9081",
        "dns:///localhost:9081"
      })
  void plaintextGoesToLoopback(String endpoint) {
    PatwardenClient.Builder builder = PatwardenClient.builder(endpoint).serviceKey("key");
    assertDoesNotThrow(() -> builder.plaintext().build().close());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "patwarden.internal:9081",
        "10.0.0.1:9081",
        "localhost.example.com:9081",
        "127.0.0.1.example.com:9081",
        "127.0.0.256:9081",
        "127.0.0.1:9081,10.0.0.1:9081",
        "[::2]:9081",
        "0.0.0.0:9081",
        "dns://10.0.0.1/localhost:9081",
        "unix:///tmp/socket"
      })
  void plaintextGoesNowhereElse(String endpoint) {
    PatwardenClient.Builder builder = PatwardenClient.builder(endpoint).serviceKey("key");
    assertThrows(IllegalStateException.class, () -> builder.plaintext().build());
  }

  @Test
  void plaintextGoesAnywhereWhenItIsCalledDangerous() {
    PatwardenClient.Builder builder =
        PatwardenClient.builder("patwarden.internal:9081").serviceKey("key");
    assertDoesNotThrow(() -> builder.dangerouslySendKeyInPlaintext().build().close());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "s3cret ", "s3cret\n", "s3crét"})
  void aKeyThatCannotBeSentIsRefusedAndNotShown(String key) {
    PatwardenClient.Builder builder = PatwardenClient.builder("localhost:1");
    IllegalArgumentException error =
        assertThrows(IllegalArgumentException.class, () -> builder.serviceKey(key));
    assertTrue(key.isEmpty() || !error.toString().contains(key));
  }

  @Test
  void optionsThatMakeNoSenseAreRefused() {
    PatwardenClient.Builder builder = PatwardenClient.builder("localhost:1");
    assertThrows(IllegalArgumentException.class, () -> builder.brand("PW"));
    assertThrows(IllegalArgumentException.class, () -> builder.deadline(Duration.ZERO));
    assertThrows(
        IllegalArgumentException.class, () -> builder.decisionDeadline(Duration.ofSeconds(-1)));
  }

  @Test
  void theKeyIsAskedForWithEachCall() {
    AtomicInteger asked = new AtomicInteger();
    try (PatwardenClient client =
        server.client().serviceKey(() -> "key-" + asked.incrementAndGet()).build()) {
      client.check(CHECK);
      client.check(CHECK);
    }
    assertEquals(List.of("Bearer key-1", "Bearer key-2"), headers("authorization"));
  }

  @Test
  void theKeyMayComeLater() {
    CompletableFuture<String> key = new CompletableFuture<>();
    try (PatwardenClient client = server.client().serviceKeyAsync(() -> key).build()) {
      CompletableFuture<Decision> answer = client.checkAsync(CHECK);
      key.complete("key-later");
      assertTrue(Calls.await(answer).allowed());
    }
    assertEquals(List.of("Bearer key-later"), headers("authorization"));
  }

  @Test
  void withoutAKeyThereIsNoCall() {
    Stream<Function<PatwardenClient.Builder, PatwardenClient.Builder>> sources =
        Stream.of(
            it ->
                it.serviceKey(
                    () -> {
                      throw new IllegalStateException("the vault is sealed");
                    }),
            it -> it.serviceKey(() -> null),
            it -> it.serviceKey(() -> "a key\nof two lines"),
            it ->
                it.serviceKeyAsync(
                    () -> CompletableFuture.failedFuture(new IllegalStateException("sealed"))),
            it -> it.serviceKeyAsync(() -> null));
    sources.forEach(
        source -> {
          try (PatwardenClient client = source.apply(server.client()).build()) {
            PatwardenException error =
                assertThrows(PatwardenException.class, () -> client.check(CHECK));
            assertEquals(Status.Code.UNAUTHENTICATED, error.getCode());
            assertFalse(error.toString().contains("of two lines"));
          }
        });
    assertEquals(List.of(), server.arrivals);
  }

  @Test
  void itSaysWhoItIs() {
    try (PatwardenClient client = server.client().build()) {
      client.check(CHECK);
    }
    String version = System.getProperty("project.version");
    assertTrue(headers("user-agent").get(0).startsWith("patwarden-java/" + version + " "));
  }

  @Test
  void callsHaveADeadline() {
    try (PatwardenClient client =
        PatwardenClient.builder(server.endpoint()).plaintext().serviceKey("key").build()) {
      // The first makes the connection.
      client.check(CHECK, Duration.ofSeconds(30));
      server.answer = ClientTest::anyToken;
      server.arrivals.clear();
      client.tokens().getToken(GetTokenRequest.getDefaultInstance());
      assertTimeout(10_000);
      client
          .tokens()
          .withDeadlineAfter(30_000, MILLISECONDS)
          .getToken(GetTokenRequest.getDefaultInstance());
      assertTimeout(30_000);
      server.answer = StandIn::allow;
      server.hold();
      PatwardenException error = assertThrows(PatwardenException.class, () -> client.check(CHECK));
      assertEquals(Status.Code.DEADLINE_EXCEEDED, error.getCode());
      assertTimeout(1_000);
    }
  }

  @Test
  void aSilentListIsGivenUp() {
    try (PatwardenClient client = server.client().deadline(Duration.ofMillis(500)).build()) {
      server.hold();
      PatwardenException error =
          assertThrows(
              PatwardenException.class,
              () -> client.listResources(StandIn.TOKEN, "document", "viewer"));
      assertEquals(Status.Code.DEADLINE_EXCEEDED, error.getCode());
    }
  }

  @Test
  void anEmptyListMessageIsNoList() {
    server.answer = request -> dev.patwarden.v1.ListResourcesResponse.getDefaultInstance();
    try (PatwardenClient client = server.client().build()) {
      PatwardenException error =
          assertThrows(
              PatwardenException.class,
              () -> client.listResources(ListResourcesRequest.getDefaultInstance()));
      assertEquals(Status.Code.INTERNAL, error.getCode());
    }
  }

  @Test
  void whatMakesASecretGetsAnId() {
    server.answer = ClientTest::anyToken;
    try (PatwardenClient client = server.client().build()) {
      client.tokens().createToken(CreateTokenRequest.getDefaultInstance());
      client.tokens().rotateToken(RotateTokenRequest.getDefaultInstance());
      client.tokens().createToken(CreateTokenRequest.newBuilder().setRequestId("mine").build());
    }
    UUID first = UUID.fromString(((CreateTokenRequest) request(0)).getRequestId());
    UUID second = UUID.fromString(((RotateTokenRequest) request(1)).getRequestId());
    assertNotEquals(first, second);
    assertEquals("mine", ((CreateTokenRequest) request(2)).getRequestId());
  }

  @Test
  void aRepetitionHasTheSameId() {
    server.answer = failing(2, ClientTest::anyToken);
    try (PatwardenClient client = server.client().build()) {
      client.tokens().createToken(CreateTokenRequest.getDefaultInstance());
    }
    assertEquals(3, server.arrivals.size());
    assertEquals(1, server.requests().stream().distinct().count());
  }

  @Test
  void whatMayBeRepeatedIs() {
    server.answer = failing(2, ClientTest::anyToken);
    try (PatwardenClient client = server.client().build()) {
      client.tokens().getToken(GetTokenRequest.getDefaultInstance());
      server.answer = failing(2, ClientTest::anyToken);
      client.tokens().revokeToken(RevokeTokenRequest.getDefaultInstance());
    }
    assertEquals(6, server.arrivals.size());
    try (PatwardenClient client = server.client().build()) {
      server.answer = failing(3, StandIn::allow);
      assertTrue(client.check(CHECK).allowed());
    }
    assertEquals(10, server.arrivals.size());
  }

  @Test
  void nothingElseIsRepeated() {
    server.answer = failing(1, ClientTest::anyToken);
    try (PatwardenClient client = server.client().build()) {
      assertThrows(
          StatusRuntimeException.class,
          () -> client.tokens().updateToken(UpdateTokenRequest.getDefaultInstance()));
    }
    assertEquals(1, server.arrivals.size());
  }

  @Test
  void otherErrorsAreNotRepeated() {
    server.answer =
        request -> {
          throw Status.INTERNAL.asRuntimeException();
        };
    try (PatwardenClient client = server.client().build()) {
      assertThrows(PatwardenException.class, () -> client.check(CHECK));
    }
    assertEquals(1, server.arrivals.size());
  }

  @Test
  void pagesAreOneStream() {
    server.answer =
        request ->
            switch (((ListTokensRequest) request).getPageToken()) {
              case "" -> page("second", "tok_1", "tok_2");
              case "second" -> page("third");
              case "third" -> page("", "tok_3");
              default -> throw Status.INVALID_ARGUMENT.asRuntimeException();
            };
    try (PatwardenClient client = server.client().build()) {
      ListTokensRequest request = ListTokensRequest.newBuilder().setSubject("user:alice").build();
      assertEquals(
          List.of("tok_1", "tok_2", "tok_3"),
          client.listTokens(request).map(Token::getId).toList());
      assertEquals(3, server.arrivals.size());
      server.arrivals.clear();
      assertEquals(
          List.of("tok_1"), client.listTokens(request).limit(1).map(Token::getId).toList());
      assertEquals(1, server.arrivals.size(), "a page that nobody asked for");
      ListTokensRequest lost = request.toBuilder().setPageToken("lost").build();
      PatwardenException error =
          assertThrows(PatwardenException.class, () -> client.listTokens(lost).toList());
      assertEquals(Status.Code.INVALID_ARGUMENT, error.getCode());
    }
  }

  @Test
  void damagedDetailsDoNotHideTheCode() {
    Metadata trailers = new Metadata();
    trailers.put(
        Metadata.Key.of("grpc-status-details-bin", Metadata.BINARY_BYTE_MARSHALLER),
        "no message".getBytes(StandardCharsets.US_ASCII));
    PatwardenException error = errorOf(Status.ABORTED.asRuntimeException(trailers));
    assertEquals(Status.Code.ABORTED, error.getCode());
    assertEquals("", error.getReason());
  }

  @Test
  void detailsOfAnotherCodeDoNotHideTheCode() {
    StatusRuntimeException other = StatusProto.toStatusRuntimeException(status(5, "patwarden.v1"));
    PatwardenException error = errorOf(Status.ABORTED.asRuntimeException(other.getTrailers()));
    assertEquals(Status.Code.ABORTED, error.getCode());
    assertEquals("", error.getReason());
  }

  @Test
  void onlyReasonsOfPatwardenAreReasons() {
    StatusRuntimeException ours = StatusProto.toStatusRuntimeException(status(10, "patwarden.v1"));
    StatusRuntimeException other = StatusProto.toStatusRuntimeException(status(10, "example.com"));
    assertEquals("ETAG_MISMATCH", errorOf(ours).getReason());
    assertEquals("", errorOf(other).getReason());
  }

  @Test
  void aSerializedErrorKeepsItsCode() throws Exception {
    PatwardenException error = new PatwardenException(Status.Code.ABORTED, "stale");
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    new ObjectOutputStream(bytes).writeObject(error);
    ObjectInputStream read = new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()));
    PatwardenException copy = (PatwardenException) read.readObject();
    assertEquals(error.getMessage(), copy.getMessage());
    assertEquals(Status.Code.ABORTED, copy.getCode());
    assertEquals("", copy.getReason());
  }

  @Test
  void theRequestIdIsReadFromTrailersToo() {
    Metadata trailers = new Metadata();
    trailers.put(PatwardenException.REQUEST_ID, "request-1");
    assertEquals("request-1", errorOf(Status.ABORTED.asRuntimeException(trailers)).getRequestId());
  }

  @Test
  void aBatchTakesNoClaims() {
    try (PatwardenClient client = server.client().build()) {
      assertThrows(
          IllegalArgumentException.class,
          () -> client.batchCheck(List.of(CHECK.withClaims("plan"))));
    }
  }

  @Test
  void anotherBrandIsAskedAbout() {
    String secret = "acme_pat_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf1KVxVi";
    try (PatwardenClient client = server.client().brand("acme").build()) {
      assertTrue(client.check(secret, "document:1", "viewer").allowed());
      assertEquals(
          Reason.REASON_TOKEN_MALFORMED,
          client.check(StandIn.TOKEN, "document:1", "viewer").reason());
    }
    assertEquals(secret, ((CheckRequest) request(0)).getToken());
  }

  @Test
  void secretsDoNotShowThemselves() throws Exception {
    Secret secret = Secret.parse(StandIn.TOKEN).orElseThrow();
    String hint = "pw_pat_...RGIA";
    assertEquals(hint, secret.toString());
    assertEquals(StandIn.TOKEN, secret.reveal());
    assertEquals(
        "{\"kind\":\"USER\",\"hint\":\"" + hint + "\"}",
        new ObjectMapper().writeValueAsString(secret));
    assertEquals("{\"kind\":\"USER\",\"hint\":\"" + hint + "\"}", new Gson().toJson(secret));
    assertFalse(CHECK.toString().contains("003aUl"));
    assertEquals(secret, Secret.parse(StandIn.TOKEN).orElseThrow());
    assertEquals(secret.hashCode(), Secret.parse(StandIn.TOKEN).orElseThrow().hashCode());
  }

  @Test
  void verifiersOfOtherCredentialsAnswerAlike() {
    Decision allowed = Decision.allow("user:alice");
    assertTrue(allowed.allowed() && allowed.tokenValid());
    Decision forbidden = Decision.deny(Reason.REASON_NOT_PERMITTED, "user:alice");
    assertTrue(!forbidden.allowed() && forbidden.tokenValid());
    Decision expired = Decision.deny(Reason.REASON_TOKEN_EXPIRED, "");
    assertTrue(!expired.allowed() && !expired.tokenValid());
    assertThrows(
        IllegalArgumentException.class, () -> Decision.deny(Reason.REASON_ALLOWED, "user:alice"));
  }

  @Test
  void timesAreKept() {
    Instant instant = Instant.parse("1969-12-31T23:59:59.123456789Z");
    assertEquals(instant, ProtoTime.instant(ProtoTime.timestamp(instant)));
    Duration duration = Duration.ofSeconds(90, 1);
    assertEquals(duration, ProtoTime.duration(ProtoTime.duration(duration)));
  }

  private PatwardenException errorOf(StatusRuntimeException raised) {
    server.answer =
        request -> {
          throw raised;
        };
    try (PatwardenClient client = server.client().build()) {
      return assertThrows(PatwardenException.class, () -> client.check(CHECK));
    }
  }

  private static com.google.rpc.Status status(int code, String domain) {
    return com.google.rpc.Status.newBuilder()
        .setCode(code)
        .addDetails(
            Any.pack(ErrorInfo.newBuilder().setDomain(domain).setReason("ETAG_MISMATCH").build()))
        .build();
  }

  private void assertTimeout(long milliseconds) {
    long left = server.arrivals.remove(0).deadline().timeRemaining(MILLISECONDS);
    assertTrue(left <= milliseconds && left > milliseconds - 20_000, left + " ms are left");
  }

  private List<String> headers(String name) {
    Metadata.Key<String> key = Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER);
    return server.arrivals.stream().map(arrival -> arrival.headers().get(key)).toList();
  }

  private Message request(int index) {
    return server.requests().get(index);
  }

  private static Function<Message, Message> failing(int times, Function<Message, Message> then) {
    AtomicInteger left = new AtomicInteger(times);
    return request -> {
      if (left.getAndDecrement() > 0) {
        throw Status.UNAVAILABLE.asRuntimeException();
      }
      return then.apply(request);
    };
  }

  private static Message anyToken(Message request) {
    if (request instanceof CreateTokenRequest) {
      return CreateTokenResponse.getDefaultInstance();
    }
    if (request instanceof RotateTokenRequest) {
      return RotateTokenResponse.getDefaultInstance();
    }
    if (request instanceof RevokeTokenRequest) {
      return RevokeTokenResponse.getDefaultInstance();
    }
    if (request instanceof UpdateTokenRequest) {
      return UpdateTokenResponse.getDefaultInstance();
    }
    return GetTokenResponse.getDefaultInstance();
  }

  private static Message page(String next, String... ids) {
    ListTokensResponse.Builder page = ListTokensResponse.newBuilder().setNextPageToken(next);
    Stream.of(ids).forEach(id -> page.addTokens(Token.newBuilder().setId(id)));
    return page.build();
  }
}
