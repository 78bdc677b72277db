/** What was told and is acted on after whoever told it has returned. */

/** Runs acts in the order in which they came, none inside another. */
export class Later {
  #run: (act: () => void) => void;
  #told: (() => void)[] = [];

  /** `run` is given each act, and does not throw. */
  constructor(run: (act: () => void) => void) {
    this.#run = run;
  }

  /** Runs it soon. */
  add(act: () => void): void {
    if (this.#told.push(act) === 1) queueMicrotask(() => this.#tell());
  }

  #tell(): void {
    // Handlers may make the session tell more: that comes behind what it told before.
    for (const act of this.#told) this.#run(act);
    this.#told.length = 0;
  }
}
