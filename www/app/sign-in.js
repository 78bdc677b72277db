/** The first page: who are you? */

import { copyButton } from './clipboard.js';
import { byId, setText } from './dom.js';
import { inWords } from './errors.js';
import { duration } from './format.js';
import { icon } from './icons.js';
import { newSecret, strength } from './secret.js';
import { load, ownServer, Session } from './session.js';

/** @type {HTMLInputElement} */
const name = byId('name');
/** @type {HTMLInputElement} */
const email = byId('email');
/** @type {HTMLInputElement} */
const secret = byId('secret');
/** @type {HTMLInputElement} */
const publish = byId('publish');
/** @type {HTMLInputElement} */
const keep = byId('keep');
/** @type {HTMLInputElement} */
const server = byId('server');
/** @type {HTMLInputElement} */
const asOriginal = byId('as-original');
/** @type {HTMLButtonElement} */
const button = byId('sign-in-button');

const DERIVING = 'Deriving your keys…';
const CONNECTING = 'Connecting…';

/** @param {string} text */
function serverProblem(text) {
  try {
    const { protocol, hostname } = new URL(text);
    if (protocol !== 'ws:' && protocol !== 'wss:') return 'The server’s address has to begin with ws:// or wss://.';
    const local = /^(?:localhost|127\.|\[::1\])/u.test(hostname);
    if (protocol === 'ws:' && location.protocol === 'https:' && !local) return 'A page that came over https can only use wss://.';
    return undefined;
  } catch {
    return 'That is not the address of a server, such as ws://127.0.0.1:55688.';
  }
}

/** Counts the questions: an answer that comes late is none. */
let judged = 0;

async function showStrength() {
  judged += 1;
  const mine = judged;
  const { level, says } = await strength(secret.value, asOriginal.checked);
  if (mine !== judged) return;
  byId('strength').dataset.level = String(level);
  setText(byId('secret-hint'), says);
}

/** Another kind of identity is chosen. */
function showKind() {
  byId('md5-warning').hidden = !asOriginal.checked;
  void showStrength();
}

/** Another secret stands there. @param {boolean} made by us */
function secretChanged(made) {
  byId('made-secret').hidden = !made;
  void showStrength();
}

async function makeSecret() {
  try {
    secret.value = await newSecret();
  } catch (error) {
    return showProblem(inWords(error));
  }
  showSecret(true);
  secretChanged(true);
  secret.focus();
}

/** @param {boolean} visible */
function showSecret(visible) {
  secret.type = visible ? 'text' : 'password';
  byId('show-secret').setAttribute('aria-pressed', String(visible));
  byId('show-secret').replaceChildren(icon(visible ? 'eyeOff' : 'eye'));
}

/** @param {string} problem empty for none */
function showProblem(problem) {
  byId('sign-in-problem').hidden = problem === '';
  byId('sign-in-problem').textContent = problem;
}

/** @param {string} busy with what; empty for nothing */
function showBusy(busy) {
  button.disabled = busy !== '';
  button.textContent = busy || 'Sign in';
  byId('sign-in-form').setAttribute('aria-busy', String(busy !== ''));
  byId('sign-in-cancel').hidden = busy === '';
  setText(byId('sign-in-progress'), busy === DERIVING ? 'This takes a moment on purpose: it makes guessing your secret dear.' : '');
}

/**
 * Shows the form, filled with what is remembered.
 * @param {string} [problem]
 */
export function showSignIn(problem = '') {
  const remembered = Session.remembered();
  name.value = remembered.name ?? '';
  email.value = remembered.email ?? '';
  server.value = remembered.server ?? ownServer();
  publish.checked = remembered.publish ?? true;
  keep.checked = remembered.secret !== undefined;
  asOriginal.checked = remembered.md5 ?? false;
  secret.value = '';
  showSecret(false);
  secretChanged(false);
  showKind();
  showProblem(problem);
  showBusy('');
  byId('app').hidden = true;
  byId('sign-in').hidden = false;
  (name.value ? secret : name).focus();
  // By the time the form is filled in, everything is here. If it is not, signing in says why.
  load().catch(() => {});
}

export function hideSignIn() {
  secret.value = '';
  byId('sign-in').hidden = true;
  byId('app').hidden = false;
}

/**
 * @param {Session} session
 * @param {() => void} entered
 */
export function setUpSignIn(session, entered) {
  /** Counts the attempts: one that was called off says nothing any more. */
  let attempt = 0;

  byId('made-secret').append(copyButton('the secret', () => secret.value));
  secret.addEventListener('input', () => secretChanged(false));
  asOriginal.addEventListener('change', showKind);
  byId('show-secret').addEventListener('click', () => showSecret(secret.type === 'password'));
  byId('make-secret').addEventListener('click', makeSecret);
  byId('sign-in-cancel').addEventListener('click', () => {
    attempt += 1;
    session.leave();
    showBusy('');
  });
  session.on('close', ({ retryIn }) => {
    if (button.disabled && retryIn !== null) {
      setText(byId('sign-in-progress'), `No answer from ${new URL(server.value).host} yet. Trying again in ${duration(retryIn)}.`);
    }
  });

  byId('sign-in-form').addEventListener('submit', async (event) => {
    event.preventDefault();
    const problem = serverProblem(server.value.trim());
    if (problem) return showProblem(problem);
    attempt += 1;
    const mine = attempt;
    showProblem('');
    showBusy(asOriginal.checked ? CONNECTING : DERIVING);
    try {
      const identity = { name: name.value.trim(), email: email.value.trim(), server: server.value.trim(), publish: publish.checked, md5: asOriginal.checked };
      await session.begin({ ...identity, secret: secret.value }, keep.checked);
      showBusy(CONNECTING);
      await session.connect();
      showBusy('');
      entered();
    } catch (error) {
      if (mine !== attempt) return;
      showBusy('');
      session.leave();
      showProblem(inWords(error));
    }
  });
}
