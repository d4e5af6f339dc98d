package dev.patwarden.spring;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.springframework.http.HttpHeaders.CACHE_CONTROL;
import static org.springframework.http.HttpHeaders.RETRY_AFTER;
import static org.springframework.http.HttpHeaders.WWW_AUTHENTICATE;

import dev.patwarden.client.Check;
import dev.patwarden.client.Decision;
import dev.patwarden.client.PatwardenClient;
import dev.patwarden.client.PatwardenException;
import dev.patwarden.v1.Reason;
import dev.patwarden.v1.RequestContext;
import io.grpc.StatusException;
import io.grpc.StatusRuntimeException;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletRequestWrapper;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.security.Principal;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.web.filter.OncePerRequestFilter;

/**
 * Allows only permitted requests. It guards every request that it gets: choose routes by the URL
 * patterns of its registration, or override {@link #shouldNotFilter}.
 *
 * <p>The token is read from {@code Authorization: Bearer}, {@code X-API-Key}, or the password of
 * {@code Authorization: Basic} with any user name; never from the query or a cookie. A request with
 * different ones, or with an unreadable one, is refused.
 *
 * <ul>
 *   <li>401 without a token; with {@code error="invalid_token"} for an invalid one, and with {@code
 *       error="invalid_request"} for an unreadable or ambiguous one
 *   <li>403 when a valid token does not allow the request
 *   <li>404 for an id that can never exist
 *   <li>503 with {@code Retry-After} when no decision could be made: an outage must log nobody out
 * </ul>
 *
 * <p>The body is {@code application/problem+json} (RFC 9457) with the reason of the decision or
 * error.
 *
 * <p>Behind it, {@link HttpServletRequest#getUserPrincipal} has the name of the subject, {@code
 * user:alice}, and {@link #decisionOf} returns the decision.
 */
public class PatwardenFilter extends OncePerRequestFilter {
  private static final String DECISION = PatwardenFilter.class.getName() + ".decision";
  private static final Duration RETRY_DELAY = Duration.ofSeconds(1);
  private static final String NOT_ALLOWED = "The token does not allow this.";

