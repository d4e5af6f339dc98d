package dev.patwarden.client;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.StreamSupport;

/** The running server that clients are tested against, and the vectors. */
final class Harness {
  /** Longer than a slow machine takes for anything. */
  static final Duration PATIENCE = Duration.ofSeconds(30);

  private static final JsonObject DESCRIPTION = read(Path.of(required("PATWARDEN_CLIENT_TESTS")));
  private static final HttpClient HTTP = HttpClient.newHttpClient();
  private static final Pattern PLACEHOLDER = Pattern.compile("\\$\\{(\\w+)(?:\\.(\\w+))?}");

  private Harness() {}

  static String text(String... path) {
    JsonElement value = DESCRIPTION;
    for (String name : path) {
      value = value.getAsJsonObject().get(name);
    }
    return value.getAsString();
  }

  static String key(String alias) {
    return text("keys", alias);
  }

  static String secret(String alias) {
    return text("tokens", alias, "secret");
  }

  /** To the server, with patience. */
  static PatwardenClient.Builder client(String key) {
    return client("endpoint", key);
  }

  static PatwardenClient.Builder client(String endpoint, String key) {
    return PatwardenClient.builder(text(endpoint))
        .plaintext()
        .serviceKey(key(key))
        .decisionDeadline(PATIENCE)
        .deadline(PATIENCE);
  }

  /** The cases of a file, with what stands for a token filled in. */
  static List<JsonObject> vectors(String name) {
    try {
      String text = Files.readString(Path.of(text("vectors"), name + ".json"));
      return StreamSupport.stream(
              JsonParser.parseString(filledIn(text)).getAsJsonArray().spliterator(), false)
          .map(JsonElement::getAsJsonObject)
          .toList();
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  /** The token of a question: an alias, or a text. */
  static String token(JsonObject question) {
    JsonElement token = question.get("token");
    return token.isJsonObject()
        ? token.getAsJsonObject().get("text").getAsString()
        : secret(token.getAsString());
  }

  static void control(String path) {
    HttpResponse<String> response =
        http(HttpRequest.newBuilder().POST(HttpRequest.BodyPublishers.noBody()), path);
    if (response.statusCode() != 204) {
      throw new IllegalStateException(path + ": " + response.statusCode() + response.body());
    }
  }

  static String counter(String path) {
    return http(HttpRequest.newBuilder().GET(), path).body();
  }

  /** Waits until it is so. */
  static void until(String what, Callable<Boolean> isSo) throws Exception {
    for (long start = System.nanoTime(); !isSo.call(); Thread.sleep(20)) {
      if (System.nanoTime() - start > PATIENCE.toNanos()) {
        throw new AssertionError("not in time: " + what);
      }
    }
  }

  private static HttpResponse<String> http(HttpRequest.Builder request, String path) {
    try {
      return HTTP.send(
          request.uri(URI.create(text("control") + path)).build(),
          HttpResponse.BodyHandlers.ofString());
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    } catch (InterruptedException error) {
      throw new IllegalStateException(error);
    }
  }

  private static String filledIn(String text) {
    return PLACEHOLDER
        .matcher(text)
        .replaceAll(
            it -> {
              String field = it.group(2) == null ? "secret" : it.group(2);
              return Matcher.quoteReplacement(text("tokens", it.group(1), field));
            });
  }

  private static JsonObject read(Path file) {
    try {
      return JsonParser.parseString(Files.readString(file)).getAsJsonObject();
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  private static String required(String variable) {
    String value = System.getenv(variable);
    if (value == null) {
      throw new IllegalStateException(variable + " is not set: see clients/vectors/README.md");
    }
    return value;
  }
}
