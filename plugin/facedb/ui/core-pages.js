// Which page of Stash is shown, also after it was changed without a load; with PluginApi and without.
(function () {
  "use strict";

  const facedb = (window.facedb = window.facedb || {});
  const pages = [];
  let here = null;

  /** On each page for which match(location) is not null, call mount with it; what mount returns is called at the end. */
  facedb.page = function (match, mount) {
    const page = { match, mount, stop: null };
    pages.push(page);
    enter(page);
  };

  /** The first element that matches, as soon as there is one. stop: an AbortSignal; then it never resolves. */
  facedb.when = function (selector, stop) {
    return new Promise((resolve) => {
      const look = () => {
        const found = document.querySelector(selector);
        if (!found || (stop && stop.aborted)) return;
        watch.disconnect();
        resolve(found);
      };
      const watch = new MutationObserver(look);
      watch.observe(document.documentElement, { childList: true, subtree: true });
      if (stop) stop.addEventListener("abort", () => watch.disconnect());
      look();
    });
  };

  /** An interval that sleeps while nobody sees the page. Returns what ends it. */
  facedb.every = function (milliseconds, run) {
    const tick = () => document.visibilityState === "visible" && run();
    const timer = setInterval(tick, milliseconds);
    document.addEventListener("visibilitychange", tick);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", tick);
    };
  };

  function enter(page) {
    const params = page.match(window.location);
    if (params === null || params === undefined || params === false) return;
    page.stop = page.mount(params) || (() => {});
  }

  function moved() {
    const now = window.location.pathname + window.location.search;
    if (now === here) return;
    here = now;
    for (const page of pages) {
      if (page.stop) page.stop();
      page.stop = null;
      enter(page);
    }
  }

  here = window.location.pathname + window.location.search;
  if (window.PluginApi?.Event) {
    // Stash tells of it before its router has rendered.
    window.PluginApi.Event.addEventListener("stash:location", () => setTimeout(moved));
  }
  window.addEventListener("popstate", () => setTimeout(moved));
  // An old Stash tells nobody: what it draws gives it away.
  new MutationObserver(moved).observe(document.documentElement, { childList: true, subtree: true });
})();
