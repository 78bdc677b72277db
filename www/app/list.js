/** The first column: conversations, and who is here. */

import { avatar, avatars } from './avatar.js';
import { gist } from './bubble.js';
import { arrowKeys, byId, h, reconcile, setText } from './dom.js';
import { briefly, listed } from './format.js';
import { FOUND_PEERS, SEARCH_PAUSE_MS } from './limits.js';

/** @typedef {import('./conversations.js').Conversation} Conversation */
/** @typedef {import('./people.js').Person} Person */
/** @typedef {{ session: import('./session.js').Session, people: import('./people.js').People, conversations: import('./conversations.js').Conversations, openWith: (members: string[]) => void, current: () => string | undefined }} Parts */

/**
 * What a conversation is called.
 * @param {Conversation} conversation
 * @param {import('./people.js').People} people
 */
export function titleOf({ members }, people) {
  return members.length === 0 ? 'Note to self' : listed(members.map((member) => people.nameOf(member)));
}

export class List {
  #parts;
  #search = /** @type {HTMLInputElement} */ (byId('search'));

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts;
    const { people, conversations, session } = parts;
    people.on('change', () => this.render());
    conversations.on('change', () => this.render());
    session.on('state', () => this.#renderPeople());
    for (const id of ['conversations', 'people']) arrowKeys(byId(id));
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let pause;
    this.#search.addEventListener('input', () => {
      this.render();
      clearTimeout(pause);
      pause = setTimeout(() => this.ask().catch(() => {}), SEARCH_PAUSE_MS);
    });
    document.addEventListener('keydown', (event) => {
      if (event.key.toLowerCase() !== 'k' || !(event.ctrlKey || event.metaKey) || byId('app').hidden) return;
      event.preventDefault();
      this.#search.focus();
      this.#search.select();
    });
  }

  /** Starts with an empty search field. */
  reset() {
    this.#search.value = '';
    this.render();
  }

  /** Asks the server who is here and who fits what is searched for. */
  async ask() {
    const { people, session } = this.#parts;
    if (session.registered) await people.ask((keyword) => session.find(keyword), this.#search.value.trim());
  }

  render() {
    this.#renderConversations();
    this.#renderPeople();
  }

  #renderConversations() {
    const { conversations, people } = this.#parts;
    const keyword = this.#search.value.trim().toLowerCase();
    const all = conversations.list();
    const shown = all.filter((conversation) => titleOf(conversation, people).toLowerCase().includes(keyword));
    reconcile(byId('conversations'), shown, ({ id }) => id, (conversation) => this.#conversationRow(conversation), (row, conversation) => this.#updateConversation(row, conversation));
    byId('conversations-empty').hidden = shown.length > 0;
    setText(byId('conversations-empty'), all.length ? 'None with that name.' : 'None yet. Pick somebody who is here.');
  }

  /** @param {Conversation} conversation */
  #conversationRow({ members }) {
    return h('li', {}, h('button', { type: 'button', class: 'row', onclick: () => this.#parts.openWith(members) },
      h('span', { class: 'row-avatar' }),
      h('span', { class: 'row-text' }, h('span', { class: 'row-title' }), h('span', { class: 'row-snippet' })),
      h('span', { class: 'row-side' }, h('time'), h('span', { class: 'badge' }))));
  }

  /**
   * @param {HTMLElement} row
   * @param {Conversation} conversation
   */
  #updateConversation(row, conversation) {
    const { people, session } = this.#parts;
    const { id, members, unread, entries, at } = conversation;
    const part = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (row.querySelector(selector));
    const title = titleOf(conversation, people);
    if (row.dataset.title !== title) part('.row-avatar').replaceChildren(avatars(members, (member) => people.get(member).name));
    row.dataset.title = title;
    part('.row-avatar').classList.toggle('here', members.length === 1 && people.isHere(members[0]));
    setText(part('.row-title'), title);
    setText(part('.row-snippet'), this.#snippet(conversation));
    part('.row-snippet').classList.toggle('draft', this.#hasDraft(conversation));
    setText(part('time'), entries.length ? briefly(session.local(at)) : '');
    part('.badge').hidden = unread === 0;
    part('.badge').replaceChildren(unread > 99 ? '99+' : String(unread), h('span', { class: 'sr-only', text: ' unread' }));
    part('button').setAttribute('aria-current', String(this.#parts.current() === id));
  }

  /** @param {Conversation} conversation */
  #hasDraft({ id, draft }) {
    return draft.trim() !== '' && this.#parts.current() !== id;
  }

  /** @param {Conversation} conversation */
  #snippet(conversation) {
    const { people, session } = this.#parts;
    if (this.#hasDraft(conversation)) return `Draft: ${conversation.draft.slice(0, 120)}`;
    const last = conversation.entries.at(-1);
    if (!last) return 'No messages yet';
    const said = gist(last).slice(0, 120);
    if (last.status === 'failed' || last.status === 'expired') return `Not delivered: ${said}`;
    if (last.from === session.credential) return conversation.members.length ? `You: ${said}` : said;
    return conversation.members.length > 1 ? `${people.nameOf(last.from)}: ${said}` : said;
  }

  #renderPeople() {
    const { people, session } = this.#parts;
    reconcile(byId('people'), people.found, ({ credential }) => credential, (person) => this.#personRow(person), updatePerson);
    const keyword = this.#search.value.trim();
    setText(byId('people-title'), keyword ? 'People found' : 'Here now');
    setText(byId('people-empty'), this.#aboutPeople(session.registered, keyword));
    byId('people-empty').hidden = byId('people-empty').textContent === '';
  }

  /**
   * @param {boolean} registered
   * @param {string} keyword
   */
  #aboutPeople(registered, keyword) {
    const { people } = this.#parts;
    if (!registered) return 'Shown when the connection is back.';
    if (!people.asked) return 'Looking…';
    if (people.found.length === 0) return keyword ? 'Nobody who is here fits.' : 'Nobody else yet. Open this page in a second window and sign in as somebody else.';
    // The list counts ourselves when we are in it.
    return people.found.length >= FOUND_PEERS - 1 ? 'There may be more: search by name or e-mail.' : '';
  }

  /** @param {Person} person */
  #personRow({ credential }) {
    return h('li', {}, h('button', { type: 'button', class: 'row', onclick: () => this.#parts.openWith([credential]) },
      h('span', { class: 'row-avatar here' }),
      h('span', { class: 'row-text' }, h('span', { class: 'row-title' }), h('span', { class: 'row-snippet' }))));
  }
}

/**
 * @param {HTMLElement} row
 * @param {Person} person
 */
export function updatePerson(row, { credential, name, email, place }) {
  const part = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (row.querySelector(selector));
  if (row.dataset.name !== name) part('.row-avatar').replaceChildren(avatar(credential, name));
  row.dataset.name = name;
  setText(part('.row-title'), name || 'Nameless');
  setText(part('.row-snippet'), [email, place].filter(Boolean).join(' · ') || credential);
}
