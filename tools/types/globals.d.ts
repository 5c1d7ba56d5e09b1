// What the pages find in the browser beside their own modules, and what the browsers' types do not say.

declare const htmx: {
  ajax(
    verb: string,
    url: string,
    context: { source?: Element; target?: Element; swap?: string; select?: string },
  ): Promise<void>;
  trigger(element: Element, name: string): void;
};

declare const idb: { openDB(name: string, version: number, handlers: object): Promise<any> };

interface Navigator {
  standalone?: boolean;
}

interface Document {
  activeElement: any;
}

// Elements are found by selectors that say of which kind they are: what is asked of them is read, not proved.
interface Element {
  [field: string]: any;
}
interface EventTarget {
  [field: string]: any;
}
interface Event {
  detail: any;
}
