package dev.patwarden.client;

import dev.patwarden.v1.AuditServiceGrpc;
import dev.patwarden.v1.AuthorizationServiceGrpc;
import dev.patwarden.v1.PolicyServiceGrpc;
import dev.patwarden.v1.SelfServiceGrpc;
import dev.patwarden.v1.SubjectServiceGrpc;
import dev.patwarden.v1.TokenServiceGrpc;
import dev.patwarden.v1.UsageServiceGrpc;
import io.grpc.MethodDescriptor;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** The retry policy: the channel's service config, in the form of its JSON. */
final class Retries {
  /** They are safe to retry; those that make a secret have a {@code request_id}. */
  private static final List<MethodDescriptor<?, ?>> REPEATABLE =
      List.of(
          TokenServiceGrpc.getGetTokenMethod(),
          TokenServiceGrpc.getListTokensMethod(),
          TokenServiceGrpc.getGetTokenSummaryMethod(),
          TokenServiceGrpc.getRevokeTokenMethod(),
          TokenServiceGrpc.getRevokeTokensMethod(),
          TokenServiceGrpc.getRevokeSecretMethod(),
          TokenServiceGrpc.getCreateTokenMethod(),
          TokenServiceGrpc.getRotateTokenMethod(),
          SubjectServiceGrpc.getGetSubjectMethod(),
          SubjectServiceGrpc.getListSubjectsMethod(),
          PolicyServiceGrpc.getGetPolicyMethod(),
          AuditServiceGrpc.getListAuditEventsMethod(),
          UsageServiceGrpc.getQueryUsageMethod(),
          SelfServiceGrpc.getGetCallerMethod(),
          SelfServiceGrpc.getListOrganizationsMethod(),
          SelfServiceGrpc.getGetCatalogMethod(),
          SelfServiceGrpc.getGetCreationLimitsMethod(),
          SelfServiceGrpc.getListReachableMethod(),
          SelfServiceGrpc.getExplainTokenMethod());

  static final Map<String, ?> SERVICE_CONFIG =
      Map.of(
          "loadBalancingConfig",
          List.of(Map.of("round_robin", Map.of())),
          "methodConfig",
          List.of(
              Map.of(
                  "name",
                  Stream.concat(
                          Stream.of(Map.of("service", AuthorizationServiceGrpc.SERVICE_NAME)),
                          REPEATABLE.stream().map(Retries::nameOf))
                      .toList(),
                  "retryPolicy",
                  Map.of(
                      "maxAttempts",
                      4.0,
                      "initialBackoff",
                      "0.05s",
                      "maxBackoff",
                      "1s",
                      "backoffMultiplier",
                      2.0,
                      "retryableStatusCodes",
                      List.of("UNAVAILABLE")))),
          "retryThrottling",
          Map.of("maxTokens", 10.0, "tokenRatio", 0.1));

  private Retries() {}

  private static Map<String, String> nameOf(MethodDescriptor<?, ?> method) {
    return Map.of("service", method.getServiceName(), "method", method.getBareMethodName());
  }
}
