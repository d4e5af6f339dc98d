package dev.patwarden.client;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.util.Optional;
import java.util.zip.CRC32;

/**
 * Wraps the secret of a token, such as {@code pw_pat_…}, so that {@link #toString} and JSON show
 * only its hint.
 *
 * <p>It is well formed: a cut-off or mistyped text is detected without a call. Only the server
 * knows whether it was ever issued and can be used.
 */
public final class Secret {
  /** Who a token acts as. */
  public enum Kind {
    /** A user, {@code pat}. */
    USER("pat"),
    /** An organization, {@code oat}. */
    ORGANIZATION("oat");

    private final String code;

    Kind(String code) {
      this.code = code;
    }
  }

  /** The default of the server's {@code tokens.brand}. */
  static final String DEFAULT_BRAND = "pw";

  private static final String ALPHABET =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  private static final String BRAND = "[a-z][a-z0-9]{1,9}";

  /** The number of digits of 32 bytes in base 62. */
  private static final int VALUE_LENGTH = 43;

  /** 2^256 - 1. Digits are in ASCII order, so that texts compare as numbers do. */
  private static final String MAX_VALUE = "yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1";

  private static final int CHECKSUM_LENGTH = 6;
  private static final int HINT_LENGTH = 4;

  private final Kind kind;
  private final String hint;

  /** Transient, so that serializers of fields leave it out. */
  private final transient String text;

  private Secret(Kind kind, String hint, String text) {
    this.kind = kind;
    this.hint = hint;
    this.text = text;
  }

  /**
   * Parses a secret of the brand {@code pw}.
   *
   * @param text what the bearer sent, as it is: nothing is trimmed
   * @return empty for a malformed secret
   */
  public static Optional<Secret> parse(String text) {
    return parse(text, DEFAULT_BRAND);
  }

  /**
   * Parses a secret: checks length, brand, kind, alphabet, range and checksum.
   *
   * @param text what the bearer sent, as it is: nothing is trimmed
   * @param brand {@code tokens.brand} of the server
   * @return empty for a malformed secret of that brand
   */
  public static Optional<Secret> parse(String text, String brand) {
    for (Kind kind : Kind.values()) {
      String prefix = brand + "_" + kind.code + "_";
      int checked = prefix.length() + VALUE_LENGTH;
      if (text.length() != checked + CHECKSUM_LENGTH
          || !text.startsWith(prefix)
          || !isBase62(text, prefix.length())
          || text.substring(prefix.length(), checked).compareTo(MAX_VALUE) > 0
          || decode(text.substring(checked)) != crc32(text.substring(0, checked))) {
        continue;
      }
      String hint = prefix + "..." + text.substring(text.length() - HINT_LENGTH);
      return Optional.of(new Secret(kind, hint, text));
    }
    return Optional.empty();
  }

  /** Throws IllegalArgumentException for an invalid brand. */
  static String requireBrand(String brand) {
    if (!brand.matches(BRAND)) {
      throw new IllegalArgumentException(
          "the brand must match " + BRAND + ", and " + brand + " does not");
    }
    return brand;
  }

  /**
   * Returns who the token acts as.
   *
   * @return the kind of the prefix
   */
  public Kind getKind() {
    return kind;
  }

  /**
   * Returns the hint for lists and logs, {@code pw_pat_...x9Kq}: the prefix and the last four
   * characters.
   *
   * @return the hint
   */
  public String getHint() {
    return hint;
  }

  /**
   * Returns the secret itself.
   *
   * @return the whole text
   */
  public String reveal() {
    return text;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Secret secret && secret.text.equals(text);
  }

  @Override
  public int hashCode() {
    return text.hashCode();
  }

  /** Returns the hint. */
  @Override
  public String toString() {
    return hint;
  }

  private static boolean isBase62(String text, int from) {
    return text.chars().skip(from).allMatch(character -> ALPHABET.indexOf(character) >= 0);
  }

  private static long decode(String digits) {
    return digits.chars().mapToLong(ALPHABET::indexOf).reduce(0, (value, d) -> value * 62 + d);
  }

  private static long crc32(String text) {
    CRC32 crc = new CRC32();
    crc.update(text.getBytes(US_ASCII));
    return crc.getValue();
  }
}
