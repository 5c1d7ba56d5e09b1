// Where events wait: IndexedDB, each locked with a key that only its account's signed-in pages have. Where the browser
// refuses to store, in memory.

// vendor/idb comes with this file (erp/web/edge/joining.py): half of what the module weighs, which comes with its comments.

import { byAge } from "./rules.js";

const OPENING_TIMEOUT = 3_000; // ms
/** Whose page this is, and the key that locks what the account's events say. */
export const { account, phoneKey } = document.documentElement.dataset;
// An older version of this page, in another tab, would not know what to do with what is locked: it does not find it.
const locked = `${account} locked`;
// What this page told and nobody has answered for, stored or not: a browser may refuse storage, and somebody may clear it.
const spare = new Map();
let opening = null;

/** The database, or null where there is none or it does not open in time. */
function open() {
  opening ??= connect().catch(() => (opening = null));
  return Promise.race([opening, new Promise((resolve) => setTimeout(resolve, OPENING_TIMEOUT, null))]);
}

async function connect() {
  const database = await idb.openDB("rung", 1, {
    upgrade(db) {
      db.createObjectStore("outbox", { keyPath: "id" }).createIndex("account", "account");
    },
    blocking: forget,
    terminated: forget,
  });
  // What is in memory alone moves in.
  if (spare.size) await keepAll(database, [...spare.values()]).catch(() => {});
  return database;
}

let key;

const imported = (hex) =>
  crypto.subtle.importKey(
    "raw",
    Uint8Array.from(hex.match(/../g), (two) => parseInt(two, 16)),
    "AES-GCM",
    false,
    ["encrypt", "decrypt"],
  );

function unlock() {
  key ??= imported(phoneKey);
  return key;
}

let former;

/** The keys of before the password changed, asked for where something is locked with one. Without an answer, later. */
function formerKeys() {
  former ??= fetch("/account/former-keys", { headers: { Accept: "application/json" }, redirect: "error" })
    .then(async (answer) => Promise.all((await answer.json()).keys.map(imported)))
    .catch(() => {
      former = null;
      return [];
    });
  return former;
}

async function seal(event) {
  const { id } = event;
  try {
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const text = new TextEncoder().encode(JSON.stringify(event));
    return { id, account: locked, iv, box: await crypto.subtle.encrypt({ name: "AES-GCM", iv }, await unlock(), text) };
  } catch {
    return { id, account, event }; // without https there is no cryptography: better readable than lost
  }
}

/** The event of an entry, or null: what another person's key locked is not for this page. */
async function unseal({ event, iv, box }) {
  if (event) return event;
  const opened = await opens(await unlock().catch(() => null), iv, box);
  if (opened) return opened;
  for (const each of await formerKeys()) {
    const found = await opens(each, iv, box);
    if (found) return found;
  }
  return null;
}

async function opens(one, iv, box) {
  try {
    return JSON.parse(new TextDecoder().decode(await crypto.subtle.decrypt({ name: "AES-GCM", iv }, one, box)));
  } catch {
    return null;
  }
}

function forget() {
  opening?.then((database) => database?.close());
  opening = null;
}

/** What a task makes of the database. A connection may have died unseen: then a new one is tried. */
async function stored(task) {
  const database = await open();
  try {
    return await task(database);
  } catch (error) {
    if (!database) throw error;
    forget();
    return task(await open());
  }
}

async function keepAll(database, entries) {
  const transaction = database.transaction("outbox", "readwrite", { durability: "strict" });
  await Promise.all([...entries.map((entry) => transaction.store.put(entry)), transaction.done]);
}

/** Keep one event; resolves when it will survive the page, or is in memory because it cannot. */
export async function keep(event) {
  const entry = await seal(event);
  spare.set(entry.id, entry);
  try {
    await stored((database) => keepAll(database, [entry]));
  } catch {
    forget();
  }
}

/** The events of this account that are kept, oldest first. */
export async function all() {
  if (!account) return [];
  let entries = [];
  try {
    // With its end, which nobody else would hear of where storage is cleared meanwhile.
    const own = (database) => {
      const { store, done } = database.transaction("outbox");
      return Promise.all([account, locked].map((whose) => store.index("account").getAll(whose)).concat(done));
    };
    const [plain, sealed] = await stored(own);
    entries = plain.concat(sealed);
  } catch {
    // No storage: what is in memory is all there is.
  }
  const here = new Set(entries.map(({ id }) => id));
  const alone = [...spare.values()].filter(({ id }) => !here.has(id));
  const events = await Promise.all([...entries, ...alone].map(unseal));
  return events.filter(Boolean).sort(byAge);
}

/** Forget the events of these ids that this page told. */
export function release(ids) {
  for (const id of ids) spare.delete(id);
}

/** Take away the events of these ids. */
export async function drop(ids) {
  release(ids);
  try {
    await stored((database) => {
      const transaction = database.transaction("outbox", "readwrite");
      return Promise.all([...ids.map((id) => transaction.store.delete(id)), transaction.done]);
    });
  } catch {
    // They stay, are sent again and change nothing there.
  }
}
