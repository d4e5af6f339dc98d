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
 * Thrown when a call failed. For a check: no decision could be made, neither yes nor no; answer
 * 503.
 *
 * <p>Use {@link #getCode} and {@link #getReason}, not the text. It never contains a service key or
 * a token.
 */
public final class PatwardenException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** The domain of Patwarden's own {@link ErrorInfo}. */
  private static final String DOMAIN = "patwarden.v1";

  static final Metadata.Key<String> REQUEST_ID =
      Metadata.Key.of("x-request-id", Metadata.ASCII_STRING_MARSHALLER);

  /** The gRPC code. */
  private final Status.Code code;

  /** Not serialized. */
  private final transient Details details;

  private PatwardenException(Status.Code code, String text, Details details, Throwable cause) {
    super(message(code, details, text), cause);
    this.code = code;
    this.details = details;
  }

  PatwardenException(Status.Code code, String text) {
    this(code, text, Details.NONE, null);
  }

  /** Copies an error with the stack of the current thread. */
  PatwardenException(PatwardenException error) {
    super(error.getMessage(), error);
    this.code = error.code;
    this.details = error.details();
  }

  /** The error of one item of a batch. */
  PatwardenException(CheckError error) {
    this(
        // OK in an error becomes UNKNOWN.
        error.getCode() == 0
            ? Status.Code.UNKNOWN
            : Status.fromCodeValue(error.getCode()).getCode(),
        error.getMessage(),
        new Details(error.getReason(), Map.of(), List.of(), "", null),
        null);
  }

  /**
   * Converts the exceptions of generated stubs: {@link StatusRuntimeException} and {@link
   * StatusException}.
   *
   * @param error the exception, or the one of a future that wraps it
   * @return itself if it is one; code {@code UNKNOWN} for other exceptions
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
   * Returns the gRPC code.
   *
   * @return any but {@code OK}
   */
  public Status.Code getCode() {
    return code;
  }

  /**
   * Returns the name of a {@link dev.patwarden.v1.ErrorReason} without its prefix, for example
   * {@code OPENFGA_UNAVAILABLE}.
   *
   * @return empty when the error comes from the transport or this client, not from Patwarden
   */
  public String getReason() {
    return details().reason;
  }

  /**
   * Returns details of the reason, see {@link dev.patwarden.v1.ErrorReason}.
   *
   * @return unmodifiable
   */
  public Map<String, String> getMetadata() {
    return details().metadata;
  }

  /**
   * Returns the invalid fields, for {@code INVALID_ARGUMENT}. An item of a batch has none.
   *
   * @return unmodifiable
   */
  public List<FieldViolation> getFieldViolations() {
    return details().violations;
  }

  /**
   * Returns the id that finds the call in the server's log.
   *
   * @return empty when the server was not reached, and for an item of a batch
   */
  public String getRequestId() {
    return details().requestId;
  }

  /**
   * Returns the delay after which the server expects a retry to succeed.
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

  private static String message(Status.Code code, Details details, String text) {
    StringBuilder message = new StringBuilder(code.name());
    if (!details.reason.isEmpty()) {
      message.append(' ').append(details.reason);
    }
    message.append(": ").append(text);
    for (FieldViolation violation : details.violations) {
      message.append("; ").append(violation.field()).append(": ").append(violation.description());
    }
    return message.toString();
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

    /** Returns none when they are damaged: the code is enough. */
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
