/** What waits on this device until the server has it: how much, what, and a way to take it back. */

import { byId, h, reconcile, setText } from './dom.js';
import { OUTBOX_ROWS } from './limits.js';
import { titleOf } from './list.js';

/** @typedef {import('./conversations.js').Conversation} Conversation */
/** @typedef {import('./envelope.js').Entry} Entry */
/** @typedef {{ session: import('./session.js').Session, conversations: import('./conversations.js').Conversations, people: import('./people.js').People, sending: import('./sending.js').Sending, transfers: import('./transfers.js').Transfers }} Parts */

export class OutboxPanel {
  #parts;
  #count = h('p', { class: 'hint', id: 'outbox-count', 'aria-live': 'polite' });
  #full = h('p', { class: 'problem', id: 'outbox-full', role: 'alert' });
  #list = h('ul', { class: 'outbox-rows' });
  #more = h('p', { class: 'hint' });
  /** What can no longer be taken back. @type {Entry | undefined} */
  #uploading;
  /** How many waited when one more was refused. @type {number | undefined} */
  #fullAt;

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts;
    const { session, conversations } = parts;
    byId('outbox').replaceChildren(h('h2', { id: 'outbox-title', text: 'Outbox', tabindex: '-1' }), this.#count, this.#full, this.#list, this.#more);
    session.on('outbox', () => this.render());
    session.on('signedin', () => {
      this.#fullAt = undefined;
      this.render();
    });
    conversations.on('entry', () => this.render());
    parts.transfers.on('upload', () => {
      const before = this.#uploading;
      this.#uploading = parts.transfers.uploading(conversations);
      if (this.#uploading !== before) this.render();
    });
  }

  /** One more was refused. */
  full() {
    this.#fullAt = this.#parts.session.outbox;
    this.render();
  }

  render() {
    const { session, conversations } = this.#parts;
    const { outbox } = session;
    if (outbox < (this.#fullAt ?? 0)) this.#fullAt = undefined;
    const waiting = conversations.waiting();
    const shown = waiting.slice(0, OUTBOX_ROWS);
    setText(this.#count, `${outbox === 0 ? 'Nothing waits.' : outbox === 1 ? 'One message waits.' : `${outbox} messages wait.`} ${about(session)}`);
    this.#full.hidden = this.#fullAt === undefined;
    setText(this.#full, this.#fullAt === undefined ? '' : 'The outbox is full. Nothing more is taken until some of it is sent or taken back.');
    reconcile(this.#list, shown, ({ entry }) => entry.id, ({ conversation, entry }) => this.#row(conversation, entry), (row, { conversation, entry }) => this.#update(row, conversation, entry));
    const rest = Math.max(outbox, waiting.length) - shown.length;
    this.#more.hidden = rest <= 0;
    setText(this.#more, rest === 1 ? 'And one more.' : `And ${rest} more.`);
  }

  /**
   * @param {Conversation} conversation
   * @param {Entry} entry
   */
  #row(conversation, entry) {
    return h('li', { class: 'outbox-row' },
      h('div', { class: 'outbox-text' }, h('p', { class: 'outbox-to' }), h('p', { class: 'hint outbox-what' })),
      h('button', { type: 'button', class: 'link', text: 'Cancel', onclick: () => this.#parts.sending.cancel(conversation, entry) }));
  }

  /**
   * @param {HTMLElement} row
   * @param {Conversation} conversation
   * @param {Entry} entry
   */
  #update(row, conversation, entry) {
    const what = (entry.file?.name ?? entry.text ?? '').slice(0, 120);
    const title = titleOf(conversation, this.#parts.people);
    setText(/** @type {HTMLElement} */ (row.querySelector('.outbox-to')), title);
    setText(/** @type {HTMLElement} */ (row.querySelector('.outbox-what')), what);
    const button = /** @type {HTMLElement} */ (row.querySelector('button'));
    button.hidden = this.#uploading === entry || !this.#parts.sending.isCancellable(entry);
    button.setAttribute('aria-label', `Cancel “${what.slice(0, 40)}” to ${title}`);
  }
}

/** @param {import('./session.js').Session} session */
function about({ memoryOnly, outbox }) {
  if (memoryOnly) return 'This browser does not let it be kept on disk: closing the page loses it.';
  if (outbox === 0) return '';
  return `${outbox === 1 ? 'It is' : 'They are'} kept on this device, over a reload and a crash as well.`;
}
