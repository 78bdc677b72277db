/** Puts the parts together. */

import { Alerts } from './alerts.js';
import { announce } from './announce.js';
import { avatar } from './avatar.js';
import { Banner } from './banner.js';
import { Composer } from './composer.js';
import { ConnectionPanel } from './connection.js';
import { Conversations } from './conversations.js';
import { DevicesPanel } from './devices.js';
import { byId, h, setText } from './dom.js';
import { inWords } from './errors.js';
import { forgetFiles } from './files.js';
import * as history from './history.js';
import { icon } from './icons.js';
import { Inspector } from './inspector.js';
import { Keys } from './keys.js';
import { List, titleOf } from './list.js';
import { renderMembers } from './members.js';
import { Notices } from './notices.js';
import { OutboxPanel } from './outbox.js';
import { OwnKeysPanel } from './own-keys.js';
import { PeerKeysPanel } from './peer-keys.js';
import { everyNowAndThen, People } from './people.js';
import { Questions } from './questions.js';
import * as screens from './screens.js';
import { SealingLine } from './sealing-line.js';
import { Sending } from './sending.js';
import { Session } from './session.js';
import { hideSignIn, setUpSignIn, showSignIn } from './sign-in.js';
import { Start } from './start.js';
import { Talk } from './talk.js';
import { nextTheme, theme } from './theme.js';
import { Transfers } from './transfers.js';

const SAVE_PAUSE_MS = 300;
/** The secret is needed, and the keys of this device are gone. */
const NEEDS_SECRET = [461, 463];

const session = new Session();
const people = new People();
const keys = new Keys(session);
const conversations = new Conversations();
const sending = new Sending(session, conversations);
const questions = new Questions(session, conversations);
const transfers = new Transfers(session);

/** The id of the conversation that is open. @type {string | undefined} */
let current;

const banner = new Banner(session);
const inspector = new Inspector(session);
const connection = new ConnectionPanel({ session, inspect: () => inspector.toggle(), signOut });
const list = new List({ session, people, conversations, openWith, current: () => current });
const talk = new Talk({ session, people, conversations, keys, sending, questions, transfers });
const outbox = new OutboxPanel({ session, conversations, people, sending, transfers });
const devices = new DevicesPanel(session, keys);
const peerKeys = new PeerKeysPanel({ session, keys, people });
const notices = new Notices({ keys, people, compare });
const sealing = new SealingLine({ keys, people, conversations, sending });
new OwnKeysPanel(session);
new Alerts({ session, keys, people, revoke });
const start = new Start({ session, people, openWith });
const composer = new Composer({
  send(text, how) {
    const conversation = open();
    if (conversation) sending.send(conversation, text, how);
  },
  sendFile(file, how) {
    const conversation = open();
    if (conversation) void sending.sendFile(conversation, file, how);
  },
  changed(draft) {
    const conversation = open();
    if (conversation) conversations.setDraft(conversation, draft);
  },
});

function open() {
  return current === undefined ? undefined : conversations.get(current);
}

/** @param {string[]} members */
function openWith(members) {
  const conversation = conversations.with(members, session.now());
  showConversation(conversation);
  screens.show('talk');
  // On a phone the keyboard would cover what one came to read.
  if (matchMedia('(pointer: coarse)').matches) byId('talk').focus();
  else composer.focus();
}

/** @param {import('./conversations.js').Conversation | undefined} conversation */
function showConversation(conversation) {
  current = conversation?.id;
  talk.show(conversation);
  composer.show(conversation?.draft ?? '');
  if (conversation) composer.label(titleOf(conversation, people));
  for (const part of [peerKeys, notices, sealing]) part.show(conversation);
  list.render();
  showMembers();
  watch();
}

function showMembers() {
  renderMembers(open(), { people, openWith, forget });
}

/** Shows the keys of somebody in the conversation. @param {string} credential */
function compare(credential) {
  screens.show('details');
  peerKeys.compare(credential);
}

/** Asks whether a device of one's own is to be revoked. @param {string} device */
function revoke(device) {
  screens.show('details');
  devices.ask(device, 'revoke');
}

function forget() {
  if (current !== undefined) conversations.forget(current);
  showConversation(undefined);
  screens.reset();
}

/** What is looked at is read. */
function watch() {
  const looking = document.visibilityState === 'visible' && screens.talkVisible();
  conversations.watch(looking ? current : undefined);
}

/** Somebody signs in: what was kept for them is here before the first message can come. */
function prepare() {
  const { credential, identity } = session;
  const kept = history.load(credential);
  people.reset({ credential, name: identity?.name ?? '', email: identity?.email }, kept.people);
  conversations.reset(credential, kept.conversations);
  sending.resume();
}

/** The person is signed in: shows their things. */
function enter() {
  hideSignIn();
  screens.reset();
  list.reset();
  showConversation(undefined);
  showMe();
  composer.reset();
  connection.render();
  outbox.render();
  devices.render();
  banner.render();
  saveSoon();
  ask();
  // On a phone a field with the focus brings up the keyboard.
  byId(matchMedia('(pointer: coarse)').matches ? 'lists' : 'search').focus();
}

function ask() {
  // A search that fails is made again soon; what is wrong stands in the banner.
  list.ask().catch(() => {});
}

