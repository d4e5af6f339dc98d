package dev.patwarden.client;

import dev.patwarden.v1.ListResourcesResponse;
import dev.patwarden.v1.Reason;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.stub.BlockingClientCall;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * The resources on which a token may act, as they arrive. The list is for display: check before
 * acting on an entry.
 *
 * <p>One thread can iterate it once. Each step throws {@link PatwardenException} on a failure: the
 * list is then incomplete. Close it if you stop early.
 */
public final class ResourceStream implements Iterable<String>, AutoCloseable {
  private final BlockingClientCall<?, ListResourcesResponse> call;
  private final Duration patience;
  private final Reason reason;
  private final boolean tokenValid;
  private Iterator<String> arrived;
  private boolean incomplete;
  private boolean ended;

  /**
   * Waits for the first message.
   *
   * @param patience the longest time to wait for each message
   */
  ResourceStream(BlockingClientCall<?, ListResourcesResponse> call, Duration patience) {
    this.call = call;
    this.patience = patience;
    ListResourcesResponse first = read();
    if (first == null || first.getReason() == Reason.REASON_UNSPECIFIED) {
      close();
      throw new PatwardenException(Status.Code.INTERNAL, "the list has no reason");
    }
    reason = first.getReason();
    tokenValid = first.getTokenValid();
  }

  /**
   * Returns why there is a list or none.
   *
   * @return {@code REASON_ALLOWED} if the token can be used, even if the list is empty
   */
  public Reason reason() {
    return reason;
  }

  /**
   * Returns whether the token can be used.
   *
   * @return as {@link Decision#tokenValid}
   */
  public boolean tokenValid() {
    return tokenValid;
  }

  /**
   * Returns true if the list may lack entries because OpenFGA ran out of time or failed for some.
   *
   * @return known at the end only
   * @throws IllegalStateException before the end
   */
  public boolean incomplete() {
    if (!ended) {
      throw new IllegalStateException("the list has not ended");
    }
    return incomplete;
  }

  /**
   * Returns the resources, {@code type:id}, in no order.
   *
   * @return always the same iterator
   */
  @Override
  public Iterator<String> iterator() {
    return resources;
  }

  /**
   * Reads the rest.
   *
   * @return the resources that were not iterated yet, {@code type:id}, in no order
   */
  public List<String> toList() {
    List<String> list = new ArrayList<>();
    resources.forEachRemaining(list::add);
    return Collections.unmodifiableList(list);
  }

  /** Cancels the call if it has not ended. */
  @Override
  public void close() {
    call.cancel("the list was closed", null);
  }

  private final Iterator<String> resources =
      new Iterator<>() {
        @Override
        public boolean hasNext() {
          while (!arrived.hasNext() && !ended) {
            ended = read() == null;
          }
          return arrived.hasNext();
        }

        @Override
        public String next() {
          if (!hasNext()) {
            throw new NoSuchElementException();
          }
          return arrived.next();
        }
      };

  private ListResourcesResponse read() {
    try {
      ListResourcesResponse message = call.read(patience.toNanos(), TimeUnit.NANOSECONDS);
      if (message != null) {
        arrived = message.getResourcesList().iterator();
        incomplete = message.getIncomplete();
      }
      return message;
    } catch (StatusException error) {
      throw PatwardenException.from(error);
    } catch (TimeoutException error) {
      close();
      throw Calls.deadlineExceeded();
    } catch (InterruptedException error) {
      close();
      Thread.currentThread().interrupt();
      throw new PatwardenException(Status.Code.CANCELLED, "interrupted");
    }
  }
}
