package dev.patwarden.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.patwarden.v1.BatchCheckRequest;
import dev.patwarden.v1.BatchCheckResponse;
import dev.patwarden.v1.BatchCheckResult;
import dev.patwarden.v1.CheckError;
import dev.patwarden.v1.CheckResponse;
import dev.patwarden.v1.Reason;
import io.grpc.Context;
import io.grpc.Status;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Checks that callers give up, and replies that are no decisions. */
@Timeout(60)
class CheckTest {
  private StandIn server;
  private PatwardenClient client;

  @BeforeEach
  void start() throws Exception {
    server = new StandIn();
    client = server.client().build();
  }

  @AfterEach
  void stop() {
    server.release();
    client.close();
    server.close();
  }

  @Test
  void everyCheckKeepsItsDeadline() throws Exception {
    server.hold();
    CompletableFuture<Decision> patient = client.checkAsync(check(1));
    PatwardenException error =
        assertThrows(
            PatwardenException.class, () -> client.check(check(2), Duration.ofMillis(100)));
    assertEquals(Status.Code.DEADLINE_EXCEEDED, error.getCode());
    server.release();
    assertEquals("document:1", patient.get().subject());
  }

  @Test
  void cancellingOneCancelsItsCallAndLeavesTheOthers() throws Exception {
    server.hold();
    // Only cancellation may end it: its deadline is after that of the wait.
    CompletableFuture<Decision> one = client.checkAsync(check(1), Harness.PATIENCE.multipliedBy(2));
    CompletableFuture<Decision> other = client.checkAsync(check(2));
    server.awaitArrivals(2);
    one.cancel(true);
    Harness.until("one is cancelled", () -> server.cancelled.get() == 1);
    server.release();
    assertEquals("document:2", other.get().subject());
  }

  @Test
  void theContextOfOneCallerIsNotThatOfOthers() throws Exception {
    server.hold();
    Context.CancellableContext context = Context.current().withCancellation();
    AtomicReference<CompletableFuture<Decision>> own = new AtomicReference<>();
    context.run(() -> own.set(client.checkAsync(check(1))));
    CompletableFuture<Decision> other = client.checkAsync(check(2));
    server.awaitArrivals(2);
    context.cancel(new IllegalStateException("the caller's caller has gone"));
    assertEquals(Status.Code.CANCELLED, errorOf(own.get()).getCode());
    server.release();
    assertEquals("document:2", other.get().subject());
  }

  @Test
  void anInterruptedCallerGivesUpAlone() throws Exception {
    server.hold();
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
  void closingWaitsForTheChecksThatRun() throws Exception {
    server.hold();
    CompletableFuture<Decision> running = client.checkAsync(check(1));
    server.awaitArrivals(1);
    Thread closing = new Thread(client::close);
    closing.start();
    Harness.until("the client is closing", () -> closing.getState() == Thread.State.TIMED_WAITING);
    server.release();
    closing.join();
    assertTrue(running.get().allowed());
    assertEquals(Status.Code.UNAVAILABLE, errorOf(client.checkAsync(check(9))).getCode());
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
  void anEmptyAnswerToACheckIsAnError() {
    server.answer = request -> CheckResponse.getDefaultInstance();
    PatwardenException error = assertThrows(PatwardenException.class, () -> client.check(check(1)));
    assertEquals(Status.Code.INTERNAL, error.getCode());
  }

  @ParameterizedTest
  @ValueSource(strings = {"too few", "too many"})
  void aBatchWithAnotherNumberOfResultsIsAnError(String fault) {
    server.answer = request -> damaged(fault, (BatchCheckRequest) request);
    PatwardenException error =
        assertThrows(
            PatwardenException.class, () -> client.batchCheck(List.of(check(1), check(2))));
    assertEquals(Status.Code.INTERNAL, error.getCode());
  }

  @ParameterizedTest
  @ValueSource(strings = {"empty", "without a reason", "no code"})
  void anItemThatIsNoAnswerIsAnError(String fault) {
    server.answer = request -> damaged(fault, (BatchCheckRequest) request);
    List<CheckResult> results = client.batchCheck(List.of(check(1), check(2)));
    assertEquals(2, results.size());
    for (CheckResult result : results) {
      Status.Code code = result.error().orElseThrow().getCode();
      assertTrue(code == Status.Code.INTERNAL || code == Status.Code.UNKNOWN, code.name());
      assertThrows(PatwardenException.class, result::decision);
    }
  }

  private static Check check(int number) {
    return Check.of(StandIn.TOKEN, "document:" + number, "viewer");
  }

  private static PatwardenException errorOf(CompletableFuture<Decision> answer) {
    return assertThrows(PatwardenException.class, () -> Calls.await(answer));
  }

  private static BatchCheckResponse damaged(String fault, BatchCheckRequest request) {
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
