package dev.patwarden.client;

/**
 * A problem with one field of a request.
 *
 * @param field the path in the message, for example {@code grant.rules[0].actions[1]}
 * @param description the problem, in English
 */
public record FieldViolation(String field, String description) {}
