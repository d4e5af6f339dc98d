package dev.patwarden.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.patwarden.v1.CreateTokenRequest;
import dev.patwarden.v1.CreateTokenResponse;
import dev.patwarden.v1.GetPolicyRequest;
import dev.patwarden.v1.GetSubjectRequest;
import dev.patwarden.v1.Grant;
import dev.patwarden.v1.ListAuditEventsRequest;
import dev.patwarden.v1.ListTokensRequest;
import dev.patwarden.v1.QueryUsageRequest;
import dev.patwarden.v1.Reason;
import dev.patwarden.v1.RevokeTokenRequest;
import dev.patwarden.v1.RotateTokenRequest;
import dev.patwarden.v1.Token;
import io.grpc.Status;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The server, and what goes wrong before, behind and in it. */
@Timeout(120)
class FaultsTest {
  private static final Set<Status.Code> RETRYABLE =
      Set.of(Status.Code.UNAVAILABLE, Status.Code.DEADLINE_EXCEEDED);

  private final Check allowed = Check.of(Harness.secret("alice"), "document:roadmap", "viewer");
  private final Check refused = Check.of(Harness.secret("alice"), "document:payroll", "viewer");

  @AfterEach
  void heal() {
    Harness.control("/server/heal");
    Harness.control("/openfga/heal");
  }

  @Test
  void aTokenLivesItsLife() {
    try (PatwardenClient admin = Harness.client("admin").build()) {
      CreateTokenResponse made =
          admin
              .tokens()
              .createToken(
                  CreateTokenRequest.newBuilder()
                      .setSubject("user:alice")
                      .setName("java")
                      .setTtl(ProtoTime.duration(Duration.ofHours(1)))
                      .setGrant(Grant.newBuilder().setFull(true))
                      .build());
      String id = made.getToken().getId();
      Check check = Check.of(made.getSecret(), "document:roadmap", "viewer");
      Decision decision = admin.check(check);
      assertTrue(decision.allowed());
      assertEquals(
          ProtoTime.instant(made.getToken().getExpireTime()), decision.expireTime().orElseThrow());
      assertEquals(id, admin.introspect(made.getSecret()).getToken().getId());
      RotateTokenRequest rotate = RotateTokenRequest.newBuilder().setId(id).build();
      assertTrue(Secret.parse(admin.tokens().rotateToken(rotate).getSecret()).isPresent());
      assertEquals(Reason.REASON_TOKEN_SUPERSEDED, admin.check(check).reason());
      admin.tokens().revokeToken(RevokeTokenRequest.newBuilder().setId(id).build());
      assertEquals(Reason.REASON_TOKEN_REVOKED, admin.check(check).reason());
      assertFalse(admin.introspect(made.getSecret()).getActive());
      assertEquals(
          List.of("token.revoked", "token.rotated", "token.created"),
          admin
              .listAuditEvents(
                  ListAuditEventsRequest.newBuilder().setTokenId(id).setPageSize(1).build())
              .map(event -> event.getAction())
              .filter(action -> !action.equals("token.reused"))
              .toList());
    }
  }

  @Test
  void allPagesAreRead() {
    try (PatwardenClient admin = Harness.client("admin").build()) {
      List<String> pages =
          admin
              .listTokens(ListTokensRequest.newBuilder().setPageSize(7).build())
              .map(Token::getId)
              .toList();
      List<String> whole =
          admin
              .listTokens(ListTokensRequest.newBuilder().setPageSize(1000).build())
              .map(Token::getId)
              .toList();
      assertTrue(whole.size() > 7);
      assertEquals(whole, pages);
      assertTrue(admin.queryUsage(QueryUsageRequest.getDefaultInstance()).count() <= 1);
    }
  }

  @Test
  void otherServicesHaveStubs() {
    try (PatwardenClient admin = Harness.client("admin").build()) {
      assertEquals(
          "user:alice",
          admin
              .subjects()
              .getSubject(GetSubjectRequest.newBuilder().setSubject("user:alice").build())
              .getSubject()
              .getSubject());
      assertTrue(
          admin
              .policies()
              .getPolicy(GetPolicyRequest.newBuilder().setScope("organization:initech").build())
              .getPolicy()
              .getBlockAll());
    }
  }

  @Test
  void aServerWithTls() {
    try (PatwardenClient client =
        tls().clientCertificate(file("client_cert"), file("client_key")).build()) {
      assertTrue(client.check(allowed).allowed());
    }
  }

  @Test
  void aServerThatWantsACertificate() {
    try (PatwardenClient client = tls().build()) {
      assertEquals(Status.Code.UNAVAILABLE, errorOf(client, allowed).getCode());
    }
  }

  @Test
  void aServerWhoseAuthorityIsUnknown() {
    try (PatwardenClient client =
        PatwardenClient.builder(Harness.text("tls", "endpoint"))
            .serviceKey(Harness.key("checker"))
            .clientCertificate(file("client_cert"), file("client_key"))
            .decisionDeadline(Harness.PATIENCE)
            .build()) {
      assertEquals(Status.Code.UNAVAILABLE, errorOf(client, allowed).getCode());
    }
  }

  @Test
  void nobodyThere() {
    try (PatwardenClient client = Harness.client("absent", "checker").build()) {
      PatwardenException error = errorOf(client, allowed);
      assertEquals(Status.Code.UNAVAILABLE, error.getCode());
      assertEquals("", error.getReason());
    }
  }

