package dev.patwarden.spring;

import dev.patwarden.client.Decision;
import jakarta.servlet.http.HttpServletRequest;

/** Decides about credentials that are not Patwarden's, such as the access tokens of web users. */
@FunctionalInterface
public interface CredentialVerifier {
  /**
   * Decides who the bearer is and whether they are allowed.
   *
   * @param credential the credential of the request, which does not begin as those of Patwarden do
   * @param route the permission that the request needs
   * @param request the request
   * @return {@link Decision#allow} or {@link Decision#deny}, as for a token
   * @throws Exception when no decision can be made; the request is answered 503
   */
  Decision verify(String credential, Route route, HttpServletRequest request) throws Exception;
}
