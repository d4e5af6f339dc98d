package dev.patwarden.client;

import com.google.common.util.concurrent.FutureCallback;
import com.google.common.util.concurrent.Futures;
import com.google.common.util.concurrent.ListenableFuture;
import com.google.common.util.concurrent.MoreExecutors;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.stub.ClientCalls;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.Function;

/** Converts unary calls to CompletableFutures, and their errors to PatwardenException. */
final class Calls {
  private Calls() {}

  /**
   * Cancelling the future cancels the call.
   *
   * @param answer converts the response, or throws PatwardenException
   */
  static <Q, R, T> CompletableFuture<T> unary(
      Channel channel,
      MethodDescriptor<Q, R> method,
      CallOptions options,
      Q request,
      Function<R, T> answer) {
    ListenableFuture<R> reply =
        ClientCalls.futureUnaryCall(channel.newCall(method, options), request);
    CompletableFuture<T> result = new CompletableFuture<>();
    Futures.addCallback(
        reply,
        new FutureCallback<R>() {
          @Override
          public void onSuccess(R response) {
            try {
              result.complete(answer.apply(response));
            } catch (PatwardenException error) {
              onFailure(error);
            }
          }

          @Override
          public void onFailure(Throwable error) {
            result.completeExceptionally(PatwardenException.from(error));
          }
        },
        MoreExecutors.directExecutor());
    result.whenComplete((value, error) -> reply.cancel(true));
    return result;
  }

  static PatwardenException deadlineExceeded() {
    return new PatwardenException(Status.Code.DEADLINE_EXCEEDED, "no answer within the deadline");
  }

  /** Waits for a result; cancels the call when the thread is interrupted. */
  static <T> T await(CompletableFuture<T> result) {
    try {
      return result.get();
    } catch (ExecutionException failed) {
      throw new PatwardenException(PatwardenException.from(failed));
    } catch (InterruptedException interrupted) {
      result.cancel(true);
      Thread.currentThread().interrupt();
      throw new PatwardenException(Status.Code.CANCELLED, "interrupted");
    }
  }
}
