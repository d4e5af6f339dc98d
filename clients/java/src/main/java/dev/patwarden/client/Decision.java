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
 * The answer to a check. Refusals are answers too.
 *
 * @param allowed whether the bearer may; true only when every step said yes
 * @param reason why. Treat one that you do not know, {@link Reason#UNRECOGNIZED}, by the other
 *     fields
 * @param tokenValid false: the token is no good, answer 401. True: a good token, allowed or not,
 *     answer 403 when not
 * @param subject who the token acts as, {@code user:alice}; empty when it was not recognized
 * @param tokenId public id of the token, {@code tok_…}; empty when it was not recognized
 * @param organization the organization that the token is bound to, or is; empty when there is none
 * @param expireTime when the token ends by itself; empty when it never does or was not recognized
 * @param claims those asked for that the token has; empty unless {@code tokenValid}
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
  /** Reasons from here on are those of tokens that are good. */
  private static final int FIRST_REASON_OF_VALID = Reason.REASON_NOT_GRANTED_VALUE;

  private static final Set<Reason> NO_REFUSALS =
      EnumSet.of(Reason.REASON_UNSPECIFIED, Reason.REASON_ALLOWED, Reason.UNRECOGNIZED);

  /**
   * What a verifier of other credentials answers when their bearer may.
   *
   * @param subject who the credential acts as, {@code user:alice}
   * @return an answer like that for a token of this subject
   */
  public static Decision allow(String subject) {
    return of(Reason.REASON_ALLOWED, subject);
  }

  /**
   * What a verifier of other credentials answers when their bearer may not.
   *
   * @param reason any but {@code REASON_ALLOWED}; it decides whether the credential counts as valid
   * @param subject who the credential acts as; empty when that is not known
   * @return an answer like that for a token
   * @throws IllegalArgumentException for a reason that is none for a refusal
   */
  public static Decision deny(Reason reason, String subject) {
    if (NO_REFUSALS.contains(reason)) {
      throw new IllegalArgumentException(reason + " is no reason to refuse");
    }
    return of(reason, subject);
  }

  private static Decision of(Reason reason, String subject) {
    boolean allowed = reason == Reason.REASON_ALLOWED;
    boolean valid = allowed || reason.getNumber() >= FIRST_REASON_OF_VALID;
    return new Decision(allowed, reason, valid, subject, "", "", Optional.empty(), Map.of());
  }

  /** Throws PatwardenException for what no server says: an empty message is not a refusal. */
  static Decision of(CheckResponse response) {
    if (response.getReason() == Reason.REASON_UNSPECIFIED) {
      throw new PatwardenException(Status.Code.INTERNAL, "the answer has no reason");
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
