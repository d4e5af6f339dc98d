/** Something that runs from the start of the server to its end. */
export interface Stage {
  /** For error messages. */
  readonly name: string;
  /** Absent for a stage that is only to be stopped. */
  readonly start?: () => unknown;
  /** Must not throw. Absent for a stage that ends by itself. */
  readonly stop?: () => unknown;
}

/**
 * Starts stages in their order, each when the one before it has started, and returns the function that stops them in
 * reverse. When a stage fails, stops those that have started, and rejects with the error: a failed start leaves nothing
 * behind.
 */
export async function startInOrder(stages: readonly Stage[]): Promise<() => Promise<void>> {
  const started: Stage[] = [];
  const stop = async (): Promise<void> => {
    for (let stage = started.pop(); stage; stage = started.pop()) await stage.stop?.();
  };
  try {
    for (const stage of stages) {
      await stage.start?.();
      started.push(stage);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
}