  /** The forms of a type and an id that the server accepts, see CheckRequest.resource. */
  private static final Pattern TYPE = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9_./-]*");

  private static final Pattern ID = Pattern.compile("[A-Za-z0-9_\\-./@+=~|]{1,200}");
  private static final int MAX_RESOURCE_LENGTH = 256;
  private static final Pattern REASON_NAME = Pattern.compile("[A-Z0-9_]+");

  /** Reasons for which a token cannot be used by anybody now. Others would help a thief. */
  private static final Set<Reason> EXPLAINED =
      EnumSet.of(
          Reason.REASON_TOKEN_EXPIRED,
          Reason.REASON_TOKEN_NOT_YET_VALID,
          Reason.REASON_TOKEN_REVOKED,
          Reason.REASON_TOKEN_SUPERSEDED,
          Reason.REASON_TOKEN_SUSPENDED,
          Reason.REASON_TOKEN_PENDING_APPROVAL,
          Reason.REASON_SUBJECT_DISABLED);

  private final PatwardenClient client;
  private final Function<HttpServletRequest, Route> route;
  private final String challenge;
  private final Function<HttpServletRequest, RequestContext> context;
  private final String[] claims;
  private final CredentialVerifier verifier;
  private final boolean explainInvalidToken;

  /**
   * Makes a filter; for subclasses.
   *
   * @param options the options
   */
  protected PatwardenFilter(Builder options) {
    client = options.client;
    route = options.route;
    challenge = "Bearer realm=\"" + options.realm + "\"";
    context = options.context;
    claims = options.claims;
    verifier = options.verifier;
    explainInvalidToken = options.explainInvalidToken;
  }

  /**
   * Begins a filter.
   *
   * @param client makes the checks; the filter does not close it
   * @param route returns what a request needs. Take parts of the path as the handler will, decoded
   *     and normalized
   * @return takes the options
   */
  public static Builder builder(PatwardenClient client, Function<HttpServletRequest, Route> route) {
    return new Builder(client, route);
  }

  /**
   * Returns the decision that allowed a request.
   *
   * @param request a request behind the filter
   * @return empty for a request that did not pass the filter
   */
  public static Optional<Decision> decisionOf(HttpServletRequest request) {
    return Optional.ofNullable((Decision) request.getAttribute(DECISION));
  }

  @Override
  protected void doFilterInternal(
      HttpServletRequest request, HttpServletResponse response, FilterChain chain)
      throws ServletException, IOException {
    Credentials credentials = Credentials.of(request);
    if (credentials.credential().isEmpty()) {
      String detail =
          "Send one token: as Authorization: Bearer, as X-API-Key or as the password of Basic.";
      unauthorized(response, credentials.shown() ? "invalid_request" : null, detail, "");
      return;
    }
    String credential = credentials.credential().get();
    Route wanted = route.apply(request);
    if (hasImpossibleId(wanted.resource())) {
      refuse(response, HttpStatus.NOT_FOUND, "There is no such resource.", "");
      return;
    }
    Decision decision;
    try {
      decision = decide(credential, wanted, request);
    } catch (PatwardenException error) {
      unavailable(response, credential, wanted, error);
      return;
    }
    if (decision.allowed()) {
      request.setAttribute(DECISION, decision);
      chain.doFilter(new AuthenticatedRequest(request, decision.subject()), response);
    } else if (decision.tokenValid()) {
      refuse(response, HttpStatus.FORBIDDEN, NOT_ALLOWED, nameOf(decision.reason()));
    } else {
      boolean explain = explainInvalidToken && EXPLAINED.contains(decision.reason());
      String detail = "The token is not valid: it may be incomplete, expired or revoked.";
      unauthorized(response, "invalid_token", detail, explain ? nameOf(decision.reason()) : "");
    }
  }

  private Decision decide(String credential, Route wanted, HttpServletRequest request) {
    if (verifier != null && !client.isOwn(credential)) {
      try {
        return verifier.verify(credential, wanted, request);
      } catch (Exception error) {
        throw PatwardenException.from(error);
      }
    }
    return client.check(
        Check.of(credential, wanted.resource(), wanted.action())
            .withContext(context.apply(request))
            .withClaims(claims));
  }

  /**
   * Returns true if the part after the first colon, which comes from the bearer, can never be an id
   * of the server. The type before it comes from the host: an impossible one is its mistake, and a
   * 503.
   */
  private static boolean hasImpossibleId(String resource) {
    int colon = resource.indexOf(':');
    return colon >= 0
        && TYPE.matcher(resource.substring(0, colon)).matches()
        && (resource.length() > MAX_RESOURCE_LENGTH
            || !ID.matcher(resource.substring(colon + 1)).matches());
  }

  private static String nameOf(Reason reason) {
    return reason.name().replaceFirst("^REASON_", "");
  }

  /** RFC 6750 §3: a request without a credential gets no error code. */
  private void unauthorized(
      HttpServletResponse response, String error, String detail, String reason) throws IOException {
    response.setHeader(
        WWW_AUTHENTICATE, error == null ? challenge : challenge + ", error=\"" + error + "\"");
    refuse(response, HttpStatus.UNAUTHORIZED, detail, reason);
  }

  /** Writes one line with code, reason, request id and cause to the log. */
  private void unavailable(
      HttpServletResponse response, String credential, Route wanted, PatwardenException error)
      throws IOException {
    String id = error.getRequestId().isEmpty() ? "" : " (request " + error.getRequestId() + ")";
    // The message already has the text of our own and of gRPC's errors.
    Throwable root = rootOf(error);
    boolean isKnown =
        root instanceof PatwardenException
            || root instanceof StatusException
            || root instanceof StatusRuntimeException;
    String cause = isKnown ? "" : "; cause: " + root;
    String line =
        "no decision about %s of %s: %s%s%s"
            .formatted(wanted.action(), wanted.resource(), error.getMessage(), id, cause);
    // A verifier may have put the credential into its exception.
    logger.warn(line.replace(credential, "[redacted]").replaceAll("\\p{Cntrl}+", " "));
    // Whole seconds, rounded up.
    Duration delay = error.getRetryDelay().orElse(RETRY_DELAY).plusNanos(999_999_999);
    response.setHeader(RETRY_AFTER, Long.toString(delay.toSeconds()));
    String detail = "No decision could be made. Try again.";
    refuse(response, HttpStatus.SERVICE_UNAVAILABLE, detail, error.getReason());
  }

  private static Throwable rootOf(Throwable error) {
    return error.getCause() == null ? error : rootOf(error.getCause());
  }

  /** The texts are ours and need no escape, and a reason that would need one is left out. */
  private static void refuse(
      HttpServletResponse response, HttpStatus status, String detail, String reason)
      throws IOException {
    boolean hasReason = REASON_NAME.matcher(reason).matches();
    String body =
        "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":\"%s\"%s}"
            .formatted(
                status.getReasonPhrase(),
                status.value(),
                detail,
                hasReason ? ",\"reason\":\"" + reason + "\"" : "");
    response.setStatus(status.value());
    response.setHeader(CACHE_CONTROL, "no-store");
    response.setContentType(MediaType.APPLICATION_PROBLEM_JSON_VALUE);
    response.getOutputStream().write(body.getBytes(UTF_8));
  }

  private static final class AuthenticatedRequest extends HttpServletRequestWrapper {
    private final String subject;

    AuthenticatedRequest(HttpServletRequest request, String subject) {
      super(request);
      this.subject = subject;
    }

    @Override
    public Principal getUserPrincipal() {
      return () -> subject;
    }

    @Override
    public String getRemoteUser() {
      return subject;
    }
  }

  /** Options of a filter. */
  public static final class Builder {
    private final PatwardenClient client;
    private final Function<HttpServletRequest, Route> route;
    private String realm = "patwarden";
    private Function<HttpServletRequest, RequestContext> context =
        request -> RequestContext.getDefaultInstance();
    private String[] claims = {};
    private CredentialVerifier verifier;
    private boolean explainInvalidToken;

    private Builder(PatwardenClient client, Function<HttpServletRequest, Route> route) {
      this.client = Objects.requireNonNull(client, "client");
      this.route = Objects.requireNonNull(route, "route");
    }

    /**
     * Sets the realm in {@code WWW-Authenticate}.
     *
     * @param realm printable ASCII without quotes. Default: {@code patwarden}
     * @return this
     */
    public Builder realm(String realm) {
      if (!realm.matches("[ -~&&[^\"\\\\]]+")) {
        throw new IllegalArgumentException("the realm must be printable ASCII without quotes");
      }
      this.realm = realm;
      return this;
    }

    /**
     * Sets what is known about the bearer's request, such as its address. Without an address,
     * tokens that are limited to networks are refused.
     *
     * <p>{@link HttpServletRequest#getRemoteAddr} is the bearer's address only if there is no proxy
     * in front, or the container knows its proxies. Do not read {@code X-Forwarded-For} yourself:
     * anybody can send it.
     *
     * @param context default: nothing is known
     * @return this
     */
    public Builder context(Function<HttpServletRequest, RequestContext> context) {
      this.context = Objects.requireNonNull(context, "context");
      return this;
    }

    /**
     * Sets the claims of the token that handlers get.
     *
     * @param claims at most 32 names; {@code *} alone means all. Default: none
     * @return this
     */
    public Builder claims(String... claims) {
      this.claims = claims.clone();
      return this;
    }

    /**
     * Sets who decides about credentials that are not Patwarden's, so that handlers have one code
     * path for web users and keys.
     *
     * @param verifier default: such credentials are not valid
     * @return this
     */
    public Builder verifier(CredentialVerifier verifier) {
      this.verifier = Objects.requireNonNull(verifier, "verifier");
      return this;
    }

    /**
     * Adds a {@code reason} to the 401 for a token that exists but cannot be used, for example
     * {@code TOKEN_EXPIRED} or {@code TOKEN_SUSPENDED}. Unknown and malformed tokens are never told
     * apart, nor is it told that a token works from other networks.
     *
     * @param explain default false: a thief would learn which tokens were real, and which may
     *     become usable again
     * @return this
     */
    public Builder explainInvalidToken(boolean explain) {
      explainInvalidToken = explain;
      return this;
    }

    /**
     * Makes the filter.
     *
     * @return to be registered with the application
     */
    public PatwardenFilter build() {
      return new PatwardenFilter(this);
    }
  }
}
