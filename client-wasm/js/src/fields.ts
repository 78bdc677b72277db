/** Objects whose fields are accessors, and how they show themselves. */

const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** A `value()` for everybody: as JSON, as text, and on Node's console. */
export abstract class Fields<Value extends object> {
  /** The plain object, its members in the original's order. */
  abstract value(): Value;

  /** What `JSON.stringify` takes. */
  toJSON(): Value {
    return this.value();
  }

  /** The JSON text of `value()`. */
  toString(): string {
    return JSON.stringify(this.value());
  }
}

Object.defineProperty(Fields.prototype, INSPECT, {
  value(this: Fields<object>): object {
    return this.value();
  },
});

/** Lets `for…in` see these accessors, as it sees those of the DOM. */
export function enumerable(prototype: object, ...names: string[]): void {
  for (const name of names) Object.defineProperty(prototype, name, { enumerable: true });
}
