// What /sw.js declares before it imports js/worker/worker.js, and what service workers have that the types do not say.

declare const VERSION: string;
declare const SHELL: string[];
declare const BUNDLE: string;
declare const OFFLINE: string;
declare const ASSETS: string;

declare const clients: Clients;
declare const registration: ServiceWorkerRegistration;
declare function skipWaiting(): Promise<void>;
declare function addEventListener<K extends keyof ServiceWorkerGlobalScopeEventMap>(
  type: K,
  listener: (event: ServiceWorkerGlobalScopeEventMap[K]) => void,
): void;

// lib/store.js is joined into the worker, where nothing of it that needs a Storage is called.
declare class Storage {
  getItem(name: string): string | null;
  setItem(name: string, value: string): void;
  removeItem(name: string): void;
}
