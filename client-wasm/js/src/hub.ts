/** A named group of peers, as the original describes it. */

import { Fields } from './fields.ts';

/** A hub as a plain object. */
export interface HubValue {
  id: string;
  name: string;
  topic: string;
  secret: string | null;
  public: boolean;
}

/** A group: who is in it is the server's to know. */
export class Hub extends Fields<HubValue> implements HubValue {
  /** The address; empty until a server has given it one. */
  id = '';
  /** The name shown to people. */
  name = '';
  /** What it is about. */
  topic = '';
  /** A word that opens it, or `null`. */
  secret: string | null = null;
  /** Whether it can be found by searching. */
  public = false;

  /** A hub with these fields; those that are missing are empty. */
  constructor(value: Partial<HubValue> = {}) {
    super();
    if (value.id !== undefined) this.id = value.id;
    if (value.name !== undefined) this.name = value.name;
    if (value.topic !== undefined) this.topic = value.topic;
    if (value.secret !== undefined) this.secret = value.secret;
    if (value.public !== undefined) this.public = value.public;
  }

  override value(): HubValue {
    return { id: this.id, name: this.name, topic: this.topic, secret: this.secret, public: this.public };
  }
}
