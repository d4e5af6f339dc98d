package dev.patwarden.spring;

/**
 * The permission that a request needs.
 *
 * @param resource the OpenFGA object, {@code type:id}
 * @param action the OpenFGA relation, for example {@code viewer}
 */
public record Route(String resource, String action) {}
