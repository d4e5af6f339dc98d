package dev.patwarden.example;

import dev.patwarden.client.Check;
import dev.patwarden.client.CheckResult;
import dev.patwarden.client.Decision;
import dev.patwarden.client.PatwardenClient;
import dev.patwarden.client.ProtoTime;
import dev.patwarden.client.ResourceStream;
import dev.patwarden.client.Secret;
import dev.patwarden.v1.CreateTokenRequest;
import dev.patwarden.v1.CreateTokenResponse;
import dev.patwarden.v1.Grant;
import dev.patwarden.v1.RevokeTokenRequest;
import dev.patwarden.v1.Rule;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * Shows the life of a token, with a server that has the model and tuples of {@code
 * examples/direct}, such as that of {@code make dev}. KEY is a service key with all permissions;
 * ENDPOINT is the server's gRPC port, by default that of {@code make dev}.
 */
public final class Example {
  private Example() {}

  /** Prints each question and its answer. */
  public static void main(String[] arguments) {
    String endpoint = Optional.ofNullable(System.getenv("ENDPOINT")).orElse("127.0.0.1:9081");
    try (PatwardenClient patwarden =
        PatwardenClient.builder(endpoint).plaintext().serviceKey(System.getenv("KEY")).build()) {
      CreateTokenResponse made = patwarden.tokens().createToken(readerOfDocuments());
      String token = made.getSecret();
      Secret secret = Secret.parse(token).orElseThrow();
      System.out.println("Alice has a token: " + secret + ", " + made.getToken().getId());

      report("may read the roadmap", patwarden.check(token, "document:roadmap", "viewer"));
      report("may not read the payroll", patwarden.check(token, "document:payroll", "viewer"));
      report("may not write the roadmap", patwarden.check(token, "document:roadmap", "editor"));

      List<CheckResult> batch =
          patwarden.batchCheck(
              List.of(
                  Check.of(token, "document:roadmap", "viewer"),
                  Check.of(token, "invoice:1", "viewer")));
      report("is asked many things at once", batch.get(0).decision());
      batch.get(1).error().ifPresent(error -> System.out.println("  and one is: " + error));

      try (ResourceStream resources = patwarden.listResources(token, "document", "viewer")) {
        System.out.println("Alice may read " + resources.toList());
      }

      patwarden
          .tokens()
          .revokeToken(RevokeTokenRequest.newBuilder().setId(made.getToken().getId()).build());
      report("is refused when revoked", patwarden.check(token, "document:roadmap", "viewer"));
    }
  }

  private static CreateTokenRequest readerOfDocuments() {
    return CreateTokenRequest.newBuilder()
        .setSubject("user:alice")
        .setName("example")
        .setTtl(ProtoTime.duration(Duration.ofHours(1)))
        .setGrant(
            Grant.newBuilder()
                .addRules(Rule.newBuilder().addActions("viewer").addResources("document:*")))
        .build();
  }

  /** Prints what a web service would answer. A PatwardenException would be a 503. */
  private static void report(String what, Decision decision) {
    int status = decision.allowed() ? 200 : decision.tokenValid() ? 403 : 401;
    System.out.println("It " + what + ": " + decision.reason() + ", " + status);
  }
}
