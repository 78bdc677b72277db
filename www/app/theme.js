/** Light, dark, or as the system says. Kept on this device; it says nothing about anybody. */

const KEY = 'msr.theme';
const CHOICES = /** @type {const} */ (['system', 'light', 'dark']);

/** @typedef {typeof CHOICES[number]} Theme */

/** @returns {Theme} */
export function theme() {
  try {
    return CHOICES.find((choice) => choice === localStorage.getItem(KEY)) ?? 'system';
  } catch {
    return 'system';
  }
}

/** @param {Theme} choice */
function apply(choice) {
  if (choice === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = choice;
}

/** The next of the three, at once and for later. @returns {Theme} */
export function nextTheme() {
  const choice = CHOICES[(CHOICES.indexOf(theme()) + 1) % CHOICES.length];
  try {
    localStorage.setItem(KEY, choice);
  } catch {
    // A browser without storage still changes its colours until the page is left.
  }
  apply(choice);
  return choice;
}

// The page waits for this module before it paints, so that it never flashes in the other theme.
apply(theme());
