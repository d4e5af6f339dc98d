package dev.patwarden.spring;

import static org.springframework.http.HttpHeaders.RETRY_AFTER;
import static org.springframework.http.HttpHeaders.WWW_AUTHENTICATE;

import dev.patwarden.client.Check;
import dev.patwarden.client.Decision;
import dev.patwarden.client.PatwardenClient;
import dev.patwarden.client.PatwardenException;
import dev.patwarden.v1.RequestContext;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletRequestWrapper;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.security.Principal;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import org.springframework.web.filter.OncePerRequestFilter;

/**
 * Lets a request through when the bearer of its token may. All that pass it are guarded: choose
 * routes by the URL patterns of its registration, or override {@link #shouldNotFilter}.
 *
 * <p>A token is read from {@code Authorization: Bearer}, from {@code X-API-Key}, or as the password
 * of {@code Authorization: Basic} under any user name; never from the query or a cookie. A request
 * with two different ones, or one that cannot be read, is refused.
 *
 * <ul>
 *   <li>401 without a token, or with one that is no good, then with {@code error="invalid_token"};
 *       with {@code error="invalid_request"} where it cannot be told which one is meant
 *   <li>403 when the token is good and its bearer may not
 *   <li>503 with {@code Retry-After} when no decision could be made: nobody is signed out
 * </ul>
 *
 * <p>Behind it {@link HttpServletRequest#getUserPrincipal} is named as the subject, {@code
 * user:alice}, and {@link #decisionOf} gives all that is known.
 */
public class PatwardenFilter extends OncePerRequestFilter {
  private static final String DECISION = PatwardenFilter.class.getName() + ".decision";
  private static final Duration RETRY_DELAY = Duration.ofSeconds(1);

  private final PatwardenClient client;
  private final Function<HttpServletRequest, Route> route;
  private final String challenge;
  private final Function<HttpServletRequest, RequestContext> context;
  private final String[] claims;
  private final CredentialVerifier verifier;

  /**
   * Makes a filter; for subclasses.
   *
   * @param options how
   */
  protected PatwardenFilter(Builder options) {
    client = options.client;
    route = options.route;
    challenge = "Bearer realm=\"" + options.realm + "\"";
    context = options.context;
    claims = options.claims;
    verifier = options.verifier;
  }

  /**
   * Begins a filter.
   *
   * @param client asks; it is not closed by the filter
   * @param route tells what a request wants. What it takes from the request's path becomes part of
   *     a resource: take it as the handler will, decoded and normalized
   * @return takes the options
   */
  public static Builder builder(PatwardenClient client, Function<HttpServletRequest, Route> route) {
    return new Builder(client, route);
  }

  /**
   * What let a request through.
   *
   * @param request one behind the filter
   * @return empty when it did not come through one
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
      unauthorized(response, credentials.shown() ? "invalid_request" : null);
      return;
    }
    Decision decision;
    try {
      decision = decide(credentials.credential().get(), request);
    } catch (PatwardenException error) {
      unavailable(response, error);
      return;
    }
    if (decision.allowed()) {
      request.setAttribute(DECISION, decision);
      chain.doFilter(new AuthenticatedRequest(request, decision.subject()), response);
    } else if (decision.tokenValid()) {
      response.setStatus(HttpServletResponse.SC_FORBIDDEN);
    } else {
      unauthorized(response, "invalid_token");
    }
  }

  private Decision decide(String credential, HttpServletRequest request) {
    Route wanted = route.apply(request);
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

  /** RFC 6750 §3: an error is named only when a credential was shown. */
  private void unauthorized(HttpServletResponse response, String error) {
    response.setStatus(HttpServletResponse.SC_UNAUTHORIZED);
    response.setHeader(
        WWW_AUTHENTICATE, error == null ? challenge : challenge + ", error=\"" + error + "\"");
  }

  private void unavailable(HttpServletResponse response, PatwardenException error) {
    logger.warn("No decision: " + error.getMessage() + " [" + error.getRequestId() + "]");
    logger.debug("No decision", error);
    response.setStatus(HttpServletResponse.SC_SERVICE_UNAVAILABLE);
    // Whole seconds, rounded up.
    Duration delay = error.getRetryDelay().orElse(RETRY_DELAY).plusNanos(999_999_999);
    response.setHeader(RETRY_AFTER, Long.toString(delay.toSeconds()));
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

    private Builder(PatwardenClient client, Function<HttpServletRequest, Route> route) {
      this.client = Objects.requireNonNull(client, "client");
      this.route = Objects.requireNonNull(route, "route");
    }

    /**
     * What bearers are told that the token is for.
     *
     * @param realm printable ASCII without quotes. Default: {@code patwarden}
     * @return this
     */
    public Builder realm(String realm) {
      if (!realm.matches("[ -~&&[^\"\\\\]]+")) {
        throw new IllegalArgumentException("a realm is printable ASCII without quotes");
      }
      this.realm = realm;
      return this;
    }

    /**
     * What is known about the bearer's request, such as its address, without which tokens that are
     * limited to networks are refused.
     *
     * <p>{@link HttpServletRequest#getRemoteAddr} is the bearer's address only where no proxy
     * stands between, or where the container is set up to know its proxies. Do not read {@code
     * X-Forwarded-For} yourself: anybody can write it.
     *
     * @param context default: nothing is known
     * @return this
     */
    public Builder context(Function<HttpServletRequest, RequestContext> context) {
      this.context = Objects.requireNonNull(context, "context");
      return this;
    }

    /**
     * Which claims of the token handlers are given.
     *
     * @param claims at most 32 names; {@code *} alone means all. Default: none
     * @return this
     */
    public Builder claims(String... claims) {
      this.claims = claims.clone();
      return this;
    }

    /**
     * Who decides about credentials that are not Patwarden's. Then a handler finds the same behind
     * the filter for web users and for keys.
     *
     * @param verifier default: such credentials are no good
     * @return this
     */
    public Builder verifier(CredentialVerifier verifier) {
      this.verifier = Objects.requireNonNull(verifier, "verifier");
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
