package dev.patwarden.client;

/**
 * What is wrong with a field of a request.
 *
 * @param field its path in the message, for example {@code grant.rules[0].actions[1]}
 * @param description what is wrong, in English
 */
public record FieldViolation(String field, String description) {}
