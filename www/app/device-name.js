/** What this device is called in the list of devices: the browser and the system, as far as they say. */

const BROWSERS = [['Edg/', 'Edge'], ['OPR/', 'Opera'], ['Firefox/', 'Firefox'], ['Chrome/', 'Chromium'], ['Safari/', 'Safari']];
const SYSTEMS = [['iPhone', 'iPhone'], ['iPad', 'iPad'], ['Android', 'Android'], ['Windows', 'Windows'], ['Mac OS', 'macOS'], ['CrOS', 'ChromeOS'], ['Linux', 'Linux']];

export function deviceName(agent = navigator.userAgent) {
  const named = (/** @type {string[][]} */ names) => names.find(([mark]) => agent.includes(mark))?.[1];
  const [browser, system] = [named(BROWSERS) ?? 'Browser', named(SYSTEMS)];
  return system ? `${browser} on ${system}` : browser;
}
