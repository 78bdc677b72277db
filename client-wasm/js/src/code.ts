/** The codes that the package gives by itself; the others come from the session or from a server. */

export const NOT_INITIALISED = 450;
export const INVALID_ARGUMENT = 451;
export const ABORTED = 452;
export const CLOSED = 453;
export const HANDLER_FAILED = 454;
export const DAMAGED = 455;
export const MEMORY_ONLY = 456;
export const NOT_IDENTIFIED = 457;
export const NO_KEYS = 459;
export const SECRET_REQUIRED = 461;
export const LIST_FORGED = 462;
export const NO_DEVICE_KEYS = 463;
export const SLOW_CONSUMER = 505;
