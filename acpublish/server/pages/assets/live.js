/* Keeps the parts of an open page up to date with server-sent events.

   An element with sse-connect has the address of a stream. Each element in it with sse-swap shows
   the HTML of the event of that name, and one with hx-trigger="sse:NAME" asks for its own. */
"use strict";
(() => {
  // A browser opens only six connections to a server over HTTP/1.1, and each stream takes one. So a
  // tab that nobody sees gives its own up.
  const HIDDEN_MS = 20000;
  // A browser stops trying once it is refused, such as when too many pages are open.
  const FIRST_WAIT_MS = 5000;
  const MOST_WAIT_MS = 60000;
  // A short break is not worth a word.
  const SILENT_MS = 8000;

  const lost = document.getElementById("not-live");
  // What has arrived for parts that somebody is using.
  const arrived = new Map();

  // Whoever has the keyboard in a part, marks a text of it, or has its dialog open would lose that.
  function isInUse(part) {
    const selection = getSelection();
    return (
      part.querySelector(":focus-visible, dialog[open]") !== null ||
      (selection !== null && !selection.isCollapsed && selection.containsNode(part, true))
    );
  }

  function show(part, html) {
    if (isInUse(part)) {
      arrived.set(part, html);
      return;
    }
    arrived.delete(part);
    htmx.swap(part, html, { swapStyle: "innerHTML", swapDelay: 0, settleDelay: 0 });
  }

  function showArrived() {
    for (const [part, html] of [...arrived]) show(part, html);
  }

  for (const kind of ["focusout", "selectionchange", "close"]) {
    // The focus moves only after these.
    document.addEventListener(kind, () => arrived.size && setTimeout(showArrived), true);
  }

  class Stream {
    constructor(place) {
      this.place = place;
      this.names = new Map();
      for (const part of place.querySelectorAll("[sse-swap]")) this.add(part, part.getAttribute("sse-swap"));
      if (place.hasAttribute("sse-swap")) this.add(place, place.getAttribute("sse-swap"));
      this.waitMs = FIRST_WAIT_MS;
      this.source = this.again = this.silent = null;
      this.open();
    }

    add(part, name) {
      this.names.set(name, [...(this.names.get(name) || []), part]);
    }

    open() {
      this.close();
      const source = this.source = new EventSource(this.place.getAttribute("sse-connect"));
      source.onopen = () => {
        this.waitMs = FIRST_WAIT_MS;
        this.tell(false);
      };
      source.onerror = () => {
        this.tell(true);
        if (source.readyState !== EventSource.CLOSED) return;
        this.again = setTimeout(() => this.open(), this.waitMs);
        this.waitMs = Math.min(2 * this.waitMs, MOST_WAIT_MS);
      };
      // Whoever may not see a page any more gets what everyone may see, or the form to sign in.
      source.addEventListener("ended", () => location.reload());
      for (const [name, parts] of this.names) {
        source.addEventListener(name, (event) => {
          for (const part of parts) show(part, event.data);
          for (const asks of this.place.querySelectorAll(`[hx-trigger="sse:${name}"]`)) {
            htmx.trigger(asks, `sse:${name}`);
          }
        });
      }
    }

    close() {
      clearTimeout(this.again);
      this.source?.close();
      this.source = null;
    }

    tell(isLost) {
      if (!isLost) {
        clearTimeout(this.silent);
        this.silent = null;
        lost.hidden = true;
      } else if (this.silent === null) {
        this.silent = setTimeout(() => { lost.hidden = false; }, SILENT_MS);
      }
    }
  }

  const streams = [...document.querySelectorAll("[sse-connect]")].map((place) => new Stream(place));
  let leaving = null;
  function closeAll() {
    for (const stream of streams) stream.close();
  }
  function openAll() {
    clearTimeout(leaving);
    for (const stream of streams) if (stream.source === null) stream.open();
  }
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) leaving = setTimeout(closeAll, HIDDEN_MS);
    else openAll();
  });
  // A page that a browser keeps for its Back button may come back.
  addEventListener("pagehide", closeAll);
  addEventListener("pageshow", (event) => { if (event.persisted) openAll(); });
})();
