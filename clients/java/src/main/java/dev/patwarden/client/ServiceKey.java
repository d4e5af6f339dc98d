package dev.patwarden.client;

import io.grpc.CallCredentials;
import io.grpc.Metadata;
import io.grpc.Status;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.function.Supplier;

/** Adds the service key to each call, or fails it. */
final class ServiceKey extends CallCredentials {
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  private final Supplier<? extends CompletionStage<String>> source;

  private ServiceKey(Supplier<? extends CompletionStage<String>> source) {
    this.source = source;
  }

  static ServiceKey fixed(String key) {
    CompletionStage<String> known = CompletableFuture.completedStage(requireSendable(key));
    return new ServiceKey(() -> known);
  }

  static ServiceKey from(Supplier<? extends CompletionStage<String>> source) {
    return new ServiceKey(source);
  }

  @Override
  public void applyRequestMetadata(RequestInfo call, Executor executor, MetadataApplier applier) {
    executor.execute(
        () -> {
          try {
            source.get().whenComplete((key, error) -> apply(key, error, applier));
          } catch (RuntimeException error) {
            apply(null, error, applier);
          }
        });
  }

  private static void apply(String key, Throwable error, MetadataApplier applier) {
    Metadata headers = new Metadata();
    try {
      if (error == null) {
        headers.put(AUTHORIZATION, "Bearer " + requireSendable(key));
      }
    } catch (RuntimeException unsendable) {
      error = unsendable;
    }
    if (error == null) {
      applier.apply(headers);
    } else {
      applier.fail(
          Status.UNAUTHENTICATED
              .withDescription("the source of the service key failed or returned no valid key")
              .withCause(error));
    }
  }

  /** Checked here because gRPC puts an invalid key into its message. */
  private static String requireSendable(String key) {
    if (key == null || key.isEmpty() || !key.chars().allMatch(c -> c > ' ' && c < 0x7f)) {
      throw new IllegalArgumentException("the service key must be visible ASCII characters");
    }
    return key;
  }
}
