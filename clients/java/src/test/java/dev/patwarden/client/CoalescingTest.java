package dev.patwarden.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Message;
import dev.patwarden.v1.BatchCheckItem;
import dev.patwarden.v1.BatchCheckRequest;
import dev.patwarden.v1.BatchCheckResponse;
import dev.patwarden.v1.BatchCheckResult;
import dev.patwarden.v1.CheckError;
import dev.patwarden.v1.CheckRequest;
import dev.patwarden.v1.CheckResponse;
import dev.patwarden.v1.Consistency;
import dev.patwarden.v1.Reason;
import dev.patwarden.v1.RequestContext;
import io.grpc.Context;
import io.grpc.Status;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class CoalescingTest {
  private static final int CALLS = 4;

  private StandIn server;
  private PatwardenClient client;

  @BeforeEach
  void start() throws Exception {
    server = new StandIn();
    // The tests hold calls, which must not count as stalled on a slow machine.
    client = server.client().stalledAfter(Duration.ofHours(1)).build();
  }

  @AfterEach
  void stop() {
    server.release();
    client.close();
    server.close();
  }

  @Test
  void aLoneCheckTravelsAsCheck() {
    assertEquals("document:1", client.check(StandIn.TOKEN, "document:1", "viewer").subject());
    assertInstanceOf(CheckRequest.class, server.requests().get(0));
  }

  @Test
  void whatComesWhileFourCallsAreUnderWayTravelsTogether() throws Exception {
    List<CompletableFuture<Decision>> first = occupy();
    List<CompletableFuture<Decision>> more = checks(100);
    server.release();
    assertAnswered(more);
    assertAnswered(first);
    assertEquals(List.of(1, 1, 1, 1, 100), server.sizes());
  }

  @Test
  void withoutCoalescingEachTravelsAlone() throws Exception {
    try (PatwardenClient plain = server.client().coalescing(false).build()) {
      server.hold();
      List<CompletableFuture<Decision>> answers =
          IntStream.range(0, 20)
              .mapToObj(i -> plain.checkAsync(StandIn.TOKEN, "document:" + i, "viewer"))
              .toList();
      server.awaitArrivals(20);
      server.release();
      assertAnswered(answers);
      assertTrue(server.requests().stream().allMatch(CheckRequest.class::isInstance));
    }
  }

  @Test
  void stalledCallsDoNotHoldUpOthers() throws Exception {
    try (PatwardenClient usual = server.client().build()) {
      server.hold();
      List<CompletableFuture<Decision>> answers = new ArrayList<>();
      // More than four, all of them held, so that each beyond takes the place of a stalled one.
      for (int i = 0; i < CALLS + 2; i++) {
        answers.add(usual.checkAsync(check(i)));
        server.awaitArrivals(i + 1);
      }
      server.release();
      assertAnswered(answers);
    }
  }

  @Test
  void threadsThatWaitForTheirAnswersShareCalls() throws Exception {
    List<Thread> threads = new ArrayList<>();
    AtomicInteger right = new AtomicInteger();
    for (int i = 0; i < 16; i++) {
      String own = "document:" + i;
      Thread thread =
          new Thread(
              () -> {
                for (int round = 0; round < 50; round++) {
                  String subject = client.check(StandIn.TOKEN, own, "viewer").subject();
                  right.addAndGet(subject.equals(own) ? 1 : 0);
                }
              });
      thread.start();
      threads.add(thread);
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertEquals(800, right.get());
    assertEquals(800, server.sizes().stream().mapToInt(Integer::intValue).sum());
    assertTrue(server.sizes().size() < 800, "no call had more than one check");
  }

  @Test
  void everyCheckKeepsItsContextAndConsistency() throws Exception {
    occupy();
    RequestContext context =
        RequestContext.newBuilder().setClientIp("192.0.2.7").setUsageUnits(0).build();
    client.checkAsync(check(1).withContext(context));
    client.checkAsync(check(2).withConsistency(Consistency.CONSISTENCY_HIGHER_CONSISTENCY));
    CompletableFuture<Decision> last = client.checkAsync(check(3));
    server.release();
    last.get();
    BatchCheckRequest batch = (BatchCheckRequest) server.requests().get(CALLS);
    assertEquals(context, batch.getItems(0).getContext());
    assertFalse(batch.getItems(1).hasContext());
    assertEquals(
        List.of(
            Consistency.CONSISTENCY_UNSPECIFIED,
            Consistency.CONSISTENCY_HIGHER_CONSISTENCY,
            Consistency.CONSISTENCY_UNSPECIFIED),
        batch.getItemsList().stream().map(BatchCheckItem::getConsistency).toList());
    assertFalse(batch.hasContext());
    assertEquals("", batch.getToken());
  }

  @Test
  void aCheckThatAsksForClaimsTravelsAloneAndAtOnce() throws Exception {
    occupy();
    client.checkAsync(check(1).withClaims("plan"));
    server.awaitArrivals(CALLS + 1);
    CheckRequest request = (CheckRequest) server.requests().get(CALLS);
    assertEquals(List.of("plan"), request.getClaimsList());
  }

  @Test
  void aBatchHoldsFiveHundred() throws Exception {
    occupy();
    List<CompletableFuture<Decision>> more = checks(1_100);
    server.release();
    assertAnswered(more);
    assertEquals(List.of(100, 500, 500), server.sizes().stream().skip(CALLS).sorted().toList());
  }

  @Test
  void aBatchHoldsTwoHundredKibibytes() throws Exception {
    occupy();
    String padding = "x".repeat(10_000);
    List<CompletableFuture<Decision>> more =
        IntStream.range(0, 50)
            .mapToObj(i -> client.checkAsync(StandIn.TOKEN, "document:" + i + padding, "viewer"))
            .toList();
    server.release();
    CompletableFuture.allOf(more.toArray(CompletableFuture[]::new)).get();
    List<Message> batches = server.requests().stream().skip(CALLS).toList();
    assertEquals(3, batches.size());
    assertTrue(batches.stream().allMatch(batch -> batch.getSerializedSize() <= 205 * 1024));
  }

  @Test
  void aCheckThatIsTooLargeForABatchTravelsAlone() throws Exception {
    occupy();
    CompletableFuture<Decision> large =
        client.checkAsync(StandIn.TOKEN, "document:" + "x".repeat(300 * 1024), "viewer");
    List<CompletableFuture<Decision>> more = checks(2);
    server.release();
    large.get();
    assertAnswered(more);
    assertEquals(List.of(1, 2), server.sizes().stream().skip(CALLS).sorted().toList());
  }

  @Test
  void everyCheckKeepsItsDeadline() throws Exception {
    occupy();
    CompletableFuture<Decision> patient = client.checkAsync(check(1));
    PatwardenException error =
        assertThrows(
            PatwardenException.class, () -> client.check(check(2), Duration.ofMillis(100)));
    assertEquals(Status.Code.DEADLINE_EXCEEDED, error.getCode());
    server.release();
    assertAnswered(List.of(client.checkAsync(check(0))));
    assertEquals("document:1", patient.get().subject());
  }

  @Test
  void aCallLastsAsLongAsItsMostPatientCheck() throws Exception {
    List<CompletableFuture<Decision>> first = occupy();
    CompletableFuture<Decision> hasty = client.checkAsync(check(1), Duration.ofSeconds(1));
    CompletableFuture<Decision> patient = client.checkAsync(check(2));
    first.forEach(answer -> answer.cancel(true));
    server.awaitArrivals(CALLS + 1);
    assertEquals(List.of(2), server.sizes().stream().skip(CALLS).toList());
    assertEquals(Status.Code.DEADLINE_EXCEEDED, errorOf(hasty).getCode());
    server.release();
    assertEquals("document:2", patient.get().subject());
  }

  @Test
  void cancellingOneLeavesTheOthers() throws Exception {
    occupy();
    List<CompletableFuture<Decision>> more = checks(3);
    more.get(1).cancel(true);
    server.release();
    assertEquals("document:0", more.get(0).get().subject());
    assertEquals("document:2", more.get(2).get().subject());
    assertEquals(List.of(2), server.sizes().stream().skip(CALLS).toList());
  }

  @Test
  void aCallThatNobodyWaitsForIsCancelledAndMakesRoom() throws Exception {
    List<CompletableFuture<Decision>> first = occupy();
    CompletableFuture<Decision> next = client.checkAsync(check(7));
    first.get(0).cancel(true);
    server.awaitArrivals(CALLS + 1);
    Harness.until("one is cancelled", () -> server.cancelled.get() == 1);
    server.release();
    assertEquals("document:7", next.get().subject());
  }

  @Test
  void theContextOfOneCallerIsNotThatOfOthers() throws Exception {
    List<CompletableFuture<Decision>> first = occupy();
    CompletableFuture<Decision> other = client.checkAsync(check(2));
    Context.CancellableContext context = Context.current().withCancellation();
    AtomicReference<CompletableFuture<Decision>> own = new AtomicReference<>();
    context.run(
        () -> {
          own.set(client.checkAsync(check(1)));
          // There is room for a call, and it is this thread that sends it.
          first.get(0).cancel(true);
        });
    server.awaitArrivals(CALLS + 1);
    context.cancel(new IllegalStateException("the caller's caller has gone"));
    assertEquals(Status.Code.CANCELLED, errorOf(own.get()).getCode());
    server.release();
    assertEquals("document:2", other.get().subject());
  }

  @Test
  void anInterruptedCallerGivesUpAlone() throws Exception {
    occupy();
    AtomicReference<PatwardenException> error = new AtomicReference<>();
    AtomicReference<Boolean> stillInterrupted = new AtomicReference<>();
    Thread caller =
        new Thread(
            () -> {
              error.set(assertThrows(PatwardenException.class, () -> client.check(check(1))));
              stillInterrupted.set(Thread.interrupted());
            });
    caller.start();
    caller.interrupt();
    caller.join();
    assertEquals(Status.Code.CANCELLED, error.get().getCode());
    assertTrue(stillInterrupted.get());
    CompletableFuture<Decision> other = client.checkAsync(check(2));
    server.release();
    assertEquals("document:2", other.get().subject());
  }

  @Test
  void anErrorOfOneIsThatOfItsCheck() throws Exception {
    server.answer =
        request ->
            request instanceof BatchCheckRequest batch
                ? StandIn.batch(
                    batch,
                    item ->
                        item.getResource().equals("document:1")
                            ? error(Status.Code.INVALID_ARGUMENT, "UNKNOWN_ACTION")
                            : BatchCheckResult.newBuilder().setDecision(StandIn.decision(item)))
                : StandIn.allow(request);
    occupy();
    List<CompletableFuture<Decision>> more = checks(3);
    server.release();
    assertEquals("document:0", more.get(0).get().subject());
    assertEquals("document:2", more.get(2).get().subject());
    PatwardenException error = errorOf(more.get(1));
    assertEquals(Status.Code.INVALID_ARGUMENT, error.getCode());
    assertEquals("UNKNOWN_ACTION", error.getReason());
    assertEquals(CALLS + 1, server.arrivals.size());
  }

  @Test
  void anItemThatIsUnavailableIsAskedAgain() throws Exception {
    AtomicInteger batches = new AtomicInteger();
    server.answer =
        request ->
            request instanceof BatchCheckRequest batch && batches.incrementAndGet() == 1
                ? StandIn.batch(
                    batch, item -> error(Status.Code.UNAVAILABLE, "OPENFGA_UNAVAILABLE"))
                : StandIn.allow(request);
    occupy();
    List<CompletableFuture<Decision>> more = checks(3);
    server.release();
    assertAnswered(more);
  }

  @Test
  void anItemIsAskedFourTimesAtMost() throws Exception {
    server.answer =
        request ->
            request instanceof BatchCheckRequest batch
                ? StandIn.batch(
                    batch, item -> error(Status.Code.UNAVAILABLE, "OPENFGA_UNAVAILABLE"))
                : StandIn.allow(request);
    occupy();
    List<CompletableFuture<Decision>> more = checks(100);
    server.release();
    for (CompletableFuture<Decision> answer : more) {
      assertEquals("OPENFGA_UNAVAILABLE", errorOf(answer).getReason());
    }
    assertEquals(List.of(100, 100, 100, 100), server.sizes().stream().skip(CALLS).toList());
  }

  @Test
  void afterManyFailuresNothingIsAskedAgain() throws Exception {
    server.answer =
        request ->
            request instanceof BatchCheckRequest batch
                ? StandIn.batch(
                    batch, item -> error(Status.Code.UNAVAILABLE, "OPENFGA_UNAVAILABLE"))
                : StandIn.allow(request);
    for (int round = 0; round < 3; round++) {
      int before = server.arrivals.size();
      server.hold();
      for (int i = 0; i < CALLS; i++) {
        client.checkAsync(check(i));
        server.awaitArrivals(before + i + 1);
      }
      List<CompletableFuture<Decision>> more = checks(2);
      server.release();
      more.forEach(CoalescingTest::errorOf);
    }
    // 4 attempts of the first; of the second one, which makes it 5 failures of 10; one of the last.
    assertEquals(3 * CALLS + 4 + 1 + 1, server.arrivals.size());
  }

  @ParameterizedTest
  @ValueSource(strings = {"too few", "too many", "empty", "without a reason", "no code"})
  void whatIsNoAnswerIsAnErrorForAll(String fault) throws Exception {
    server.answer =
        request ->
            request instanceof BatchCheckRequest batch
                ? damaged(fault, batch)
                : StandIn.allow(request);
    occupy();
    List<CompletableFuture<Decision>> more = checks(2);
    server.release();
    for (CompletableFuture<Decision> answer : more) {
      Status.Code code = errorOf(answer).getCode();
      assertTrue(code == Status.Code.INTERNAL || code == Status.Code.UNKNOWN, code.name());
    }
  }

  @Test
  void anEmptyAnswerToACheckIsAnError() {
    server.answer = request -> CheckResponse.getDefaultInstance();
    PatwardenException error = assertThrows(PatwardenException.class, () -> client.check(check(1)));
    assertEquals(Status.Code.INTERNAL, error.getCode());
  }

  @Test
  void aFailedCallFailsAllOfItsChecks() throws Exception {
    server.answer =
        request ->
            request instanceof BatchCheckRequest
                ? throwing(Status.PERMISSION_DENIED)
                : StandIn.allow(request);
    occupy();
    List<CompletableFuture<Decision>> more = checks(3);
    server.release();
    for (CompletableFuture<Decision> answer : more) {
      assertEquals(Status.Code.PERMISSION_DENIED, errorOf(answer).getCode());
    }
  }

  @Test
  void aMalformedSecretIsAnsweredWithoutACall() {
    Decision decision = client.check("pw_pat_cut", "document:1", "viewer");
    assertFalse(decision.allowed());
    assertFalse(decision.tokenValid());
    assertEquals(Reason.REASON_TOKEN_MALFORMED, decision.reason());
    assertEquals(List.of(), server.arrivals);
  }

  @Test
  void thoseWhoWaitAreAnsweredWhenTheClientIsClosed() throws Exception {
    List<CompletableFuture<Decision>> first = occupy();
    List<CompletableFuture<Decision>> more = checks(3);
    Thread closing = new Thread(client::close);
    closing.start();
    closing.join(100);
    server.release();
    closing.join();
    for (CompletableFuture<Decision> answer : first) {
      assertTrue(answer.get().allowed());
    }
    for (CompletableFuture<Decision> answer : more) {
      assertEquals(Status.Code.UNAVAILABLE, errorOf(answer).getCode());
    }
    assertEquals(Status.Code.UNAVAILABLE, errorOf(client.checkAsync(check(9))).getCode());
  }

  /** Makes as many calls as may run, none of which is answered before the server is released. */
  private List<CompletableFuture<Decision>> occupy() throws Exception {
    server.hold();
    List<CompletableFuture<Decision>> answers = new ArrayList<>();
    for (int i = 0; i < CALLS; i++) {
      answers.add(client.checkAsync(check(i)));
      server.awaitArrivals(i + 1);
    }
    return answers;
  }

  private List<CompletableFuture<Decision>> checks(int count) {
    return IntStream.range(0, count).mapToObj(i -> client.checkAsync(check(i))).toList();
  }

  private static Check check(int number) {
    return Check.of(StandIn.TOKEN, "document:" + number, "viewer");
  }

  private static void assertAnswered(List<CompletableFuture<Decision>> answers) throws Exception {
    for (int i = 0; i < answers.size(); i++) {
      assertEquals("document:" + i, answers.get(i).get().subject());
    }
  }

  private static PatwardenException errorOf(CompletableFuture<Decision> answer) {
    return assertThrows(PatwardenException.class, () -> Calls.await(answer));
  }

  private static BatchCheckResult.Builder error(Status.Code code, String reason) {
    return BatchCheckResult.newBuilder()
        .setError(CheckError.newBuilder().setCode(code.value()).setReason(reason));
  }

  private static Message throwing(Status status) {
    throw status.asRuntimeException();
  }

  private static Message damaged(String fault, BatchCheckRequest request) {
    BatchCheckResponse right = (BatchCheckResponse) StandIn.allow(request);
    return switch (fault) {
      case "too few" -> right.toBuilder().removeResults(0).build();
      case "too many" -> right.toBuilder().addResults(right.getResults(0)).build();
      case "empty" -> StandIn.batch(request, item -> BatchCheckResult.newBuilder());
      case "without a reason" ->
          StandIn.batch(
              request,
              item ->
                  BatchCheckResult.newBuilder().setDecision(CheckResponse.getDefaultInstance()));
      default ->
          StandIn.batch(
              request, item -> BatchCheckResult.newBuilder().setError(CheckError.newBuilder()));
    };
  }
}
