package dev.patwarden.spring;

import dev.patwarden.client.Decision;
import jakarta.servlet.http.HttpServletRequest;

/** Decides about credentials that are not Patwarden's, such as the access tokens of web users. */
@FunctionalInterface
public interface CredentialVerifier {
  /**
   * Tells who the bearer is and whether they may.
   *
   * @param credential what the request shows; it does not begin as secrets of Patwarden do
   * @param route what the request wants
   * @param request the request
   * @return {@link Decision#allow} or {@link Decision#deny}, as for a token
   * @throws Exception when it cannot be decided; the request is answered 503
   */
  Decision verify(String credential, Route route, HttpServletRequest request) throws Exception;
}
