/**
 * The wall clock, injected so that tests can set the time. Ages and deadlines are measured by a monotonic clock
 * instead, which is passed as `monotonicMs`, a function that returns milliseconds.
 */
export interface Clock {
  now(): Date;
}
