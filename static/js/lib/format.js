// How times are written on the phone. The server writes its own in erp/web/edge/formats.py, through Babel.

/**
 * 462 → "7:42", 3725 → "1:02:05".
 * @param {number} seconds
 */
export function clock(seconds) {
  const two = (/** @type {number} */ number) => String(Math.floor(number)).padStart(2, "0");
  const rest = `${two((seconds / 60) % 60)}:${two(seconds % 60)}`;
  return seconds < 3600 ? rest.replace(/^0/, "") : `${Math.floor(seconds / 3600)}:${rest}`;
}

/**
 * 1200 → "20 minutes", in the page's language.
 * @param {number} seconds
 */
export function minutes(seconds) {
  /** @type {Intl.NumberFormatOptions} */
  const unit = { style: "unit", unit: "minute", unitDisplay: "long" };
  return new Intl.NumberFormat(document.documentElement.lang, unit).format(Math.floor(seconds / 60));
}

/**
 * "12 min", under one minute "40 sec": the server's words (`texts`, with {n}), as its own filter `minutes` puts them.
 * @param {number} seconds
 * @param {{minutes: string, seconds: string}} texts
 */
export function spent(seconds, texts) {
  if (seconds && seconds < 60) return texts.seconds.replace("{n}", String(seconds));
  return texts.minutes.replace("{n}", String(Math.floor(seconds / 60)));
}

/**
 * "14:05"; with its day where that is not today in the time zone, the phone's own where none is given.
 * @param {number} time in ms
 * @param {Intl.DateTimeFormatOptions} [day] how the day is written
 * @param {string} [timeZone]
 * @param {number} [now] in ms
 */
export function timeOfDay(time, day = SHORT_DAY, timeZone = undefined, now = Date.now()) {
  const named = dateOf(time, timeZone) === dateOf(now, timeZone) ? {} : day;
  const words = { ...named, hour: "numeric", minute: "2-digit", timeZone };
  return new Date(time).toLocaleString(
    document.documentElement.lang,
    /** @type {Intl.DateTimeFormatOptions} */ (words),
  );
}

/** @type {Intl.DateTimeFormatOptions} */
const SHORT_DAY = { weekday: "short", day: "numeric", month: "short" };

/**
 * 2026-11-27: the date of a moment in a time zone.
 * @param {number} time in ms
 * @param {string} [timeZone]
 */
export const dateOf = (time, timeZone) => new Date(time).toLocaleDateString("sv", { timeZone });
