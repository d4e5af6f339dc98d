package dev.patwarden.spring;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.patwarden.client.Decision;
import dev.patwarden.client.PatwardenClient;
import dev.patwarden.v1.Reason;
import dev.patwarden.v1.RequestContext;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Principal;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.boot.web.servlet.FilterRegistrationBean;
import org.springframework.context.annotation.Bean;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/** A Spring Boot application before the server: the cases that all clients share, and ours. */
@SpringBootTest(
    classes = PatwardenFilterTest.Application.class,
    webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT)
@Timeout(60)
class PatwardenFilterTest {
  private static final Harness HARNESS = new Harness();
  private static final HttpClient HTTP = HttpClient.newHttpClient();

  @LocalServerPort private int port;

  /** Three guards, by the first part of the path; the rest is resource and action. */
  @RestController
  @EnableAutoConfiguration
  static class Application {
    @Bean(destroyMethod = "close")
    PatwardenClient patwarden() {
      return PatwardenClient.builder(HARNESS.text("endpoint"))
          .plaintext()
          .serviceKey(HARNESS.text("keys", "checker"))
          .decisionDeadline(Duration.ofSeconds(30))
          .build();
    }

    @Bean
    FilterRegistrationBean<PatwardenFilter> plain(PatwardenClient client) {
      return at("/plain/*", PatwardenFilter.builder(client, Application::route).build());
    }

    @Bean
    FilterRegistrationBean<PatwardenFilter> explaining(PatwardenClient client) {
      PatwardenFilter filter =
          PatwardenFilter.builder(client, Application::route).explainInvalidToken(true).build();
      return at("/explaining/*", filter);
    }

    @Bean
    FilterRegistrationBean<PatwardenFilter> rich(PatwardenClient client) {
      PatwardenFilter filter =
          PatwardenFilter.builder(client, Application::route)
              .realm("the shop")
              .claims("plan")
              .context(
                  request ->
                      RequestContext.newBuilder().setClientIp(request.getRemoteAddr()).build())
              .verifier(Application::verify)
              .build();
      return at("/rich/*", filter);
    }

    @GetMapping({"/plain/{resource}/{action}", "/rich/{resource}/{action}", "/open"})
    Map<String, String> show(Principal principal, HttpServletRequest request) {
      return PatwardenFilter.decisionOf(request)
          .map(
              decision ->
                  Map.of(
                      "principal", principal.getName(),
                      "remote_user", request.getRemoteUser(),
                      "subject", decision.subject(),
                      "plan", decision.claims().getOrDefault("plan", "")))
          .orElse(Map.of());
    }

    private static FilterRegistrationBean<PatwardenFilter> at(
        String pattern, PatwardenFilter filter) {
      FilterRegistrationBean<PatwardenFilter> registration = new FilterRegistrationBean<>(filter);
      registration.addUrlPatterns(pattern);
      registration.setName(pattern);
      return registration;
    }

    private static Route route(HttpServletRequest request) {
      String[] path = request.getServletPath().split("/", 4);
      return new Route(path[2], path[3]);
    }

    private static Decision verify(String credential, Route route, HttpServletRequest request) {
      return switch (credential) {
        case "jwt-of-carol" -> Decision.allow("user:carol");
        case "jwt-of-mallory" -> Decision.deny(Reason.REASON_NOT_PERMITTED, "user:mallory");
        case "jwt-undecided" -> throw new IllegalStateException("cannot verify " + credential);
        default -> Decision.deny(Reason.REASON_TOKEN_UNKNOWN, "");
      };
    }
  }

  @TestFactory
  Stream<DynamicTest> guards() throws IOException {
    return HARNESS
        .vectors("guards")
        .map(vector -> dynamicTest(text(vector, "name"), () -> guard(vector)));
  }

  private void guard(JsonObject vector) throws Exception {
    JsonObject route = vector.getAsJsonObject("route");
    HttpRequest.Builder request =
        request(
                "/%s/%s/%s%s"
                    .formatted(
                        vector.has("explain_invalid_token") ? "explaining" : "plain",
                        encoded(text(route, "resource")),
                        encoded(text(route, "action")),
                        vector.has("query") ? "?" + text(vector, "query") : ""))
            .method(text(vector, "method"), HttpRequest.BodyPublishers.noBody());
    vector
        .getAsJsonObject("headers")
        .entrySet()
        .forEach(header -> request.header(header.getKey(), header.getValue().getAsString()));
    if (vector.has("fault")) {
      HARNESS.control("/openfga/" + text(vector.getAsJsonObject("fault"), "openfga"));
    }
    HttpResponse<String> response;
    try {
      response = send(request);
    } finally {
      if (vector.has("fault")) {
        HARNESS.control("/openfga/heal");
      }
    }
    JsonObject expected = vector.getAsJsonObject("expect");
    assertEquals(expected.get("status").getAsInt(), response.statusCode());
    String challenge = response.headers().firstValue("WWW-Authenticate").orElse("");
    assertEquals(response.statusCode() == 401, !challenge.isEmpty());
    assertEquals(
        response.statusCode() == 503, response.headers().firstValue("Retry-After").isPresent());
    if (expected.has("www_authenticate")) {
      assertTrue(challenge.contains(text(expected, "www_authenticate")), challenge);
    }
    if (expected.has("www_authenticate_without")) {
      assertFalse(challenge.contains(text(expected, "www_authenticate_without")), challenge);
    }
    if (expected.has("subject")) {
      String subject = text(expected, "subject");
      JsonObject body = JsonParser.parseString(response.body()).getAsJsonObject();
      assertEquals(subject, text(body, "subject"));
      assertEquals(subject, text(body, "principal"));
      assertEquals(subject, text(body, "remote_user"));
    } else {
      assertEquals(expected.get("body"), JsonParser.parseString(response.body()));
      assertEquals(
          "application/problem+json", response.headers().firstValue("Content-Type").orElseThrow());
      assertEquals("no-store", response.headers().firstValue("Cache-Control").orElseThrow());
    }
  }

