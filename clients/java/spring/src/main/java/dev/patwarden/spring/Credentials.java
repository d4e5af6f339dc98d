package dev.patwarden.spring;

import static java.nio.charset.StandardCharsets.UTF_8;

import jakarta.servlet.http.HttpServletRequest;
import java.util.Base64;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The credential of a request.
 *
 * @param shown whether there is any
 * @param credential the one; empty if there is none, an unreadable one, or several
 */
record Credentials(boolean shown, Optional<String> credential) {
  private static final Pattern AUTHORIZATION = Pattern.compile("(\\S+) +(\\S+)");

  /** An unreadable credential. */
  private static final String UNREADABLE = "";

  /** Reads {@code Authorization} (Bearer, or the password of Basic) and {@code X-API-Key}. */
  static Credentials of(HttpServletRequest request) {
    Set<String> found = new LinkedHashSet<>();
    for (String value : Collections.list(request.getHeaders("Authorization"))) {
      found.add(authorization(value.strip()));
    }
    for (String value : Collections.list(request.getHeaders("X-API-Key"))) {
      found.add(value.strip());
    }
    boolean one = found.size() == 1 && !found.contains(UNREADABLE);
    return new Credentials(!found.isEmpty(), one ? found.stream().findFirst() : Optional.empty());
  }

  private static String authorization(String value) {
    Matcher parts = AUTHORIZATION.matcher(value);
    if (!parts.matches()) {
      return UNREADABLE;
    }
    String scheme = parts.group(1);
    if (scheme.equalsIgnoreCase("Bearer")) {
      return parts.group(2);
    }
    return scheme.equalsIgnoreCase("Basic") ? password(parts.group(2)) : UNREADABLE;
  }

  /** RFC 7617: the password follows the first colon. */
  private static String password(String base64) {
    try {
      String pair = new String(Base64.getDecoder().decode(base64), UTF_8);
      int colon = pair.indexOf(':');
      return colon < 0 ? UNREADABLE : pair.substring(colon + 1);
    } catch (IllegalArgumentException unreadable) {
      return UNREADABLE;
    }
  }

  /** Leaves out the credential. */
  @Override
  public String toString() {
    return "Credentials[shown=" + shown + "]";
  }
}
