package dev.patwarden.client;

import com.google.protobuf.Timestamp;
import java.time.Duration;
import java.time.Instant;

/** Times of {@code java.time} in messages. */
public final class ProtoTime {
  private ProtoTime() {}

  /**
   * A point in time for a message.
   *
   * @param instant the time
   * @return the same time
   */
  public static Timestamp timestamp(Instant instant) {
    return Timestamp.newBuilder()
        .setSeconds(instant.getEpochSecond())
        .setNanos(instant.getNano())
        .build();
  }

  /**
   * A point in time of a message.
   *
   * @param timestamp the time; ask with {@code has…} first whether there is one
   * @return the same time
   */
  public static Instant instant(Timestamp timestamp) {
    return Instant.ofEpochSecond(timestamp.getSeconds(), timestamp.getNanos());
  }

  /**
   * A length of time for a message, for example the {@code ttl} of a token.
   *
   * @param duration the length, not negative
   * @return the same length
   */
  public static com.google.protobuf.Duration duration(Duration duration) {
    return com.google.protobuf.Duration.newBuilder()
        .setSeconds(duration.getSeconds())
        .setNanos(duration.getNano())
        .build();
  }

  /**
   * A length of time of a message.
   *
   * @param duration the length
   * @return the same length
   */
  public static Duration duration(com.google.protobuf.Duration duration) {
    return Duration.ofSeconds(duration.getSeconds(), duration.getNanos());
  }
}
