// Elements, safely: every string that is shown becomes a text node, and every address is looked at first.
(function () {
  "use strict";

  const facedb = (window.facedb = window.facedb || {});
  const SVG = "http://www.w3.org/2000/svg";
  const ADDRESSES = new Set(["href", "src", "xlink:href"]);
  const WITH_URL_ONLY = new Set(["http:", "https:"]);
  // With one slash, or none, it would be a path of this host.
  const COMPLETE = /^https?:\/\/[^/\\]/i;

  /** The address if it is http(s), or a path of this host; else null. */
  facedb.url = function (text) {
    if (typeof text !== "string" || text.trim() === "") return null;
    try {
      return WITH_URL_ONLY.has(new URL(text, document.baseURI).protocol) ? text : null;
    } catch (error) {
      return null;
    }
  };

  /** An address that data name, if it is complete and of another host; else null. */
  facedb.foreign = function (text) {
    if (typeof text !== "string" || !COMPLETE.test(text)) return null;
    try {
      const address = new URL(text);
      // Cookies heed neither port nor scheme: GET /logout of this host would end the user's session.
      return address.hostname === window.location.hostname ? null : address.href;
    } catch (error) {
      return null;
    }
  };

  /** An element of HTML. Strings and numbers among the children become text; null, false and undefined nothing. */
  facedb.h = function (tag, props, ...children) {
    return filled(document.createElement(tag), props, children);
  };

  /** The same, of SVG. */
  facedb.svg = function (tag, props, ...children) {
    return filled(document.createElementNS(SVG, tag), props, children);
  };

  /** A button of ours; run is called at a click. */
  facedb.button = function (text, run, { primary, danger } = {}) {
    const kind = `${primary ? " is-primary" : ""}${danger ? " is-danger" : ""}`;
    return facedb.h("button", { type: "button", class: `facedb-button${kind}`, on: { click: run } }, text);
  };

  /** Take out what an element holds, and put these in. */
  facedb.fill = function (element, ...children) {
    element.replaceChildren(...nodes(children));
    return element;
  };

  function filled(element, props, children) {
    for (const [name, value] of Object.entries(props || {})) set(element, name, value);
    element.append(...nodes(children));
    return element;
  }

  function set(element, name, value) {
    if (value === null || value === undefined || value === false) return;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (name.startsWith("on")) {
      throw new Error(`${name}: listeners go under "on"`);
    } else if (name === "dataset") {
      Object.assign(element.dataset, value);
    } else if (ADDRESSES.has(name)) {
      const address = facedb.url(value);
      if (address !== null) element.setAttribute(name, address);
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }

  function nodes(children) {
    return children
      .flat(Infinity)
      .filter((child) => child !== null && child !== undefined && child !== false)
      .map((child) => (child instanceof Node ? child : document.createTextNode(String(child))));
  }

  /** Give an element our colours, light or dark as the page around it is, also when its theme changes. */
  facedb.themed = function (element) {
    element.classList.add("facedb");
    colour(element);
    // Before it is in the page, nothing is around it.
    requestAnimationFrame(() => colour(element));
    if (!themed.size) watchTheme();
    for (const seen of themed) if (!seen.deref()) themed.delete(seen);
    themed.add(new WeakRef(element));
    return element;
  };

  // Weakly: what has left the page for good is not kept for its colours.
  const themed = new Set();

  function watchTheme() {
    const watch = new MutationObserver(() => themed.forEach((seen) => colour(seen.deref())));
    for (const styled of [document.documentElement, document.body]) {
      watch.observe(styled, { attributes: true, attributeFilter: ["class", "style", "data-theme", "data-bs-theme"] });
    }
    watch.observe(document.head, { childList: true });
  }

  function colour(element) {
    if (!element) return;
    element.dataset.facedbTheme = isDark(background(element.parentElement || document.body)) ? "dark" : "light";
  }

  function background(element) {
    for (let at = element; at; at = at.parentElement) {
      const parts = (getComputedStyle(at).backgroundColor.match(/[\d.]+/g) || []).map(Number);
      if (parts.length >= 3 && (parts.length === 3 || parts[3] > 0.5)) return parts;
    }
    return [255, 255, 255];
  }

  // Rec. 709 luma, of gamma-compressed values: enough to tell a dark page from a light one.
  function isDark([red, green, blue]) {
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 128;
  }

  /** Let screen readers say it, once they have said what they are at. */
  facedb.announce = function (text) {
    // What lies beside a modal dialog is not there for some of them.
    const place = facedb.topDialog()?.querySelector("[aria-modal]") || document.body;
    let live = place.querySelector(":scope > .facedb-live");
    if (!live) {
      live = facedb.h("div", { class: "facedb facedb-live", role: "status", "aria-live": "polite" });
      place.append(live);
    }
    // The same text again is news, too.
    live.textContent = "";
    setTimeout(() => (live.textContent = text), 50);
  };
})();
