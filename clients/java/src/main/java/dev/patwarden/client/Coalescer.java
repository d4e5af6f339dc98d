package dev.patwarden.client;

import static dev.patwarden.v1.AuthorizationServiceGrpc.getBatchCheckMethod;
import static dev.patwarden.v1.AuthorizationServiceGrpc.getCheckMethod;
import static java.util.concurrent.TimeUnit.NANOSECONDS;

import dev.patwarden.v1.BatchCheckItem;
import dev.patwarden.v1.BatchCheckRequest;
import dev.patwarden.v1.CheckRequest;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Deadline;
import io.grpc.Status;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;

/**
 * Sends checks that are made at the same moment as one BatchCheck. One thread sends at a time;
 * checks that come meanwhile, or while {@value #MAX_CALLS} calls are running, go into the next
 * call. A single check is sent as Check, without a delay.
 *
 * <p>Every check keeps its own deadline, cancellation and error. A call is cancelled when no check
 * waits for it any more.
 */
final class Coalescer implements AutoCloseable {
  private static final int MAX_CALLS = 4;

  /**
   * A call that takes longer no longer counts: its answer may be lost, and other checks must not
   * wait for it.
   */
  static final Duration STALLED_AFTER = Duration.ofMillis(500);

  /** The most items that the server accepts. */
  private static final int MAX_ITEMS = 500;

  private static final int MAX_BYTES = 200 * 1024;

  private static final int MAX_ATTEMPTS = 4;
  private static final long FIRST_BACKOFF_NANOS = 50_000_000;

  /** For code of callers, which must not hold up the timer. */
  private static final Executor CONTINUATIONS = ForkJoinPool.commonPool();

  private final Channel channel;
  private final Duration stalledAfter;
  private final ScheduledThreadPoolExecutor timer;

  private final RetryBudget budget = new RetryBudget();

  /** Guards the fields below. */
  private final Lock lock = new ReentrantLock();

  private final LinkedHashSet<Waiter> waiting = new LinkedHashSet<>();
  private boolean sending;
  private int calls;

  Coalescer(Channel channel, Duration stalledAfter) {
    this.channel = channel;
    this.stalledAfter = stalledAfter;
    timer =
        new ScheduledThreadPoolExecutor(
            1,
            task -> {
              Thread thread = new Thread(task, "patwarden-timer");
              thread.setDaemon(true);
              return thread;
            });
    timer.setRemoveOnCancelPolicy(true);
  }

  CompletableFuture<Decision> check(Check check, Deadline deadline) {
    Waiter waiter = new Waiter(check, deadline);
    try {
      waiter.watch();
      enqueue(List.of(waiter));
    } catch (RejectedExecutionException closed) {
      waiter.fail(closed());
    }
    return waiter.answer;
  }

  /** Checks that wait are still answered, by their deadline at the latest. */
  @Override
  public void close() {
    timer.shutdown();
  }

  private void enqueue(List<Waiter> waiters) {
    lock.lock();
    try {
      waiters.stream().filter(waiter -> !waiter.answer.isDone()).forEach(waiting::add);
    } finally {
      lock.unlock();
    }
    pump();
  }

  private void pump() {
    for (Call call = next(true); call != null; call = next(false)) {
      send(call);
    }
  }

  /** Returns the call to send now; null if there is none, or another thread will send it. */
  private Call next(boolean entering) {
    lock.lock();
    try {
      if (entering && sending) {
        return null;
      }
      sending = calls < MAX_CALLS && !waiting.isEmpty();
      if (!sending) {
        return null;
      }
      calls++;
      Call call = new Call();
      for (Iterator<Waiter> queue = waiting.iterator(); queue.hasNext(); ) {
        if (!call.add(queue.next())) {
          break;
        }
        queue.remove();
      }
      return call;
    } finally {
      lock.unlock();
    }
  }

  /** Sends in the root context: that of the thread belongs to one of the callers. */
  private void send(Call call) {
    Context context = Context.ROOT.attach();
    try {
      call.send();
    } catch (RuntimeException | Error error) {
      call.land(() -> call.fail(error));
    } finally {
      Context.ROOT.detach(context);
    }
  }

  /** Guarded by the lock until it is sent. */
  private final class Call {
    private final List<Waiter> waiters = new ArrayList<>();
    private final AtomicInteger stillWaiting = new AtomicInteger();
    private int bytes;
    private Deadline deadline;
    private volatile CompletableFuture<?> reply;

    /** Whether it is one of {@link #calls}; guarded by the lock. */
    private boolean counts = true;

    private volatile Future<?> stall;

    /** Returns true if there was room for it. */
    boolean add(Waiter waiter) {
      int size = waiter.item.getSerializedSize();
      boolean full = waiters.size() == MAX_ITEMS || bytes + size > MAX_BYTES;
      if (full && !waiters.isEmpty()) {
        return false;
      }
      bytes += size;
      deadline =
          deadline == null || deadline.isBefore(waiter.deadline) ? waiter.deadline : deadline;
      waiters.add(waiter);
      waiter.call = this;
      waiter.attempts++;
      stillWaiting.incrementAndGet();
      return true;
    }

