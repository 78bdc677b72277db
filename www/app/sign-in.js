/** The first page: who are you? */

import { byId, setText } from './dom.js';
import { inWords } from './errors.js';
import { duration } from './format.js';
import { icon } from './icons.js';
import { strength, suggestion } from './secret.js';
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
/** @type {HTMLButtonElement} */
const button = byId('sign-in-button');

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

function showStrength() {
  const { level, says } = strength(secret.value);
  byId('strength').dataset.level = String(level);
  setText(byId('secret-hint'), says);
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

/** @param {boolean} busy */
function showBusy(busy) {
  button.disabled = busy;
  button.textContent = busy ? 'Connecting…' : 'Sign in';
  byId('sign-in-cancel').hidden = !busy;
  if (!busy) setText(byId('sign-in-progress'), '');
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
  secret.value = '';
  showSecret(false);
  showStrength();
  showProblem(problem);
  showBusy(false);
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
  let cancelled = false;

  secret.addEventListener('input', showStrength);
  byId('show-secret').addEventListener('click', () => showSecret(secret.type === 'password'));
  byId('suggest-secret').addEventListener('click', () => {
    secret.value = suggestion();
    showSecret(true);
    showStrength();
    secret.focus();
  });
  byId('sign-in-cancel').addEventListener('click', () => {
    cancelled = true;
    session.leave();
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
    cancelled = false;
    showProblem('');
    showBusy(true);
    try {
      const identity = { name: name.value.trim(), email: email.value.trim(), server: server.value.trim(), publish: publish.checked };
      await session.begin({ ...identity, secret: secret.value }, keep.checked);
      await session.connect();
      showBusy(false);
      entered();
    } catch (error) {
      showBusy(false);
      if (!cancelled) {
        session.leave();
        showProblem(inWords(error));
      }
    }
  });
}
