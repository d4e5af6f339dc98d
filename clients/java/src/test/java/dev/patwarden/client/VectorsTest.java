package dev.patwarden.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import dev.patwarden.v1.AuditServiceGrpc;
import dev.patwarden.v1.AuthorizationServiceGrpc;
import dev.patwarden.v1.Consistency;
import dev.patwarden.v1.ListResourcesRequest;
import dev.patwarden.v1.PolicyServiceGrpc;
import dev.patwarden.v1.Reason;
import dev.patwarden.v1.RequestContext;
import dev.patwarden.v1.SelfServiceGrpc;
import dev.patwarden.v1.SubjectServiceGrpc;
import dev.patwarden.v1.TokenServiceGrpc;
import dev.patwarden.v1.UsageServiceGrpc;
import io.grpc.CallOptions;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.PrototypeMarshaller;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.function.ThrowingConsumer;

/** The cases that all clients share, against the server. */
class VectorsTest {
  /** By their names in lower snake case. All are of messages. */
  @SuppressWarnings("unchecked")
  private static final Map<String, MethodDescriptor<Message, Message>> METHODS =
      Stream.of(
              AuthorizationServiceGrpc.getServiceDescriptor(),
              TokenServiceGrpc.getServiceDescriptor(),
              SubjectServiceGrpc.getServiceDescriptor(),
              PolicyServiceGrpc.getServiceDescriptor(),
              AuditServiceGrpc.getServiceDescriptor(),
              UsageServiceGrpc.getServiceDescriptor(),
              SelfServiceGrpc.getServiceDescriptor())
          .flatMap(service -> service.getMethods().stream())
          .collect(
              Collectors.toMap(
                  method ->
                      method
                          .getBareMethodName()
                          .replaceAll("(?<=.)([A-Z])", "_$1")
                          .toLowerCase(Locale.ROOT),
                  method -> (MethodDescriptor<Message, Message>) method));

  private static PatwardenClient client;

  @BeforeAll
  static void connect() {
    client = Harness.client("checker").build();
  }

  @AfterAll
  static void close() {
    client.close();
  }

  @TestFactory
  Stream<DynamicTest> secrets() {
    return each(
        "secrets",
        vector -> {
          Optional<Secret> secret =
              Secret.parse(vector.get("text").getAsString(), vector.get("brand").getAsString());
          assertEquals(vector.get("wellFormed").getAsBoolean(), secret.isPresent());
          if (secret.isPresent()) {
            boolean user = vector.get("kind").getAsString().equals("pat");
            assertEquals(
                user ? Secret.Kind.USER : Secret.Kind.ORGANIZATION, secret.get().getKind());
            assertEquals(vector.get("hint").getAsString(), secret.get().getHint());
          }
        });
  }

  @TestFactory
  Stream<DynamicTest> checks() {
    return each("checks", vector -> verify(vector, () -> client.check(checkOf(vector))));
  }

  @TestFactory
  Stream<DynamicTest> checksAtTheSameMoment() {
    List<JsonObject> vectors = Harness.vectors("checks");
    List<CompletableFuture<Decision>> answers =
        vectors.stream().map(vector -> client.checkAsync(checkOf(vector))).toList();
    List<DynamicTest> tests = new ArrayList<>();
    for (int i = 0; i < vectors.size(); i++) {
      CompletableFuture<Decision> answer = answers.get(i);
      JsonObject vector = vectors.get(i);
      tests.add(dynamicTest(nameOf(vector), () -> verify(vector, () -> Calls.await(answer))));
    }
    return tests.stream();
  }

  @TestFactory
  Stream<DynamicTest> batches() {
    return each(
        "batches",
        vector -> {
          List<CheckResult> results =
              client.batchCheck(elements(vector, "items").map(VectorsTest::checkOf).toList());
          List<JsonObject> expected = elements(vector, "expect").toList();
          assertEquals(expected.size(), results.size());
          for (int i = 0; i < results.size(); i++) {
            if (expected.get(i).has("error")) {
              verifyError(
                  expected.get(i).getAsJsonObject("error"), results.get(i).error().orElseThrow());
              assertThrows(PatwardenException.class, results.get(i)::decision);
            } else {
              assertEquals(expectedDecision(expected.get(i)), observed(results.get(i).decision()));
            }
          }
        });
  }

