/** Every bound of the page, each with its unit in its name. */

/** Messages kept of one conversation; older ones are forgotten. */
export const ENTRIES_PER_CONVERSATION = 300;

/** Conversations kept; the one silent for longest is forgotten. */
export const CONVERSATIONS = 200;

/** What is kept of one text, from others or ourselves. */
export const TEXT_CHARS = 20_000;

/** What all conversations together may take of the tab's storage; the oldest messages give way. */
export const STORED_CHARS = 1_500_000;

/** People remembered by name. */
export const PEOPLE = 500;

/** The largest file that is sent: a message takes 15 MiB, with its header. */
export const FILE_BYTES = 15 * 1024 * 1024 - 8 * 1024;

/** What stands before the bytes of a file. */
export const FILE_HEADER_BYTES = 4 * 1024;

/** What files of messages may take of the memory; the oldest give way. */
export const FILES_BYTES = 96 * 1024 * 1024;

/** Waiting messages that the outbox lists; it counts all. */
export const OUTBOX_ROWS = 6;

/** How long an answer to a question is waited for, unless the question says for how long it is kept. */
export const ANSWER_MS = 10 * 60_000;

/** Frames the inspector keeps. */
export const FRAMES = 500;

/** How much of one frame the inspector shows. */
export const FRAME_CHARS = 20_000;

/** How often the server is asked who is here, while the page is looked at. */
export const WHO_IS_HERE_MS = 4_000;

/** How long typing has to pause before a search is made. */
export const SEARCH_PAUSE_MS = 200;

/** How many peers one search gives: the server's own bound. */
export const FOUND_PEERS = 20;

/** How long a message by one person joins the one before it. */
export const GROUPING_MS = 5 * 60_000;

/** How long the keys of people are left alone before they are asked about again. */
export const KEYS_PAUSE_MS = 100;

/** Changes of one person's keys, and alerts, that are shown at once. */
export const NOTICES = 8;

/** The largest file that may be a copy of keys. */
export const BACKUP_BYTES = 64 * 1024 * 1024;

/** The longest pass phrase of one. */
export const PASSPHRASE_CHARS = 1_000;

/** Round trips the little graph shows. */
export const ROUND_TRIPS = 40;
