package dev.patwarden.client;

import dev.patwarden.v1.BatchCheckResponse;
import dev.patwarden.v1.BatchCheckResult;
import io.grpc.Status;
import java.util.List;
import java.util.Optional;

/** The result of one check of a batch: a decision or an error. */
public final class CheckResult {
  private final Decision decision;
  private final PatwardenException error;

  private CheckResult(Decision decision, PatwardenException error) {
    this.decision = decision;
    this.error = error;
  }

  /** Throws PatwardenException if the response has another number of results. */
  static List<CheckResult> listOf(BatchCheckResponse response, int checks) {
    if (response.getResultsCount() != checks) {
      throw new PatwardenException(
          Status.Code.INTERNAL, "the reply has another number of results than checks");
    }
    return response.getResultsList().stream().map(CheckResult::of).toList();
  }

  private static CheckResult of(BatchCheckResult result) {
    try {
      return switch (result.getResultCase()) {
        case DECISION -> new CheckResult(Decision.of(result.getDecision()), null);
        case ERROR -> new CheckResult(null, new PatwardenException(result.getError()));
        case RESULT_NOT_SET ->
            throw new PatwardenException(Status.Code.INTERNAL, "the reply has an empty result");
      };
    } catch (PatwardenException error) {
      return new CheckResult(null, error);
    }
  }

  /**
   * The decision.
   *
   * @return whether it is allowed, and why
   * @throws PatwardenException if none could be made
   */
  public Decision decision() {
    if (error != null) {
      throw new PatwardenException(error);
    }
    return decision;
  }

  /**
   * Returns why no decision could be made.
   *
   * @return empty if there is a decision
   */
  public Optional<PatwardenException> error() {
    return Optional.ofNullable(error);
  }

  @Override
  public String toString() {
    return error != null ? error.toString() : decision.toString();
  }
}