  @TestFactory
  Stream<DynamicTest> lists() {
    return each(
        "lists",
        vector -> {
          ListResourcesRequest request =
              ListResourcesRequest.newBuilder()
                  .setToken(Harness.token(vector))
                  .setType(vector.get("type").getAsString())
                  .setAction(vector.get("action").getAsString())
                  .setContext(contextOf(vector))
                  .build();
          if (vector.has("error")) {
            verifyError(
                vector.getAsJsonObject("error"),
                assertThrows(
                    PatwardenException.class, () -> client.listResources(request).toList()));
            return;
          }
          JsonObject expected = vector.getAsJsonObject("expect");
          try (ResourceStream resources = client.listResources(request)) {
            assertEquals(reasonOf(expected), resources.reason());
            assertEquals(expected.get("token_valid").getAsBoolean(), resources.tokenValid());
            assertEquals(
                strings(expected, "resources"), resources.toList().stream().sorted().toList());
            assertEquals(expected.get("incomplete").getAsBoolean(), resources.incomplete());
          }
        });
  }

  @Test
  void listsAreLongerThanMessages() {
    try (ResourceStream resources =
        client.listResources(Harness.secret("librarian"), "document", "viewer")) {
      assertThrows(IllegalStateException.class, resources::incomplete);
      long distinct =
          StreamSupport.stream(resources.spliterator(), false)
              .filter(resource -> resource.startsWith("document:archive-"))
              .distinct()
              .count();
      assertEquals(2_500, distinct);
      assertFalse(resources.incomplete());
    }
  }

  @TestFactory
  Stream<DynamicTest> errors() {
    return each(
        "errors",
        vector -> {
          try (PatwardenClient caller = Harness.client(vector.get("key").getAsString()).build()) {
            PatwardenException error =
                assertThrows(
                    PatwardenException.class,
                    () ->
                        call(
                            caller,
                            vector.get("call").getAsString(),
                            vector.getAsJsonObject("request")));
            verifyError(vector.getAsJsonObject("error"), error);
            assertFalse(error.getRequestId().isEmpty());
            verifyNoSecrets(error);
          }
        });
  }

  /** Calls a method by its name, as stubs do. */
  private static void call(PatwardenClient caller, String name, JsonObject request) {
    MethodDescriptor<Message, Message> method = METHODS.get(name);
    Message.Builder message =
        ((PrototypeMarshaller<Message>) method.getRequestMarshaller())
            .getMessagePrototype()
            .newBuilderForType();
    merge(request, message);
    try {
      if (method.getType() == MethodDescriptor.MethodType.UNARY) {
        ClientCalls.blockingUnaryCall(
            caller.channel(), method, CallOptions.DEFAULT, message.build());
      } else {
        ClientCalls.blockingServerStreamingCall(
                caller.channel(), method, CallOptions.DEFAULT, message.build())
            .forEachRemaining(part -> {});
      }
    } catch (StatusRuntimeException error) {
      throw PatwardenException.from(error);
    }
  }

  private static void verifyNoSecrets(Throwable error) {
    for (Throwable cause = error; cause != null; cause = cause.getCause()) {
      assertFalse(cause.toString().contains(Harness.secret("alice")));
      assertFalse(cause.toString().contains(Harness.key("admin")));
    }
  }

  private static void verify(JsonObject vector, Answer answer) throws Exception {
    if (vector.has("error")) {
      PatwardenException error = assertThrows(PatwardenException.class, answer::get);
      verifyError(vector.getAsJsonObject("error"), error);
    } else {
      assertEquals(expectedDecision(vector.getAsJsonObject("expect")), observed(answer.get()));
    }
  }

