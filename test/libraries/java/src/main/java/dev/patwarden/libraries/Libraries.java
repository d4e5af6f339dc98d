package dev.patwarden.libraries;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.springframework.security.oauth2.jose.jws.SignatureAlgorithm;
import org.springframework.security.oauth2.jwt.JwtValidators;
import org.springframework.security.oauth2.jwt.NimbusJwtDecoder;
import org.springframework.security.oauth2.server.resource.introspection.SpringOpaqueTokenIntrospector;
import tools.jackson.core.type.TypeReference;
import tools.jackson.databind.json.JsonMapper;

/** The libraries that a service with Spring Security would use with Patwarden, driven by JSON: see ../README.md. */
public final class Libraries {
  private static final JsonMapper JSON = JsonMapper.shared();

  private Libraries() {}

  public static void main(String[] arguments) throws IOException {
    var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (var line = lines.readLine(); line != null; line = lines.readLine()) {
      System.out.println(JSON.writeValueAsString(answer(JSON.readValue(line, new TypeReference<>() {}))));
    }
  }

  private static Map<String, Object> answer(Map<String, String> asked) {
    try {
      return Map.of("members", serve(asked));
    } catch (Exception exception) {
      return Map.of("error", exception.getClass().getSimpleName() + ": " + exception.getMessage());
    }
  }

  private static Map<String, Object> serve(Map<String, String> asked) {
    return switch (asked.get("ask")) {
      case "introspect" -> introspect(asked);
      case "verify" -> verify(asked);
      default -> throw new IllegalArgumentException("nothing is known of " + asked.get("ask"));
    };
  }

  private static Map<String, Object> introspect(Map<String, String> asked) {
    return SpringOpaqueTokenIntrospector.withIntrospectionUri(asked.get("endpoint"))
        .clientId(asked.get("client"))
        .clientSecret(asked.get("key"))
        .build()
        .introspect(asked.get("token"))
        .getAttributes();
  }

  private static Map<String, Object> verify(Map<String, String> asked) {
    var decoder =
        NimbusJwtDecoder.withJwkSetUri(asked.get("jwks"))
            .jwsAlgorithms(
                algorithms -> {
                  algorithms.add(SignatureAlgorithm.ES256);
                  algorithms.add(SignatureAlgorithm.RS256);
                })
            .build();
    decoder.setJwtValidator(
        JwtValidators.createAtJwtValidator().issuer(asked.get("issuer")).audience(asked.get("audience")).build());
    return decoder.decode(asked.get("token")).getClaims();
  }
}
