/** A message in the hands of the page. */

import type { Receipt, SendOptions } from './receipt.ts';

/** Sends an answer to a message. */
export type Answer = (content: unknown, options: SendOptions) => Promise<Receipt>;

/**
 * Counts who still has to do with a message. When nobody has, it is handled, and comes no more; until then the next one of
 * its sender waits.
 */
export class Delivery {
  /** Answers it. */
  readonly answer: Answer;
  #done: () => void;
  #holders = 1;
  #isDeferred = false;

  constructor(done: () => void, answer: Answer) {
    this.#done = done;
    this.answer = answer;
  }

  /** Somebody has to do with it. */
  hold(): void {
    this.#holders++;
  }

  /** Somebody is done with it. */
  release(): void {
    if (--this.#holders === 0) this.#done();
  }

  /** A handler wants to say itself when it is handled. */
  defer(): void {
    if (this.#isDeferred || this.#holders === 0) return;
    this.#isDeferred = true;
    this.hold();
  }

  /** A handler says that it is. */
  acknowledge(): void {
    if (!this.#isDeferred) return;
    this.#isDeferred = false;
    this.release();
  }
}
