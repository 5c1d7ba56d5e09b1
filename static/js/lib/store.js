// What this browser keeps for a person, by name. Each name is written here once (the first page's script alone spells out who nobody is): what an older version kept under it
// goes on being found, and is taken away at the sign-out. The events that wait are the outbox's (outbox/store.js).

/** The cache of one account's pages for when there is no network: this and the account's id. */
export const KEPT_PAGES = "rung-kept-";

/** The account of whoever is not signed in, as pages tell it to the service worker. */
export const NOBODY = "nobody";

/** localStorage: which exposure runs on this phone. */
export const RUNNING = "rung-running";

/** localStorage: what the server knows this browser by; without a secret, as others may use the phone. */
export const DEVICE = "rung-device";

/** localStorage: the two time zones about which nobody asks again. */
export const ZONES = "rung-zones";

/** sessionStorage: what was typed; then the account and the step or the exposure. */
export const DRAFT = "rung-draft:";

/**
 * What is kept under a name, or null; also where the browser keeps nothing.
 * @param {() => Storage} storage
 * @param {string} name
 */
export function load(storage, name) {
  try {
    return JSON.parse(storage().getItem(name) ?? "null");
  } catch {
    return null;
  }
}

/**
 * Keep a value under a name, or nothing for null. Where the browser refuses, the page goes on without.
 * @param {() => Storage} storage
 * @param {string} name
 * @param {unknown} value
 */
export function save(storage, name, value) {
  try {
    if (value === null) storage().removeItem(name);
    else storage().setItem(name, JSON.stringify(value));
  } catch {
    // Full or forbidden: what is kept is a help, never a must.
  }
}

/**
 * The record of one thing among an account's kept pages, or null.
 * @param {string} account
 * @param {string} path
 * @returns {Promise<any>}
 */
export async function kept(account, path) {
  try {
    return await (await caches.match(path, { cacheName: KEPT_PAGES + account }))?.json();
  } catch {
    return null;
  }
}
