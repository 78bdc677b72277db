/** Who is in the conversation: what they say of themselves, and the credential that tells them apart. */

import { avatar } from './avatar.js';
import { copyButton } from './clipboard.js';
import { byId, h } from './dom.js';

/** @typedef {{ people: import('./people.js').People, forget: () => void, openWith: (members: string[]) => void }} Parts */

/**
 * @param {import('./conversations.js').Conversation | undefined} conversation
 * @param {Parts} parts
 */
export function renderMembers(conversation, { people, forget, openWith }) {
  const panel = byId('members');
  panel.hidden = conversation === undefined;
  if (!conversation) return panel.replaceChildren();
  const { members } = conversation;
  const state = JSON.stringify([members, members.map((member) => [people.get(member), people.isHere(member)])]);
  if (panel.dataset.state === state) return;
  panel.dataset.state = state;
  const rows = members.map((credential) => {
    const { name, email, place } = people.get(credential);
    return h('li', { class: 'member' },
      avatar(credential, name),
      h('div', { class: 'member-text' },
        h('p', { class: 'member-name', text: name || 'Nameless' }, people.isHere(credential) && h('span', { class: 'pill good', text: 'here' })),
        email && h('p', { class: 'hint', text: email }),
        place && h('p', { class: 'hint', text: place }),
        h('p', { class: 'credential' }, h('code', { text: credential }), copyButton(`the credential of ${name || 'this person'}`, () => credential)),
        members.length > 1 && h('button', { type: 'button', class: 'link', text: 'Talk alone', onclick: () => openWith([credential]) })));
  });
  panel.replaceChildren(
    h('h2', { id: 'members-title', text: members.length > 1 ? `${members.length} people` : members.length ? 'About' : 'Note to self' }),
    members.length
      ? h('ul', { class: 'members' }, ...rows)
      : h('p', { class: 'hint', text: 'A message to your own credential. It reaches every window and device where you have signed in, those that are away when they come back.' }),
    members.length > 0 && h('p', { class: 'hint', text: 'Anybody can take any name. If it matters, compare safety numbers in another way.' }) || '',
    h('button', { type: 'button', class: 'button small', text: 'Forget this conversation', onclick: forget }));
}
