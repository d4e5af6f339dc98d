/**
 * A value, or a promise where it takes I/O. On the hot path nearly everything is known at once, and each promise costs
 * a turn.
 */
export type Awaitable<T> = T | Promise<T>;
