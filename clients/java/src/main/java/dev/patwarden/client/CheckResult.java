package dev.patwarden.client;

import dev.patwarden.v1.BatchCheckResponse;
import dev.patwarden.v1.BatchCheckResult;
import io.grpc.Status;
import java.util.List;
import java.util.Optional;

/** What came of one check of a batch: a decision, or an error that concerns no other check. */
public final class CheckResult {
  private final Decision decision;
  private final PatwardenException error;

  private CheckResult(Decision decision, PatwardenException error) {
    this.decision = decision;
    this.error = error;
  }

  /** Throws PatwardenException when the response is not that to so many checks. */
  static List<CheckResult> listOf(BatchCheckResponse response, int checks) {
    if (response.getResultsCount() != checks) {
      throw new PatwardenException(Status.Code.INTERNAL, "not one result for each check");
    }
    return response.getResultsList().stream().map(CheckResult::of).toList();
  }

  private static CheckResult of(BatchCheckResult result) {
    try {
      return switch (result.getResultCase()) {
        case DECISION -> new CheckResult(Decision.of(result.getDecision()), null);
        case ERROR -> new CheckResult(null, new PatwardenException(result.getError()));
        case RESULT_NOT_SET ->
            throw new PatwardenException(Status.Code.INTERNAL, "there is no result");
      };
    } catch (PatwardenException error) {
      return new CheckResult(null, error);
    }
  }

  /**
   * The decision.
   *
   * @return allowed or not
   * @throws PatwardenException when none could be made
   */
  public Decision decision() {
    if (error != null) {
      throw new PatwardenException(error);
    }
    return decision;
  }

  /**
   * Why no decision could be made.
   *
   * @return empty when one was
   */
  public Optional<PatwardenException> error() {
    return Optional.ofNullable(error);
  }

  boolean isUnavailable() {
    return error != null && error.getCode() == Status.Code.UNAVAILABLE;
  }

  @Override
  public String toString() {
    return error != null ? error.toString() : decision.toString();
  }
}