function showMe() {
  const name = session.identity?.name ?? '';
  byId('me').replaceChildren(avatar(session.credential, name), h('span', { class: 'me-text' }, h('span', { class: 'me-name', text: name }), h('span', { class: 'me-state' })));
  showState();
}

function showState() {
  const state = byId('me').querySelector('.me-state');
  if (!(state instanceof HTMLElement)) return;
  setText(state, session.registered ? 'Connected' : 'Not connected');
  state.dataset.state = String(session.state);
}

function signOut() {
  history.forget(session.credential);
  session.signOut();
}

function showTheme() {
  const chosen = theme();
  const label = { system: 'Colours: as the system', light: 'Colours: light', dark: 'Colours: dark' }[chosen];
  byId('theme').replaceChildren(icon(/** @type {const} */ ({ system: 'system', light: 'sun', dark: 'moon' })[chosen]));
  byId('theme').setAttribute('aria-label', label);
  byId('theme').title = label;
}

function showUnread() {
  const unread = conversations.unread();
  document.title = unread ? `(${unread}) msgsrouter` : 'msgsrouter';
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let saving;

function save() {
  clearTimeout(saving);
  saving = undefined;
  if (session.signedIn && !byId('app').hidden) history.save(session.credential, conversations.list(), people.all());
}

function saveSoon() {
  saving ??= setTimeout(save, SAVE_PAUSE_MS);
}

function listen() {
  session.on('signedin', prepare);
  session.on('state', () => {
    showState();
    if (session.registered) ask();
    else people.away();
  });
  session.on('message', (message) => {
    questions.came(message);
    const received = conversations.receive(message);
    if (!received || received.entry.from === session.credential) return;
    people.learn(message.from, received.name);
    announce(`${people.nameOf(message.from)}: ${said(received.entry)}`.slice(0, 300));
  });
  session.on('signedout', () => {
    clearTimeout(saving);
    saving = undefined;
    start.close();
    if (!byId('inspector').hidden) inspector.toggle();
    conversations.reset('');
    forgetFiles();
    people.reset(undefined);
    if (byId('app').hidden) return;
    showConversation(undefined);
    showSignIn();
  });
  conversations.on('change', () => {
    showUnread();
    saveSoon();
  });
  conversations.on('entry', ({ entry, added }) => {
    if (added || entry.from !== session.credential) return;
    if (entry.status === 'failed') announce(`Not sent. ${entry.reason}`);
    if (entry.status === 'answered') announce(`Answered: ${entry.answer}`);
  });
  people.on('change', () => {
    showMembers();
    const conversation = open();
    if (conversation) composer.label(titleOf(conversation, people));
  });
  document.addEventListener('visibilitychange', watch);
  addEventListener('pagehide', save);
  addEventListener('beforeunload', (event) => {
    // Where nothing can be kept on disk, what waits would be lost: the browser asks first.
    if (session.signedIn && session.memoryOnly && session.outbox > 0) event.preventDefault();
  });
  byId('me').addEventListener('click', () => {
    screens.show('details');
    byId('connection-title').focus();
  });
  byId('to-details').addEventListener('click', () => screens.show('details'));
  byId('new-conversation').addEventListener('click', () => start.show());
  byId('empty-new').addEventListener('click', () => start.show());
  byId('empty-self').addEventListener('click', () => openWith([]));
  byId('theme').addEventListener('click', () => {
    nextTheme();
    showTheme();
    announce(byId('theme').title);
  });
}

/** What is read out of a message that came. @param {import('./envelope.js').Entry} entry */
function said({ text, file, question, subject }) {
  if (file) return `file ${file.name}`;
  return text === undefined ? `message of subject ${subject}` : `${question ? 'question: ' : ''}${text}`;
}

function drawIcons() {
  byId('new-conversation').append(icon('pencil'));
  byId('start-close').append(icon('close'));
  byId('inspector-close').append(icon('close'));
  byId('to-details').append(icon('info'));
  byId('attach').append(icon('attach'));
  byId('ask').prepend(icon('ask'));
  byId('composer').querySelector('.send')?.append(icon('send'));
  for (const button of document.querySelectorAll('[data-back]')) button.append(icon('back'));
}

/** A reload of somebody who asked to stay signed in. */
async function resume() {
  const { name, email, secret, server, publish, md5 } = Session.remembered();
  if (!name || email === undefined || !secret || !server) return showSignIn();
  try {
    await session.begin({ name, email, secret, server, publish: publish === true, md5: md5 === true }, true);
  } catch (error) {
    return showSignIn(inWords(error));
  }
  enter();
  session.connect().catch((error) => {
    if (!session.signedIn) return;
    // Without the keys that this device had, only the secret itself signs in.
    if (!NEEDS_SECRET.includes(error.code)) return banner.gaveUp(error);
    session.leave();
    showSignIn(inWords(error));
  });
}

sending.onfull = () => outbox.full();
drawIcons();
showTheme();
listen();
screens.setUpScreens(() => {
  // The way back may lead to a conversation that was forgotten since.
  if (screens.shown() === 'talk' && current === undefined) screens.reset();
  watch();
});
setUpSignIn(session, enter);
everyNowAndThen(() => list.ask().catch(() => {}));
void resume();
