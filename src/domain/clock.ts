/** The wall clock, injected so that time is data in tests. */
export interface Clock {
  now(): Date;
}
