package dev.patwarden.client;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import dev.patwarden.v1.CheckError;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;

/**
 * Why a call failed. For a check: no decision could be made, which is neither yes nor no; answer
 * 503.
 *
 * <p>Tell errors apart by {@link #getCode} and {@link #getReason}, not by the text. No error holds
 * a service key or a token's secret.
 */
public final class PatwardenException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Of {@link ErrorInfo}s that are Patwarden's own. */
  private static final String DOMAIN = "patwarden.v1";

  static final Metadata.Key<String> REQUEST_ID =
      Metadata.Key.of("x-request-id", Metadata.ASCII_STRING_MARSHALLER);

  /** What kind of error it is. */
  private final Status.Code code;

  /** Not serialized. */
  private final transient Details details;

  private PatwardenException(Status.Code code, String text, Details details, Throwable cause) {
    super(message(code, details.reason, text), cause);
    this.code = code;
    this.details = details;
  }

  PatwardenException(Status.Code code, String text) {
    this(code, text, Details.NONE, null);
  }

  /** The same error with the stack of who throws it now. */
  PatwardenException(PatwardenException error) {
    super(error.getMessage(), error);
    this.code = error.code;
    this.details = error.details();
  }

  /** The error of one item of a batch. */
  PatwardenException(CheckError error) {
    this(
        // OK would be no error: then it is not known what it is.
        error.getCode() == 0
            ? Status.Code.UNKNOWN
            : Status.fromCodeValue(error.getCode()).getCode(),
        error.getMessage(),
        new Details(error.getReason(), Map.of(), List.of(), "", null),
        null);
  }

  /**
   * What another exception says about a call, for those of generated stubs: {@link
   * StatusRuntimeException} and {@link StatusException}.
   *
   * @param error what was thrown; also what wraps it in futures
   * @return itself if it is one; code {@code UNKNOWN} for what is no error of a call
   */
  public static PatwardenException from(Throwable error) {
    if (error instanceof PatwardenException already) {
      return already;
    }
    if (error instanceof StatusRuntimeException status) {
      return of(status.getStatus(), status.getTrailers(), error);
    }
    if (error instanceof StatusException status) {
      return of(status.getStatus(), status.getTrailers(), error);
    }
    if ((error instanceof CompletionException || error instanceof ExecutionException)
        && error.getCause() != null) {
      return from(error.getCause());
    }
    return new PatwardenException(
        Status.Code.UNKNOWN, error.getClass().getName(), Details.NONE, error);
  }

  /**
   * What kind of error it is.
   *
   * @return any but {@code OK}
   */
  public Status.Code getCode() {
    return code;
  }

  /**
   * Which error it is: the name of a {@link dev.patwarden.v1.ErrorReason} without its prefix, for
   * example {@code OPENFGA_UNAVAILABLE}.
   *
   * @return empty when the transport raised it and not Patwarden
   */
  public String getReason() {
    return details().reason;
  }

  /**
   * Facts that belong to the reason; {@link dev.patwarden.v1.ErrorReason} tells which.
   *
   * @return unmodifiable
   */
  public Map<String, String> getMetadata() {
    return details().metadata;
  }

  /**
   * The fields that are wrong, for {@code INVALID_ARGUMENT}. An item of a batch does not tell them.
   *
   * @return unmodifiable
   */
  public List<FieldViolation> getFieldViolations() {
    return details().violations;
  }

  /**
   * What finds the call in the server's log.
   *
   * @return empty when the server was not reached, and of an item of a batch
   */
  public String getRequestId() {
    return details().requestId;
  }

  /**
   * After how long to try again.
   *
   * @return empty when the server does not say
   */
  public Optional<Duration> getRetryDelay() {
    return Optional.ofNullable(details().retryDelay);
  }

  private Details details() {
    return details == null ? Details.NONE : details;
  }

  private static PatwardenException of(Status status, Metadata trailers, Throwable cause) {
    String text = status.getDescription() == null ? "no description" : status.getDescription();
    return new PatwardenException(status.getCode(), text, Details.of(status, trailers), cause);
  }

  private static String message(Status.Code code, String reason, String text) {
    return reason.isEmpty() ? code + ": " + text : code + " " + reason + ": " + text;
  }

  private record Details(
      String reason,
      Map<String, String> metadata,
      List<FieldViolation> violations,
      String requestId,
      Duration retryDelay) {
    static final Details NONE = new Details("", Map.of(), List.of(), "", null);

    static Details of(Status status, Metadata trailers) {
      if (trailers == null) {
        return NONE;
      }
      String reason = "";
      Map<String, String> metadata = Map.of();
      List<FieldViolation> violations = List.of();
      Duration retryDelay = null;
      for (Any detail : detailsOf(status, trailers)) {
        Optional<ErrorInfo> info = unpack(detail, ErrorInfo.class);
        if (info.isPresent() && info.get().getDomain().equals(DOMAIN)) {
          reason = info.get().getReason();
          metadata = Map.copyOf(info.get().getMetadataMap());
        }
        Optional<BadRequest> bad = unpack(detail, BadRequest.class);
        if (bad.isPresent()) {
          violations =
              bad.get().getFieldViolationsList().stream()
                  .map(one -> new FieldViolation(one.getField(), one.getDescription()))
                  .toList();
        }
        Optional<RetryInfo> retry = unpack(detail, RetryInfo.class);
        if (retry.isPresent()) {
          retryDelay = ProtoTime.duration(retry.get().getRetryDelay());
        }
      }
      String requestId = trailers.get(REQUEST_ID);
      if (requestId == null) {
        requestId = metadata.getOrDefault("requestId", "");
      }
      return new Details(reason, metadata, violations, requestId, retryDelay);
    }

    /** None when they are damaged: the code is known all the same. */
    private static List<Any> detailsOf(Status status, Metadata trailers) {
      try {
        com.google.rpc.Status details = StatusProto.fromStatusAndTrailers(status, trailers);
        return details.getDetailsList();
      } catch (RuntimeException damaged) {
        return List.of();
      }
    }

    private static <T extends Message> Optional<T> unpack(Any detail, Class<T> type) {
      try {
        return detail.is(type) ? Optional.of(detail.unpack(type)) : Optional.empty();
      } catch (InvalidProtocolBufferException damaged) {
        return Optional.empty();
      }
    }
  }
}
