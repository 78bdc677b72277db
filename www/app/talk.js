/** The middle column: what was said in one conversation, and what is going on with it. */

import { avatar, avatars } from './avatar.js';
import { bubble, updateQuestion } from './bubble.js';
import { byId, h, reconcile, setText } from './dom.js';
import { fileOf } from './files.js';
import { day } from './format.js';
import { icon } from './icons.js';
import { GROUPING_MS } from './limits.js';
import { titleOf } from './list.js';
import { bar, updateBar, updateMeta } from './meta.js';
import { whyHeld } from './sealing-line.js';

/** @typedef {import('./conversations.js').Conversation} Conversation */
/** @typedef {import('./envelope.js').Entry} Entry */
/** @typedef {import('./transfers.js').Arrival} Arrival */
/** @typedef {{ key: string, day?: string, entry?: Entry, arrival?: Arrival, first?: boolean, last?: boolean }} Line */
/** @typedef {{ session: import('./session.js').Session, people: import('./people.js').People, conversations: import('./conversations.js').Conversations, keys: import('./keys.js').Keys, sending: import('./sending.js').Sending, questions: import('./questions.js').Questions, transfers: import('./transfers.js').Transfers }} Parts */

/** How near the end counts as being there. */
const END_PX = 80;

export class Talk {
  #parts;
  #scroll = byId('messages');
  /** @type {Conversation | undefined} */
  #conversation;

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts;
    parts.people.on('change', () => this.#render());
    parts.keys.on('change', () => this.#render());
    parts.session.on('state', () => this.#renderHeader());
    for (const type of /** @type {const} */ (['arrival', 'upload'])) parts.transfers.on(type, () => this.#changed(undefined));
    parts.conversations.on('entry', ({ conversation, entry, added }) => {
      if (conversation === this.#conversation) this.#changed(added ? entry : undefined);
    });
    byId('jump').addEventListener('click', () => this.#toEnd());
    this.#scroll.addEventListener('scroll', () => {
      if (this.#atEnd()) byId('jump').hidden = true;
    });
    // A keyboard that slides in, or a longer draft, must not hide the end.
    let wasAtEnd = true;
    this.#scroll.addEventListener('scroll', () => (wasAtEnd = this.#atEnd()));
    new ResizeObserver(() => wasAtEnd && this.#toEnd()).observe(this.#scroll);
  }

  /** @param {Conversation | undefined} conversation */
  show(conversation) {
    this.#conversation = conversation;
    byId('talk-empty').hidden = conversation !== undefined;
    byId('talk-open').hidden = conversation === undefined;
    byId('jump').hidden = true;
    byId('entries').replaceChildren();
    this.#render();
    this.#toEnd();
  }

  /** @param {Entry | undefined} added */
  #changed(added) {
    const stay = this.#atEnd() || (added?.from === this.#parts.session.credential && added.status !== 'received');
    this.#render();
    if (stay) return this.#toEnd();
    if (!added) return;
    byId('jump').replaceChildren('New message', icon('down'));
    byId('jump').hidden = false;
  }

  #render() {
    if (!this.#conversation) return;
    this.#renderHeader();
    const { entries, members } = this.#conversation;
    const lines = [...this.#lines(entries), ...this.#parts.transfers.from(members).map((arrival) => ({ key: arrival.key, arrival }))];
    reconcile(byId('entries'), lines, ({ key }) => key, (line) => this.#create(line), (element, line) => this.#update(element, line));
  }

  #renderHeader() {
    const conversation = this.#conversation;
    if (!conversation) return;
    const { people } = this.#parts;
    const title = titleOf(conversation, people);
    if (byId('talk-avatar').dataset.title !== title + conversation.id) {
      byId('talk-avatar').replaceChildren(avatars(conversation.members, (member) => people.get(member).name));
      byId('talk-avatar').dataset.title = title + conversation.id;
    }
    setText(byId('talk-title'), title);
    setText(byId('talk-subtitle'), this.#about(conversation));
  }

  /** @param {Conversation} conversation */
  #about({ members }) {
    const { people, session } = this.#parts;
    if (!session.registered) return 'Messages wait on this device until the connection is back';
    if (members.length === 0) return 'Reaches all your windows and devices';
    const here = members.filter((member) => people.isHere(member)).length;
    if (members.length > 1) return `${members.length + 1} people with you · ${here} of ${members.length} listed as here`;
    return here ? 'Here now' : 'Not listed as here: messages wait on the server';
  }

  /** @param {Entry[]} entries */
  #lines(entries) {
    /** @type {Line[]} */
    const lines = [];
    /** @type {Entry | undefined} */
    let before;
    for (const entry of entries) {
      const at = this.#parts.session.local(entry.at);
      const title = day(at);
      const newDay = !before || day(this.#parts.session.local(before.at)) !== title;
      if (newDay) lines.push({ key: `day ${title} ${entry.id}`, day: title });
      const first = newDay || before?.from !== entry.from || entry.at - before.at > GROUPING_MS;
      lines.push({ key: `${entry.from} ${entry.id}`, entry, first });
      before = entry;
    }
    lines.forEach((line, at) => (line.last = lines[at + 1]?.entry === undefined || lines[at + 1].first));
    return lines;
  }

  /** @param {Line} line */
  #create({ day, entry, arrival }) {
    if (arrival) return h('li', { class: 'entry arriving last' }, h('span', { class: 'entry-avatar' }), h('div', { class: 'entry-body' }, h('div', { class: 'bubble' }, bar())));
    if (!entry) return h('li', { class: 'day' }, h('span', { text: day }));
    const own = entry.from === this.#parts.session.credential;
    return h('li', { class: own ? 'entry own' : 'entry' },
      !own && h('span', { class: 'entry-avatar' }),
      h('div', { class: 'entry-body' },
        h('p', { class: 'who' }),
        h('div', { class: 'bubble-row' }, bubble(entry), h('span', { class: 'lock', role: 'img', 'aria-label': 'Encrypted end to end', title: 'Encrypted end to end' }, icon('lock'))),
        h('div', { class: 'meta' })));
  }

  /**
   * @param {HTMLElement} element
   * @param {Line} line
   */
  #update(element, { entry, arrival, first, last }) {
    const { people, session, questions } = this.#parts;
    if (arrival) return updateBar(element, { ...arrival, words: `${people.nameOf(arrival.from)} sends` });
    if (!entry) return;
    const own = entry.from === session.credential;
    const name = people.nameOf(entry.from);
    element.classList.toggle('first', first);
    element.classList.toggle('last', last);
    element.dataset.status = entry.status;
    element.dataset.encrypted = String(entry.encrypted);
    /** @type {HTMLElement} */ (element.querySelector('.lock')).hidden = !entry.encrypted;
    const sign = element.querySelector('.entry-avatar');
    if (sign && element.dataset.name !== name) sign.replaceChildren(avatar(entry.from, people.get(entry.from).name));
    element.dataset.name = name;
    const who = /** @type {HTMLElement} */ (element.querySelector('.who'));
    setText(who, own ? 'You' : name);
    who.classList.toggle('sr-only', own || !first || (this.#conversation?.members.length ?? 0) < 2);
    updateQuestion(element, entry, own, questions.canAnswer(entry), (answer) => this.#conversation && questions.answer(this.#conversation, entry, answer));
    this.#updateFile(element, entry);
    updateMeta(/** @type {HTMLElement} */ (element.querySelector('.meta')), entry, this.#aboutEntry(entry));
  }

  /**
   * What is read from the disk, or was lost since, changes what can be done with it.
   * @param {HTMLElement} element
   * @param {Entry} entry
   */
  #updateFile(element, entry) {
    const has = String(fileOf(entry) !== undefined);
    if (!entry.file || element.dataset.file === has) return;
    element.dataset.file = has;
    element.querySelector('.bubble')?.replaceWith(bubble(entry));
  }

  /**
   * @param {Conversation} conversation
   * @param {Entry} entry
   */
  #whyHeld(conversation, { from, status }) {
    const { session, keys, people } = this.#parts;
    if (from !== session.credential || (status !== 'waiting' && status !== 'asked')) return '';
    return whyHeld(keys.sealingOf(conversation), (credential) => people.nameOf(credential));
  }

  /** @param {Entry} entry */
  #aboutEntry(entry) {
    const { session, people, sending, transfers, conversations } = this.#parts;
    const conversation = /** @type {Conversation} */ (this.#conversation);
    return {
      local: (/** @type {number} */ timestamp) => session.local(timestamp),
      nameOf: (/** @type {string} */ credential) => (credential === session.credential ? 'You' : people.nameOf(credential)),
      upload: transfers.uploading(conversations) === entry ? transfers.upload : undefined,
      isCancellable: (/** @type {Entry} */ entry) => sending.isCancellable(entry),
      cancel: (/** @type {Entry} */ entry) => sending.cancel(conversation, entry),
      retry: (/** @type {Entry} */ entry) => sending.retry(conversation, entry),
      held: this.#whyHeld(conversation, entry),
    };
  }

  #atEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroll;
    return scrollHeight - scrollTop - clientHeight < END_PX;
  }

  #toEnd() {
    this.#scroll.scrollTop = this.#scroll.scrollHeight;
    byId('jump').hidden = true;
  }
}
