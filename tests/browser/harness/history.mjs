/**
 * What was seen of messages numbered 0, 1, 2 … from one page to another, and the one check of it: every accepted one was
 * handled; no handler ran twice, unless the page ended before it had noted the first call; in the order of the numbers;
 * none that nobody sent. It is the check of `tests/src/history` for one pair of devices.
 */

export class History {
  sent = new Set();
  accepted = new Set();
  /** What became of the call for each number: `open`, `settled`, or `cut off` by an end of the page. */
  #calls = new Map();
  #last = -1;
  faults = [];
  repeated = 0;
  ends = 0;

  get handled() {
    return this.#calls.size;
  }

  /** The page told something. @param {'sent' | 'accepted' | 'called' | 'settled' | 'gap'} what @param {number} number */
  tell(what, number) {
    if (what === 'sent') this.sent.add(number);
    if (what === 'accepted') this.accepted.add(number);
    if (what === 'called') this.#called(number);
    if (what === 'settled') this.#calls.set(number, 'settled');
    if (what === 'gap') this.faults.push('a gap was told where nothing was lost');
  }

  /** The receiving page ended: calls that it had not noted may come again, those that it had may not. */
  end() {
    this.ends += 1;
    this.#last = -1;
    for (const [number, call] of this.#calls) {
      if (call === 'open') this.#calls.set(number, 'cut off');
      if (call === 'settled') this.#last = Math.max(this.#last, number);
    }
  }

  /** Whether all that was accepted was handled. */
  get isComplete() {
    return [...this.accepted].every((number) => this.#calls.has(number));
  }

  /** What must not be. */
  check() {
    const lost = [...this.accepted].filter((number) => !this.#calls.has(number));
    return [...this.faults, ...lost.map((number) => `${number} was accepted and is lost`)];
  }

  #called(number) {
    if (!this.sent.has(number)) this.faults.push(`${number} was handled, and nobody sent it`);
    const before = this.#calls.get(number);
    if (before === 'cut off') this.repeated += 1;
    else if (before !== undefined) this.faults.push(`${number} was handled twice`);
    this.#calls.set(number, 'open');
    if (number < this.#last) this.faults.push(`${number} was handled after ${this.#last}`);
    this.#last = number;
  }
}
