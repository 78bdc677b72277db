/** The middle column: what was said in one conversation, and what is going on with it. */

import { avatar, avatars } from './avatar.js';
import { byId, h, reconcile, setText } from './dom.js';
import { day, exactly, timeOfDay } from './format.js';
import { icon } from './icons.js';
import { jsonView } from './json-view.js';
import { GROUPING_MS } from './limits.js';
import { titleOf } from './list.js';

/** @typedef {import('./conversations.js').Conversation} Conversation */
/** @typedef {import('./envelope.js').Entry} Entry */
/** @typedef {{ key: string, day?: string, entry?: Entry, first?: boolean, last?: boolean }} Line */
/** @typedef {{ session: import('./session.js').Session, people: import('./people.js').People, conversations: import('./conversations.js').Conversations, retry: (conversation: Conversation, entry: Entry) => void }} Parts */

/** How near the end counts as being there. */
const END_PX = 80;

/** @type {Record<Entry['status'], string>} */
const STATUS = { received: '', waiting: 'Waiting', sent: 'Sent', failed: 'Not sent' };
/** @type {Record<Entry['status'], 'clock' | 'check' | 'alert' | undefined>} */
const STATUS_ICON = { received: undefined, waiting: 'clock', sent: 'check', failed: 'alert' };

export class Talk {
  #parts;
  #scroll = byId('messages');
  /** @type {Conversation | undefined} */
  #conversation;

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts;
    parts.people.on('change', () => this.#render());
    parts.session.on('state', () => this.#renderHeader());
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
    reconcile(byId('entries'), this.#lines(this.#conversation.entries), ({ key }) => key, (line) => this.#create(line), (element, line) => this.#update(element, line));
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
    if (members.length === 0) return 'Reaches all your windows and devices that are connected';
    if (!session.registered) return 'Messages wait until the connection is back';
    const here = members.filter((member) => people.isHere(member)).length;
    if (members.length > 1) return `${members.length + 1} people with you · ${here} of ${members.length} listed as here`;
    return here ? 'Here now' : 'Not listed as here: a message reaches only who is connected';
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
  #create({ day, entry }) {
    if (!entry) return h('li', { class: 'day' }, h('span', { text: day }));
    const own = entry.from === this.#parts.session.credential;
    return h('li', { class: own ? 'entry own' : 'entry' },
      !own && h('span', { class: 'entry-avatar' }),
      h('div', { class: 'entry-body' },
        h('p', { class: 'who' }),
        entry.json === undefined
          ? h('p', { class: 'bubble', dir: 'auto', text: entry.text })
          : h('div', { class: 'bubble data' }, h('p', { class: 'subject', text: entry.subject || 'No subject' }), jsonView(entry.json)),
        h('p', { class: 'meta' })));
  }

  /**
   * @param {HTMLElement} element
   * @param {Line} line
   */
  #update(element, { entry, first, last }) {
    if (!entry) return;
    const { people, session } = this.#parts;
    const own = entry.from === session.credential;
    const name = people.nameOf(entry.from);
    element.classList.toggle('first', first);
    element.classList.toggle('last', last);
    element.dataset.status = entry.status;
    const sign = element.querySelector('.entry-avatar');
    if (sign && element.dataset.name !== name) sign.replaceChildren(avatar(entry.from, people.get(entry.from).name));
    element.dataset.name = name;
    const who = /** @type {HTMLElement} */ (element.querySelector('.who'));
    setText(who, own ? 'You' : name);
    who.classList.toggle('sr-only', own || !first || (this.#conversation?.members.length ?? 0) < 2);
    const meta = /** @type {HTMLElement} */ (element.querySelector('.meta'));
    const state = `${entry.status} ${entry.at} ${entry.reason ?? ''}`;
    if (meta.dataset.state === state) return;
    meta.dataset.state = state;
    meta.replaceChildren(...this.#meta(entry));
  }

  /** @param {Entry} entry */
  #meta(entry) {
    const local = this.#parts.session.local(entry.at);
    const statusIcon = STATUS_ICON[entry.status];
    /** @type {HTMLElement[]} */
    const parts = [h('time', { datetime: new Date(local).toISOString(), title: exactly(local), text: timeOfDay(local) })];
    if (statusIcon) parts.push(h('span', { class: `status ${entry.status}`, title: explain(entry) }, icon(statusIcon), h('span', { text: STATUS[entry.status] })));
    if (entry.status === 'failed') {
      parts.push(h('span', { class: 'reason', text: entry.reason ?? '' }));
      parts.push(h('button', { type: 'button', class: 'link', text: 'Try again', onclick: () => this.#conversation && this.#parts.retry(this.#conversation, entry) }));
    }
    return parts;
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

/** @param {Entry} entry */
function explain({ status }) {
  if (status === 'sent') return 'Handed to the server. Whether it was read is not known.';
  return status === 'waiting' ? 'Goes out as soon as there is a connection.' : undefined;
}