  @Test
  void aServerThatSaysNothing() {
    try (PatwardenClient client =
        Harness.client("silent", "checker").decisionDeadline(Duration.ofMillis(300)).build()) {
      assertEquals(Status.Code.DEADLINE_EXCEEDED, errorOf(client, allowed).getCode());
      assertEquals(
          Status.Code.DEADLINE_EXCEEDED, errorOf(client, allowed.withClaims("plan")).getCode());
    }
  }

  @Test
  void aServerThatRedirects() {
    try (PatwardenClient client = Harness.client("redirecting", "checker").build()) {
      errorOf(client, allowed);
    }
    assertEquals("0", Harness.counter("/redirecting/followed"));
  }

  @Test
  void aServerThatGoesSilent() throws Exception {
    try (PatwardenClient client = Harness.client("proxied", "checker").build()) {
      assertTrue(client.check(allowed).allowed());
      Harness.control("/server/stall");
      PatwardenException error =
          assertThrows(
              PatwardenException.class, () -> client.check(allowed, Duration.ofMillis(300)));
      assertEquals(Status.Code.DEADLINE_EXCEEDED, error.getCode());
      Harness.control("/server/heal");
      Harness.until("it answers again", () -> isAnswered(client));
    }
  }

  @Test
  void aConnectionThatIsCut() throws Exception {
    try (PatwardenClient client = Harness.client("proxied", "checker").build()) {
      assertTrue(client.check(allowed).allowed());
      Harness.control("/server/cut");
      assertEquals(Status.Code.UNAVAILABLE, errorOf(client, allowed).getCode());
      Harness.control("/server/heal");
      Harness.until("it has connected again", () -> isAnswered(client));
    }
  }

  @Test
  void openFgaIsAway() {
    try (PatwardenClient client = Harness.client("checker").build()) {
      Harness.control("/openfga/cut");
      PatwardenException alone = errorOf(client, allowed);
      assertEquals(Status.Code.UNAVAILABLE, alone.getCode());
      assertEquals("OPENFGA_UNAVAILABLE", alone.getReason());
      List<CompletableFuture<Decision>> answers = new ArrayList<>();
      for (int i = 0; i < 50; i++) {
        answers.add(client.checkAsync(allowed));
      }
      for (CompletableFuture<Decision> answer : answers) {
        PatwardenException error =
            assertThrows(PatwardenException.class, () -> Calls.await(answer));
        assertEquals(Status.Code.UNAVAILABLE, error.getCode());
        assertEquals("OPENFGA_UNAVAILABLE", error.getReason());
      }
      Check revoked = Check.of(Harness.secret("revoked"), "document:roadmap", "viewer");
      assertEquals(Reason.REASON_TOKEN_REVOKED, client.check(revoked).reason());
      Harness.control("/openfga/heal");
      assertTrue(client.check(allowed).allowed());
    }
  }

  @Test
  void whatIsTooLargeIsAnErrorOfItsOwn() {
    String large = "document:" + "x".repeat(5 * 1024 * 1024);
    try (PatwardenClient client = Harness.client("checker").build()) {
      CompletableFuture<Decision> oversized =
          client.checkAsync(Harness.secret("alice"), large, "viewer");
      List<CompletableFuture<Decision>> others = new ArrayList<>();
      for (int i = 0; i < 20; i++) {
        others.add(client.checkAsync(allowed));
      }
      PatwardenException error =
          assertThrows(PatwardenException.class, () -> Calls.await(oversized));
      assertTrue(error.getMessage().length() < 1_000);
      others.forEach(answer -> assertTrue(Calls.await(answer).allowed()));
    }
  }

  /** Checks that no answer is wrong, and that every error is temporary. */
  @Test
  void theServerIsKilledUnderLoad() throws Exception {
    AtomicBoolean running = new AtomicBoolean(true);
    AtomicInteger wrong = new AtomicInteger();
    AtomicInteger answers = new AtomicInteger();
    Set<Status.Code> errors = ConcurrentHashMap.newKeySet();
    try (PatwardenClient client =
        Harness.client("checker").decisionDeadline(Duration.ofSeconds(5)).build()) {
      List<Thread> threads = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        boolean may = i % 2 == 0;
        Thread thread =
            new Thread(
                () -> {
                  while (running.get()) {
                    try {
                      Decision decision = client.check(may ? allowed : refused);
                      boolean right = decision.allowed() == may && decision.tokenValid();
                      wrong.addAndGet(right ? 0 : 1);
                      answers.incrementAndGet();
                    } catch (PatwardenException error) {
                      errors.add(error.getCode());
                    }
                  }
                });
        thread.start();
        threads.add(thread);
      }
      Harness.until("it is under load", () -> answers.get() > 100);
      Harness.control("/restart");
      int before = answers.get();
      Harness.until("it answers again", () -> answers.get() > before + 100);
      running.set(false);
      for (Thread thread : threads) {
        thread.join();
      }
    } finally {
      running.set(false);
    }
    assertEquals(0, wrong.get());
    assertTrue(RETRYABLE.containsAll(errors), errors.toString());
  }

  private static PatwardenException errorOf(PatwardenClient client, Check check) {
    return assertThrows(PatwardenException.class, () -> client.check(check));
  }

  private boolean isAnswered(PatwardenClient client) {
    try {
      return client.check(allowed).allowed();
    } catch (PatwardenException error) {
      assertTrue(RETRYABLE.contains(error.getCode()), error.toString());
      return false;
    }
  }

  private static PatwardenClient.Builder tls() {
    return PatwardenClient.builder(Harness.text("tls", "endpoint"))
        .serviceKey(Harness.key("checker"))
        .trustedCertificates(file("ca"))
        .decisionDeadline(Harness.PATIENCE);
  }

  private static Path file(String name) {
    return Path.of(Harness.text("tls", name));
  }
}