  @Test
  void whatIsNotRegisteredIsNotGuarded() throws Exception {
    HttpResponse<String> response = send(request("/open"));
    assertEquals(200, response.statusCode());
    assertEquals("{}", response.body());
  }

  @Test
  void handlersAreGivenClaims() throws Exception {
    HttpResponse<String> response = rich(HARNESS.text("tokens", "alice", "secret"));
    assertEquals("gold", text(JsonParser.parseString(response.body()).getAsJsonObject(), "plan"));
  }

  @Test
  void theAddressIsThatOfThePeer() throws Exception {
    // Limited to other networks than loopback, whatever a header says.
    HttpResponse<String> response =
        send(
            request("/rich/document:roadmap/viewer")
                .header(
                    "Authorization",
                    "Bearer " + HARNESS.text("tokens", "alice_at_office", "secret"))
                .header("X-Forwarded-For", "192.0.2.7"));
    assertEquals(401, response.statusCode());
  }

  @Test
  void otherCredentialsAreVerifiedByTheHost() throws Exception {
    HttpResponse<String> allowed = rich("jwt-of-carol");
    assertEquals(200, allowed.statusCode());
    assertEquals(
        "user:carol", text(JsonParser.parseString(allowed.body()).getAsJsonObject(), "principal"));
    assertEquals(403, rich("jwt-of-mallory").statusCode());
    assertEquals(503, rich("jwt-undecided").statusCode());
    HttpResponse<String> unknown = rich("jwt-of-nobody");
    assertEquals(401, unknown.statusCode());
    assertEquals(
        "Bearer realm=\"the shop\", error=\"invalid_token\"",
        unknown.headers().firstValue("WWW-Authenticate").orElseThrow());
  }

  @Test
  void ourCredentialsAreNotShownToTheHost() throws Exception {
    // The verifier would be undecided about it.
    assertEquals(401, rich("pw_pat_cut-off").statusCode());
    assertEquals(200, rich(HARNESS.text("tokens", "alice", "secret")).statusCode());
  }

  @Test
  @ExtendWith(OutputCaptureExtension.class)
  void whatIsUndecidedIsLoggedWithoutAToken(CapturedOutput output) throws Exception {
    String token = HARNESS.text("tokens", "alice", "secret");
    send(request("/plain/document:roadmap/owner").header("Authorization", "Bearer " + token));
    rich("jwt-undecided");
    send(request("/plain/document:a%20b/viewer").header("Authorization", "Bearer " + token));
    List<String> lines =
        output.getAll().lines().filter(line -> line.contains("no decision")).toList();
    assertEquals(2, lines.size(), lines::toString);
    assertTrue(
        lines.get(0).matches(".* owner of document:roadmap: .* UNKNOWN_ACTION: .* [(]request .*"),
        lines.get(0));
    assertTrue(lines.get(1).endsWith("cannot verify [redacted]"), lines.get(1));
    assertFalse(output.getAll().contains(token));
  }

  private static String encoded(String segment) {
    return URLEncoder.encode(segment, UTF_8).replace("+", "%20").replace("%3A", ":");
  }

  private HttpResponse<String> rich(String credential) throws Exception {
    return send(
        request("/rich/document:roadmap/viewer").header("Authorization", "Bearer " + credential));
  }

  private HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path));
  }

  private static HttpResponse<String> send(HttpRequest.Builder request) throws Exception {
    return HTTP.send(request.build(), HttpResponse.BodyHandlers.ofString());
  }

  private static String text(JsonObject object, String name) {
    return object.get(name).getAsString();
  }

  /** The environment of the tests, and the vectors. */
  private static final class Harness {
    private static final Pattern PLACEHOLDER = Pattern.compile("\\$\\{(\\w+)(?:\\.(\\w+))?}");
    private final JsonElement description;

    Harness() {
      String file = System.getenv("PATWARDEN_CLIENT_TESTS");
      if (file == null) {
        throw new IllegalStateException("PATWARDEN_CLIENT_TESTS is not set: see ../README.md");
      }
      try {
        description = JsonParser.parseString(Files.readString(Path.of(file)));
      } catch (IOException error) {
        throw new UncheckedIOException(error);
      }
    }

    String text(String... path) {
      JsonElement value = description;
      for (String name : path) {
        value = value.getAsJsonObject().get(name);
      }
      return value.getAsString();
    }

    Stream<JsonObject> vectors(String name) throws IOException {
      String text = Files.readString(Path.of(text("vectors"), name + ".json"));
      String filled =
          PLACEHOLDER
              .matcher(text)
              .replaceAll(
                  it -> {
                    String field = it.group(2) == null ? "secret" : it.group(2);
                    return Matcher.quoteReplacement(text("tokens", it.group(1), field));
                  });
      return StreamSupport.stream(
              JsonParser.parseString(filled).getAsJsonArray().spliterator(), false)
          .map(JsonElement::getAsJsonObject);
    }

    void control(String path) throws Exception {
      HttpRequest.Builder post =
          HttpRequest.newBuilder(URI.create(text("control") + path))
              .POST(HttpRequest.BodyPublishers.noBody());
      assertEquals(204, send(post).statusCode());
    }
  }
}
