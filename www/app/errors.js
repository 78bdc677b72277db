/** The package's coded errors, in words a person can act on. */

/** @type {Record<number, string>} */
const WORDS = {
  400: 'The server could not read the message.',
  401: 'The server did not accept this sign-in.',
  402: 'This connection was signed in already.',
  403: 'Signing in took too long.',
  404: 'The earlier session is over. Sign in again.',
  405: 'This session was taken over elsewhere, so both sides were signed out.',
  406: 'The server dropped a message that named another sender.',
  407: 'A message arrived damaged and was dropped.',
  408: 'Too many recipients for one message.',
  409: 'The message nests too deep.',
  410: 'This server does not accept connections from this page. Its owner has to list this page’s address.',
  411: 'The server expected text.',
  412: 'The server asked to sign in first.',
  413: 'The message is too large.',
  414: 'This device connected a second time, so this page hung up.',
  415: 'Nobody with that credential has ever signed in here.',
  416: 'Nobody came for it within its time.',
  417: 'Too much waits for them already.',
  418: 'The device that should have got it was retired.',
  419: 'They use an older program, which cannot take this.',
  420: 'This server takes identities with keys alone. Sign in without “as in the original”.',
  421: 'The server does not know the address this page reached it by. Its owner has to list it.',
  422: 'The server speaks the old protocol alone, which cannot tell keys.',
  423: 'Somebody else has this address already. Change your name, e-mail or secret.',
  424: 'Another device changed the list of your devices at the same time. Try again.',
  425: 'The list of your devices, or a key of this one, was not accepted.',
  426: 'This device was revoked: it cannot sign in again.',
  427: 'You have too many devices. Sign in on one of them and remove another there.',
  450: 'The program is not loaded yet. Reload the page.',
  451: 'That is not usable as given.',
  452: 'Taken back.',
  453: 'Signed out before it was sent.',
  454: 'This page failed to handle something.',
  455: 'What was kept on this device is damaged.',
  456: 'This browser does not let messages be kept on disk: closing the page loses what waits.',
  457: 'Your keys are not derived yet.',
  459: 'They have no keys, so it cannot be encrypted.',
  460: 'A message could not be decrypted on this device.',
  461: 'This needs your secret itself: sign in with it again.',
  462: 'The server showed a list of devices that cannot be. It may be lying about whose keys are whose.',
  463: 'The keys of this device are missing or cannot be used.',
  503: 'The server is restarting.',
  504: 'The server has too many connections at the moment.',
  505: 'Too many messages waited to be read, so the server hung up.',
  506: 'Nothing was heard from the server for too long.',
  507: 'The server’s disk is full.',
  508: 'The server’s disk failed.',
  509: 'The server takes no more large messages at the moment.',
  520: 'The server waits for an earlier message.',
  521: 'The devices of the receivers changed. It is encrypted anew.',
  529: 'Too many messages at once. Wait a moment.',
  550: 'The outbox is full: too much is waiting to be sent.',
  551: 'The server did not answer in time.',
  552: 'The server cannot be reached.',
  553: 'This device could not keep the message.',
};

/**
 * What went wrong, with the code to look it up by.
 * @param {unknown} error
 * @returns {string}
 */
export function inWords(error) {
  const { code, reason, message } = /** @type {{ code?: number, reason?: string, message?: string }} */ (error ?? {});
  if (typeof code !== 'number') return message || 'Something went wrong.';
  const own = code === 451 && reason ? `${reason}.`.replace(/\.\.$/u, '.') : WORDS[code];
  return `${own ?? reason ?? message ?? 'Something went wrong.'} (${code})`;
}

/**
 * The same, for what a receipt says.
 * @param {{ code?: number, reason?: string }} failure
 */
export const errorWords = ({ code, reason }) => inWords({ code, reason });

/** Whether trying again may help. @param {unknown} error */
export const mayRetry = (error) => /** @type {{ retry?: boolean } | null} */ (error)?.retry === true;
