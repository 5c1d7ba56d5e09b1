// The service worker. /sw.js declares VERSION, SHELL and BUNDLE (URLs), OFFLINE (URL) and ASSETS (path prefix), then
// imports this file, joined with its parts (erp/web/edge/joining.py). It keeps three things: the shell with the hashed
// assets; for whoever is signed in, and for nobody else, the few pages that the server allows to keep, for when there
// is no network; and no other page. And it shows what is pushed.

import { NOBODY } from "../lib/store.js";
import { asset, fill, takeOver } from "./install.js";
import { forgetAllBut, keepAll, markChanged } from "./offline.js";
import { page } from "./pages.js";
import { read, show, subscribeAgain, tapped } from "./push.js";

addEventListener("install", (event) => event.waitUntil(fill()));

addEventListener("activate", (event) => event.waitUntil(takeOver()));

// A page that was on its way while takeOver() claimed the others has no worker yet, nor has one after a hard reload.
addEventListener("message", (event) => {
  const { data } = event;
  if (data === "skip-waiting") skipWaiting();
  else if (data.type === "keep") event.waitUntil(Promise.all([clients.claim(), keepAll(data)]));
});

addEventListener("push", (event) => event.waitUntil(show(read(/** @type {any} */ (event)))));

addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(tapped(event));
});

addEventListener("pushsubscriptionchange", (event) => event.waitUntil(subscribeAgain(event)));

addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (url.origin !== location.origin) return;
  if (request.method !== "GET") {
    if (!url.pathname.endsWith("/away")) markChanged();
    if (url.pathname === "/sign-out") event.waitUntil(forgetAllBut(NOBODY));
  } else if (url.pathname.startsWith(ASSETS)) event.respondWith(asset(request));
  // Going back, htmx fetches the page itself: only its header tells.
  else if (request.mode === "navigate" || request.headers.has("HX-History-Restore-Request")) {
    event.respondWith(page(event));
  }
});
