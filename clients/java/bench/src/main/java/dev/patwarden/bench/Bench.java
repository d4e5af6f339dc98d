package dev.patwarden.bench;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.patwarden.client.Decision;
import dev.patwarden.client.PatwardenClient;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;

/**
 * Decisions per second of 64 threads that check, with and without coalescing, against the server
 * that PATWARDEN_CLIENT_TESTS describes.
 */
final class Bench {
  private static final int THREADS = 64;
  private static final Duration WARM_UP = Duration.ofSeconds(3);
  private static final Duration MEASURED = Duration.ofSeconds(5);
  private static final int ROUNDS = 2;

  private Bench() {}

  public static void main(String[] arguments) throws IOException, InterruptedException {
    String file = Files.readString(Path.of(System.getenv("PATWARDEN_CLIENT_TESTS")));
    JsonObject server = JsonParser.parseString(file).getAsJsonObject();
    for (int round = 0; round < ROUNDS; round++) {
      for (boolean coalescing : new boolean[] {true, false}) {
        try (PatwardenClient client =
            PatwardenClient.builder(server.get("endpoint").getAsString())
                .plaintext()
                .serviceKey(server.getAsJsonObject("keys").get("checker").getAsString())
                .decisionDeadline(Duration.ofSeconds(10))
                .coalescing(coalescing)
                .build()) {
          String token =
              server.getAsJsonObject("tokens").getAsJsonObject("alice").get("secret").getAsString();
          run(client, token, WARM_UP);
          System.out.printf(
              "coalescing %-3s %,7d decisions/s%n",
              coalescing ? "on" : "off", run(client, token, MEASURED));
        }
      }
    }
  }

  /** Decisions per second. */
  private static long run(PatwardenClient client, String token, Duration time)
      throws InterruptedException {
    LongAdder decisions = new LongAdder();
    long start = System.nanoTime();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < THREADS; i++) {
      Thread thread =
          new Thread(
              () -> {
                while (System.nanoTime() - start < time.toNanos()) {
                  Decision decision = client.check(token, "document:roadmap", "viewer");
                  if (!decision.allowed()) {
                    throw new IllegalStateException(decision.toString());
                  }
                  decisions.increment();
                }
              });
      thread.start();
      threads.add(thread);
    }
    for (Thread thread : threads) {
      thread.join();
    }
    return decisions.sum() * 1_000_000_000 / (System.nanoTime() - start);
  }
}
