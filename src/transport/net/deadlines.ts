/** Something that ends at an instant of `performance.now()`, milliseconds. Its links belong to `Deadlines`. */
export interface Timed {
  readonly expiresAt: number;
  nextTimed: Timed | undefined;
  previousTimed: Timed | undefined;
  /** Called once when the deadline has passed, up to 10 ms late. Must not throw. */
  onDeadline(): void;
}

/** The length of a slot, milliseconds. */
const slotMs = 5;
const slotCount = 512;

/** A timer of Node that is to wait for longer fires at once. */
const longestMs = 2 ** 31 - 1;

/**
 * A wheel of slots with a list each: adding and removing costs some stores, where a timer for each call would cost as
 * much as the call. One timer serves all, and none while nothing waits.
 */
export class Deadlines {
  readonly #slots: (Timed | undefined)[] = new Array<Timed | undefined>(slotCount).fill(undefined);
  #count = 0;
  /** The slot by whose end the timer fires, counted from the start of the clock; all before have been looked at. */
  #wakeSlot = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  add(item: Timed): void {
    const slot = slotOf(item.expiresAt);
    const index = slot % slotCount;
    const next = this.#slots[index];
    item.nextTimed = next;
    item.previousTimed = undefined;
    if (next) next.previousTimed = item;
    this.#slots[index] = item;
    this.#count++;
    if (slot < this.#wakeSlot) this.#wakeAt(slot);
  }

  /** Removes an item whose deadline has not passed. Returns false when it is not there. */
  remove(item: Timed): boolean {
    const { nextTimed: next, previousTimed: previous } = item;
    if (next) next.previousTimed = previous;
    if (previous) previous.nextTimed = next;
    else {
      const index = slotOf(item.expiresAt) % slotCount;
      if (this.#slots[index] !== item) return false;
      this.#slots[index] = next;
    }
    item.nextTimed = undefined;
    item.previousTimed = undefined;
    this.#count--;
    return true;
  }

  #wakeAt(slot: number): void {
    clearTimeout(this.#timer);
    this.#wakeSlot = slot;
    const ms = Math.min(Math.max(0, (slot + 1) * slotMs - performance.now()), longestMs);
    this.#timer = setTimeout(() => this.#look(), ms).unref();
  }

  #look(): void {
    const now = performance.now();
    // Longer ago than a round, every slot is looked at once.
    const first = Math.max(this.#wakeSlot, slotOf(now) - slotCount);
    this.#wakeSlot = Number.POSITIVE_INFINITY;
    const last = slotOf(now);
    for (let slot = first; slot < last; slot++) this.#lookAt(slot % slotCount, now);
    if (this.#count === 0) return;
    let next = last;
    while (this.#slots[next % slotCount] === undefined) next++;
    if (next < this.#wakeSlot) this.#wakeAt(next);
  }

  #lookAt(index: number, now: number): void {
    const passed: Timed[] = [];
    for (let item = this.#slots[index]; item; item = item.nextTimed) if (item.expiresAt <= now) passed.push(item);
    // Each may remove others when it is called.
    for (const item of passed) if (this.remove(item)) item.onDeadline();
  }
}

function slotOf(instant: number): number {
  return Math.max(0, Math.floor(instant / slotMs));
}
