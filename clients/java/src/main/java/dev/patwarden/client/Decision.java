package dev.patwarden.client;

import dev.patwarden.v1.CheckResponse;
import dev.patwarden.v1.Reason;
import io.grpc.Status;
import java.time.Instant;
import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The answer to a check, also if it is a denial.
 *
 * @param allowed true only if every step allowed the request
 * @param reason why. For one that you do not know, {@link Reason#UNRECOGNIZED}, use the other
 *     fields
 * @param tokenValid false: the token cannot be used, answer 401. True: it can, but perhaps not for
 *     this, answer 403
 * @param subject who the token acts as, {@code user:alice}; empty when it was not recognized
 * @param tokenId the public id of the token, {@code tok_…}; empty when it was not recognized
 * @param organization the organization that the token is bound to, or is; empty when there is none
 * @param expireTime when the token expires; empty when it never expires or was not recognized
 * @param claims the requested claims that the token has; empty unless {@code tokenValid}
 */
public record Decision(
    boolean allowed,
    Reason reason,
    boolean tokenValid,
    String subject,
    String tokenId,
    String organization,
    Optional<Instant> expireTime,
    Map<String, String> claims) {
  /** The first reason of valid tokens. */
  private static final int FIRST_REASON_OF_VALID = Reason.REASON_NOT_GRANTED_VALUE;

  private static final Set<Reason> NO_REFUSALS =
      EnumSet.of(Reason.REASON_UNSPECIFIED, Reason.REASON_ALLOWED, Reason.UNRECOGNIZED);

  /**
   * Makes the decision of a verifier of other credentials that the bearer is allowed.
   *
   * @param subject who the credential acts as, {@code user:alice}
   * @return a decision as for a token of this subject
   */
  public static Decision allow(String subject) {
    return of(Reason.REASON_ALLOWED, subject);
  }

  /**
   * Makes the decision of a verifier of other credentials that the bearer is not allowed.
   *
   * @param reason any but {@code REASON_ALLOWED}; it decides whether the credential counts as valid
   * @param subject who the credential acts as; empty when that is not known
   * @return a decision as for a token
   * @throws IllegalArgumentException for a reason that is not one of a denial
   */
  public static Decision deny(Reason reason, String subject) {
    if (NO_REFUSALS.contains(reason)) {
      throw new IllegalArgumentException(reason + " is not a reason of a denial");
    }
    return of(reason, subject);
  }

  private static Decision of(Reason reason, String subject) {
    boolean allowed = reason == Reason.REASON_ALLOWED;
    boolean valid = allowed || reason.getNumber() >= FIRST_REASON_OF_VALID;
    return new Decision(allowed, reason, valid, subject, "", "", Optional.empty(), Map.of());
  }

  /** Throws PatwardenException for an empty message, which must not count as a denial. */
  static Decision of(CheckResponse response) {
    if (response.getReason() == Reason.REASON_UNSPECIFIED) {
      throw new PatwardenException(Status.Code.INTERNAL, "the reply has no reason");
    }
    return new Decision(
        response.getAllowed(),
        response.getReason(),
        response.getTokenValid(),
        response.getSubject(),
        response.getTokenId(),
        response.getOrganization(),
        response.hasExpireTime()
            ? Optional.of(ProtoTime.instant(response.getExpireTime()))
            : Optional.empty(),
        Map.copyOf(response.getClaimsMap()));
  }
}
