// Ids that sort by the time they were made (RFC 9562, version 7). Within one millisecond a counter keeps the order.

let last = 0;
let counter = 0;

export function uuid7() {
  const now = Date.now();
  if (now > last) {
    last = now;
    counter = crypto.getRandomValues(new Uint16Array(1))[0] & 0x7ff;
  } else if (++counter > 0xfff) {
    last += 1;
    counter = 0;
  }
  const time = last.toString(16).padStart(12, "0");
  const random = crypto.getRandomValues(new Uint8Array(8));
  random[0] = (random[0] & 0x3f) | 0x80;
  const hex = Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const middle = `7${counter.toString(16).padStart(3, "0")}`;
  return [time.slice(0, 8), time.slice(8), middle, hex.slice(0, 4), hex.slice(4)].join("-");
}
