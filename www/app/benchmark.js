/** Shows what `measure.js` finds, as tables and as JSON. */

import { byId, h, setText } from './dom.js';
import { inWords } from './errors.js';
import { milliseconds, size } from './format.js';
import { measure } from './measure.js';
import { ownServer } from './session.js';

/** @typedef {Awaited<ReturnType<typeof measure>>} Figures */

/** @type {Record<keyof Figures['times'], string>} */
const TIMES = {
  core: 'Loading the program',
  derivation: 'Deriving a key, in a worker that is loaded first',
  derivationAgain: 'Deriving another',
  enrolment: 'First connection: encryption is loaded, this device gets keys and is enrolled',
  enrolmentAgain: 'First connection of somebody else',
  listing: 'After it, until others can encrypt for them: 101 keys are made and put on the server',
  first: 'First encrypted message, until it is delivered: keys of the receiver are fetched',
  second: 'The next one',
  firstPlain: 'One that is not encrypted',
  reconnection: 'Connecting again',
};
/** @type {Record<keyof Figures['plain'], string>} */
const RATES = {
  sealed: 'Leaving this page, for somebody who is away',
  opened: 'Taken in by somebody who comes back',
  delivered: 'From one to the other, both on this page',
  toItself: 'From one to oneself',
};
/** The figures in the JSON are no finer than that. */
const DECIMALS = 1;

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/**
 * @param {string} id
 * @param {string[][]} rows
 */
function fill(id, rows) {
  const lines = rows.map(([what, ...values]) => h('tr', {}, h('th', { scope: 'row', text: what }), ...values.map((text) => h('td', { text }))));
  byId(id).querySelector('tbody')?.replaceChildren(...lines);
}

/** @param {Figures} figures */
function show(figures) {
  const { times, encrypted, plain, loads } = figures;
  fill('times', Object.entries(TIMES).map(([what, words]) => [words, milliseconds(times[/** @type {keyof typeof times} */ (what)])]));
  fill('rates', Object.entries(RATES).map(([what, words]) => [words, ...[encrypted, plain].map((rates) => whole.format(rates[/** @type {keyof typeof rates} */ (what)]))]));
  fill('loads', loads.map(({ file, sent, gzip }) => [file, size(sent), size(gzip)]));
  const rounded = (/** @type {string} */ _, /** @type {unknown} */ value) => (typeof value === 'number' ? Number(value.toFixed(DECIMALS)) : value);
  byId('figures').textContent = JSON.stringify(figures, rounded, 2);
  byId('results').hidden = false;
}

async function run() {
  const [main, button] = [/** @type {HTMLElement} */ (document.querySelector('main')), /** @type {HTMLButtonElement} */ (byId('run'))];
  const say = (/** @type {string} */ state, /** @type {string} */ what) => {
    main.dataset.state = state;
    setText(byId('progress'), what);
  };
  button.disabled = true;
  byId('problem').hidden = true;
  try {
    show(await measure(ownServer(), (what) => say('running', what)));
    // What is loaded is loaded once a page.
    say('done', 'Done. Reload the page to measure again.');
  } catch (error) {
    say('failed', '');
    byId('problem').hidden = false;
    setText(byId('problem'), inWords(error));
  }
}

byId('run').addEventListener('click', run);
