package dev.patwarden.client;

import dev.patwarden.v1.BatchCheckItem;
import dev.patwarden.v1.CheckRequest;
import dev.patwarden.v1.Consistency;
import dev.patwarden.v1.RequestContext;
import java.util.List;
import java.util.Objects;

/**
 * A question whether the bearer of a token may do something. Immutable; each {@code with…} returns
 * a new one.
 */
public final class Check {
  private final String token;
  private final String resource;
  private final String action;
  private final RequestContext context;
  private final Consistency consistency;
  private final List<String> claims;

  private Check(
      String token,
      String resource,
      String action,
      RequestContext context,
      Consistency consistency,
      List<String> claims) {
    this.token = Objects.requireNonNull(token, "token");
    this.resource = Objects.requireNonNull(resource, "resource");
    this.action = Objects.requireNonNull(action, "action");
    this.context = Objects.requireNonNull(context, "context");
    this.consistency = Objects.requireNonNull(consistency, "consistency");
    this.claims = List.copyOf(claims);
  }

  /**
   * Makes a question about a token as the bearer sent it.
   *
   * @param token the secret; a malformed one is answered {@code TOKEN_MALFORMED}
   * @param resource the OpenFGA object, {@code type:id}, at most 256 bytes
   * @param action the OpenFGA relation, for example {@code viewer}
   * @return the question
   */
  public static Check of(String token, String resource, String action) {
    return new Check(
        token,
        resource,
        action,
        RequestContext.getDefaultInstance(),
        Consistency.CONSISTENCY_UNSPECIFIED,
        List.of());
  }

  /**
   * Returns the same question with what is known about the bearer's request: its address, which
   * tokens that are limited to networks need, and its billing.
   *
   * @param context replaces any before it
   * @return a new question
   */
  public Check withContext(RequestContext context) {
    return new Check(token, resource, action, context, consistency, claims);
  }

  /**
   * Returns the same question with another freshness of the answer.
   *
   * @param consistency default: the operator's caches may answer
   * @return a new question
   */
  public Check withConsistency(Consistency consistency) {
    return new Check(token, resource, action, context, consistency, claims);
  }

  /**
   * Returns the same question that also requests claims of the token. Such a check is not allowed
   * in a batch.
   *
   * @param claims at most 32 names; {@code *} alone means all. Default: none
   * @return a new question
   */
  public Check withClaims(String... claims) {
    return new Check(token, resource, action, context, consistency, List.of(claims));
  }

  /** An empty token is a mistake of the caller, not of the bearer: the server reports it. */
  boolean isMalformed(String brand) {
    return !token.isEmpty() && Secret.parse(token, brand).isEmpty();
  }

  boolean asksForClaims() {
    return !claims.isEmpty();
  }

  CheckRequest toRequest() {
    CheckRequest.Builder request =
        CheckRequest.newBuilder()
            .setToken(token)
            .setResource(resource)
            .setAction(action)
            .setConsistency(consistency)
            .addAllClaims(claims);
    if (hasContext()) {
      request.setContext(context);
    }
    return request.build();
  }

  /** Without the claims. */
  BatchCheckItem toItem() {
    BatchCheckItem.Builder item =
        BatchCheckItem.newBuilder()
            .setToken(token)
            .setResource(resource)
            .setAction(action)
            .setConsistency(consistency);
    if (hasContext()) {
      item.setContext(context);
    }
    return item.build();
  }

  /** The question, without the token. */
  @Override
  public String toString() {
    return "Check[" + resource + ", " + action + "]";
  }

  private boolean hasContext() {
    return !context.equals(RequestContext.getDefaultInstance());
  }
}