  private static void verifyError(JsonObject expected, PatwardenException error) {
    assertEquals(expected.get("code").getAsString(), error.getCode().name());
    assertEquals(expected.get("reason").getAsString(), error.getReason());
    if (expected.has("fields")) {
      assertEquals(
          strings(expected, "fields").stream().sorted().toList(),
          error.getFieldViolations().stream().map(FieldViolation::field).sorted().toList());
    }
    if (expected.has("metadata")) {
      expected
          .getAsJsonObject("metadata")
          .entrySet()
          .forEach(
              entry ->
                  assertEquals(
                      entry.getValue().getAsString(), error.getMetadata().get(entry.getKey())));
    }
    assertEquals(expected.has("retry_delay"), error.getRetryDelay().isPresent());
  }

  private interface Answer {
    Decision get() throws Exception;
  }

  /** The parts of a decision that vectors have: whether it expires, not when. */
  private record Observed(
      boolean allowed,
      Reason reason,
      boolean tokenValid,
      String subject,
      String tokenId,
      String organization,
      boolean expires,
      Map<String, String> claims) {}

  private static Observed observed(Decision decision) {
    return new Observed(
        decision.allowed(),
        decision.reason(),
        decision.tokenValid(),
        decision.subject(),
        decision.tokenId(),
        decision.organization(),
        decision.expireTime().isPresent(),
        decision.claims());
  }

  private static Observed expectedDecision(JsonObject expected) {
    Map<String, String> claims =
        expected.has("claims")
            ? expected.getAsJsonObject("claims").entrySet().stream()
                .collect(Collectors.toMap(Map.Entry::getKey, it -> it.getValue().getAsString()))
            : Map.of();
    return new Observed(
        expected.get("allowed").getAsBoolean(),
        reasonOf(expected),
        expected.get("token_valid").getAsBoolean(),
        string(expected, "subject"),
        expected.has("token_id")
            ? Harness.text("tokens", expected.get("token_id").getAsString(), "id")
            : "",
        string(expected, "organization"),
        expected.has("expires") && expected.get("expires").getAsBoolean(),
        claims);
  }

  private static Check checkOf(JsonObject vector) {
    Check check =
        Check.of(
                Harness.token(vector),
                vector.get("resource").getAsString(),
                vector.get("action").getAsString())
            .withContext(contextOf(vector));
    if (vector.has("consistency")) {
      check =
          check.withConsistency(
              Consistency.valueOf("CONSISTENCY_" + vector.get("consistency").getAsString()));
    }
    if (vector.has("claims")) {
      check = check.withClaims(strings(vector, "claims").toArray(String[]::new));
    }
    return check;
  }

  private static RequestContext contextOf(JsonObject vector) {
    RequestContext.Builder context = RequestContext.newBuilder();
    if (vector.has("context")) {
      merge(vector.get("context"), context);
    }
    return context.build();
  }

  private static void merge(JsonElement json, Message.Builder message) {
    try {
      JsonFormat.parser().merge(json.toString(), message);
    } catch (InvalidProtocolBufferException error) {
      throw new IllegalArgumentException(error);
    }
  }

  private static Reason reasonOf(JsonObject expected) {
    return Reason.valueOf("REASON_" + expected.get("reason").getAsString());
  }

  private static String string(JsonObject vector, String name) {
    return vector.has(name) ? vector.get(name).getAsString() : "";
  }

  private static List<String> strings(JsonObject vector, String name) {
    return StreamSupport.stream(vector.getAsJsonArray(name).spliterator(), false)
        .map(JsonElement::getAsString)
        .toList();
  }

  private static Stream<JsonObject> elements(JsonObject vector, String name) {
    return StreamSupport.stream(vector.getAsJsonArray(name).spliterator(), false)
        .map(JsonElement::getAsJsonObject);
  }

  private static String nameOf(JsonObject vector) {
    return vector.get("name").getAsString();
  }

  private static Stream<DynamicTest> each(String file, ThrowingConsumer<JsonObject> test) {
    return DynamicTest.stream(Harness.vectors(file).stream(), VectorsTest::nameOf, test);
  }
}
