// The rules by which events leave: how many at once, what an answer means, which are settled, when to try again. Pure:
// no page, no clock, no network; tests/js holds them to what they say.

/** Events sent at once. */
export const BATCH = 100;
const KEEPALIVE_BYTES = 60_000; // browsers refuse more than 64 KiB in flight

/** @typedef {{headers: {get(name: string): string | null}, status: number}} Answered */

/**
 * Whether an answer is JSON; what a café's network says instead is not.
 * @param {Pick<Answered, "headers">} response
 */
export const isJson = (response) => (response.headers.get("Content-Type") ?? "").startsWith("application/json");

/**
 * Whether a request of this text may outlive its page.
 * @param {string} text
 */
export const mayOutlive = (text) => new Blob([text]).size < KEEPALIVE_BYTES;

/**
 * In one word why an answer is none; "" for one that is read on.
 * @param {Answered} response
 */
export function whyNot(response) {
  if (response.status === 401 && isJson(response)) return "signed-out";
  if (response.status === 409 && isJson(response)) return "other-account";
  if (response.status === 413) return "too-large";
  if (response.status === 500) return "failed";
  return response.status === 200 && isJson(response) ? "" : "unreachable";
}

/**
 * What the server says of a batch: the ids that it took, and those that it never will, each with its message.
 * @typedef {{account: string, now: string, accepted: string[], refused: {id: string, message: string}[],
 *   also_running?: string | null}} Answer
 */

/**
 * Whether it is our server that answers, for this account.
 * @param {Answer} answer
 * @param {string} account
 */
export const isOurs = (answer, account) =>
  answer.account === account && Array.isArray(answer.accepted) && Array.isArray(answer.refused);

/**
 * How many to send next after an answer of "too-large" or "failed"; 0 where one alone was.
 * @param {number} count
 */
export const smaller = (count) => (count > 1 ? Math.ceil(count / 2) : 0);

/**
 * The ids of a batch for which the server has answered, taken or refused.
 * @param {{id: string}[]} batch
 * @param {Answer} answer
 */
export function settledIds(batch, { accepted, refused }) {
  const settled = [...accepted, ...refused.map((one) => one.id)];
  return batch.map((event) => event.id).filter((id) => settled.includes(id));
}

/**
 * Only the person can change who is signed in; until then there is nobody to try for.
 * @param {string | null} trouble
 */
export const mayTryAgain = (trouble) => trouble !== "other-account";

/**
 * The pause before the next try in ms: longer with each failure up to a minute, and never the same on all phones.
 * @param {number} failures in a row
 * @param {number} chance from 0 to 1
 */
export const pauseAfter = (failures, chance) => Math.min(60_000, 2_000 * 2 ** failures) * (0.75 + chance / 2);

/** So many events in a row, each sent alone, say that the server fails at all of them: it is left in peace for a while. */
export const MAX_FAILED = 3;

/** Oldest first: ids sort by the time they were made. @type {(a: {id: string}, b: {id: string}) => number} */
export const byAge = (a, b) => (a.id < b.id ? -1 : 1);
