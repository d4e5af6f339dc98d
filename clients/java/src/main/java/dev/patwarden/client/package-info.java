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
 * <p>A refusal is a value, a {@link dev.patwarden.client.Decision}. That no decision could be made
 * is a {@link dev.patwarden.client.PatwardenException}, and neither answer.
 */
package dev.patwarden.client;
