/**
 * Asks Patwarden whether the bearer of a token may do something.
 *
 * <pre>{@code
 * try (var patwarden = PatwardenClient.builder("patwarden.internal:9081").serviceKey(key).build()) {
 *   Decision decision = patwarden.check(token, "document:roadmap", "viewer");
 *   int status = decision.allowed() ? 200 : decision.tokenValid() ? 403 : 401;
 * }
 * }</pre>
 *
 * <p>A denial is a value, a {@link dev.patwarden.client.Decision}. If no decision could be made, a
 * {@link dev.patwarden.client.PatwardenException} is thrown.
 */
package dev.patwarden.client;