    void send() {
      try {
        stall =
            timer.schedule(
                () -> CONTINUATIONS.execute(this::release), stalledAfter.toNanos(), NANOSECONDS);
      } catch (RejectedExecutionException closed) {
        // Then nothing comes behind it.
      }
      CallOptions options = CallOptions.DEFAULT.withDeadline(deadline);
      if (waiters.size() == 1) {
        Waiter alone = waiters.get(0);
        CheckRequest request = alone.check.toRequest();
        follow(
            Calls.unary(channel, getCheckMethod(), options, request, Decision::of),
            alone.answer::complete);
      } else {
        List<BatchCheckItem> items = waiters.stream().map(waiter -> waiter.item).toList();
        BatchCheckRequest request = BatchCheckRequest.newBuilder().addAllItems(items).build();
        follow(
            Calls.unary(
                channel,
                getBatchCheckMethod(),
                options,
                request,
                response -> CheckResult.listOf(response, items.size())),
            this::deliver);
      }
    }

    void left() {
      if (stillWaiting.decrementAndGet() == 0 && reply != null) {
        reply.cancel(true);
      }
    }

    /** Sends the checks that wait before it answers those of the call. */
    void land(Runnable answer) {
      if (stall != null) {
        stall.cancel(false);
      }
      release();
      answer.run();
    }

    /** Makes room for another call. */
    private void release() {
      lock.lock();
      try {
        if (counts) {
          counts = false;
          calls--;
        }
      } finally {
        lock.unlock();
      }
      pump();
    }

    void fail(Throwable error) {
      PatwardenException known = PatwardenException.from(error);
      waiters.forEach(waiter -> waiter.fail(new PatwardenException(known)));
    }

    private <R> void follow(CompletableFuture<R> reply, Consumer<R> deliver) {
      this.reply = reply;
      reply.whenComplete(
          (response, error) ->
              land(
                  () -> {
                    if (error == null) {
                      deliver.accept(response);
                    } else {
                      fail(error);
                    }
                  }));
      if (stillWaiting.get() == 0) {
        reply.cancel(true);
      }
    }

    private void deliver(List<CheckResult> results) {
      boolean mayRetry = budget.record(results.stream().anyMatch(CheckResult::isUnavailable));
      List<Waiter> again = new ArrayList<>();
      for (int i = 0; i < results.size(); i++) {
        Waiter waiter = waiters.get(i);
        CheckResult result = results.get(i);
        if (result.isUnavailable() && mayRetry && waiter.attempts < MAX_ATTEMPTS) {
          again.add(waiter);
        } else {
          waiter.accept(result);
        }
      }
      if (!again.isEmpty()) {
        retry(again);
      }
    }
  }

  /** Retries items that failed. The channel retries only failed calls. */
  private void retry(List<Waiter> waiters) {
    int attempts = waiters.stream().mapToInt(waiter -> waiter.attempts).max().orElseThrow();
    double jitter = ThreadLocalRandom.current().nextDouble(0.8, 1.2);
    long backoff = (long) (jitter * (FIRST_BACKOFF_NANOS << (attempts - 1)));
    try {
      timer.schedule(() -> enqueue(waiters), backoff, NANOSECONDS);
    } catch (RejectedExecutionException closed) {
      waiters.forEach(waiter -> waiter.fail(closed()));
    }
  }

  private static PatwardenException closed() {
    return new PatwardenException(Status.Code.UNAVAILABLE, "the client is closed");
  }

  private final class Waiter {
    final CompletableFuture<Decision> answer = new CompletableFuture<>();
    final Check check;
    final BatchCheckItem item;
    final Deadline deadline;

    /** The last call that had it; guarded by the lock. */
    Call call;

    /** The number of calls that had it. */
    int attempts;

    Waiter(Check check, Deadline deadline) {
      this.check = check;
      this.item = check.toItem();
      this.deadline = deadline;
    }

    void watch() {
      Future<?> timeout =
          timer.schedule(
              () -> CONTINUATIONS.execute(() -> fail(Calls.deadlineExceeded())),
              deadline.timeRemaining(NANOSECONDS),
              NANOSECONDS);
      Context context = Context.current();
      Context.CancellationListener cancelled =
          it -> fail(PatwardenException.from(Contexts.statusFromCancelled(it).asException()));
      context.addListener(cancelled, CONTINUATIONS);
      answer.whenComplete(
          (decision, error) -> {
            timeout.cancel(false);
            context.removeListener(cancelled);
            leave();
          });
    }

    void accept(CheckResult result) {
      result.error().ifPresentOrElse(this::fail, () -> answer.complete(result.decision()));
    }

    void fail(PatwardenException error) {
      answer.completeExceptionally(error);
    }

    private void leave() {
      Call left;
      lock.lock();
      try {
        waiting.remove(this);
        left = call;
      } finally {
        lock.unlock();
      }
      if (left != null) {
        left.left();
      }
    }
  }

  /** Throttles retries as gRPC does: after too many failures, only successes permit new ones. */
  private static final class RetryBudget {
    private static final double MAX = 10;
    private static final double REFUND = 0.1;
    private double left = MAX;

    /** Counts a result, and returns true if a failure may be retried. */
    synchronized boolean record(boolean failed) {
      left = failed ? Math.max(0, left - 1) : Math.min(MAX, left + REFUND);
      return left > MAX / 2;
    }
  }
}
