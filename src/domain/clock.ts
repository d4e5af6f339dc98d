/**
 * The wall clock, injected so that time is data in tests. Ages and deadlines are counted by a clock that never jumps:
 * such a one is passed as `monotonicMs`, a function that returns milliseconds.
 */
export interface Clock {
  now(): Date;
}
