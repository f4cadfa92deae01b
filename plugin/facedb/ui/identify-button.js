// The button on the pages of scenes, images and galleries, with the sidecar's health on it.
(function () {
  "use strict";

  const facedb = (window.facedb = window.facedb || {});
  const identify = (facedb.identify = facedb.identify || {});
  const { h, svg } = facedb;
  const EVERY_MS = 60000;
  // An old Stash has no toolbar: then the button stands in the corner.
  const PATIENCE_MS = 2000;
  const HEALTH = {
    unknown: "the sidecar is being asked how it is",
    ready: "the sidecar is ready",
    loading: "the sidecar is loading its database",
    away: "the sidecar does not answer",
    failed: "the sidecar cannot be asked",
  };
  // Told apart by shape as well: full, half, empty with a stroke.
  const SHAPES = {
    unknown: "M8 2a6 6 0 1 0 .01 0M8 4a4 4 0 1 1-.01 0",
    ready: "M8 2a6 6 0 1 0 .01 0",
    loading: "M8 2a6 6 0 1 0 .01 0M8 4a4 4 0 1 1-.01 8z",
    away: "M8 2a6 6 0 1 0 .01 0M4 7h8v2H4z",
    failed: "M8 2a6 6 0 1 0 .01 0M4 7h8v2H4z",
  };

  function mount(target) {
    const dot = svg("path", { "fill-rule": "evenodd" });
    const words = h("span", { class: "facedb-hidden" });
    const button = h(
      "button",
      { type: "button", class: "facedb-button facedb-identify__open", "aria-haspopup": "dialog", on: { click: open } },
      svg("svg", { class: "facedb-identify__dot", viewBox: "0 0 16 16", "aria-hidden": "true" }, dot),
      "Identify",
      words,
    );
    const place = h("span", { class: "facedb-identify-place" }, button);
    let close = null;
    let left = false;

    function open() {
      if (close) close();
      close = identify.open(target);
    }

    function healthy(state) {
      button.dataset.facedbHealth = state;
      dot.setAttribute("d", SHAPES[state]);
      words.textContent = ` people in this ${target.kind}: ${HEALTH[state]}`;
      button.title = `Who is in this ${target.kind}? (${HEALTH[state]})`;
    }

    async function look() {
      const state = await identify.health();
      if (!left) healthy(state);
    }

    healthy("unknown");
    const unplace = settle(place, `.${target.kind}-toolbar`, `.${target.kind}-toolbar-group`);
    look();
    const rest = facedb.every(EVERY_MS, look);
    return () => {
      left = true;
      rest();
      unplace();
      if (close) close();
    };
  }

  /** One word: ready, loading, away or failed. */
  identify.health = async function () {
    try {
      return (await facedb.call("health", {})).status === "healthy" ? "ready" : "loading";
    } catch (failure) {
      return { busy: "loading", away: "away" }[failure.kind] || "failed";
    }
  };

  /** Keep the place in the toolbar's last group, also when the page draws it anew; without one, in the corner. */
  function settle(place, bar, group) {
    let waited = false;
    facedb.themed(place);

    function put() {
      const toolbar = document.querySelector(bar);
      const home = toolbar && ([...toolbar.querySelectorAll(group)].pop() || toolbar);
      if (home && place.parentElement !== home) home.prepend(place);
      if (!toolbar && waited && !place.isConnected) document.body.append(place);
      place.classList.toggle("is-fixed", place.parentElement === document.body);
    }

    const watch = new MutationObserver(put);
    watch.observe(document.documentElement, { childList: true, subtree: true });
    const timer = setTimeout(() => {
      waited = true;
      put();
    }, PATIENCE_MS);
    put();
    return () => {
      watch.disconnect();
      clearTimeout(timer);
      place.remove();
    };
  }

  facedb.page(identify.targetOf, mount);
})();
