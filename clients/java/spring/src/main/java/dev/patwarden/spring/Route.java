package dev.patwarden.spring;

/**
 * What a request wants.
 *
 * @param resource the OpenFGA object, {@code type:id}
 * @param action the OpenFGA relation, for example {@code viewer}
 */
public record Route(String resource, String action) {}
