// What the dialog shows while there is no answer: asking, stopped, busy, away, refused, failed.
(function () {
  "use strict";

  const facedb = (window.facedb = window.facedb || {});
  const identify = (facedb.identify = facedb.identify || {});
  const { h } = facedb;
  const PATIENCE = {
    scene: "Frames of the video are looked at: this may take a minute or two.",
    image: "",
    gallery: "Every image is looked at: this may take some minutes.",
  };
  const WAITS = "The sidecar is loading its database. Your question waits for it.";
  const LOOK_AFTER_S = 3;
  const LOOK_EVERY_S = 10;

  const states = (identify.states = {});

  const button = (text, run, primary) => facedb.button(text, run, { primary });

  function note(kind, ...children) {
    return h("div", { class: `facedb-note ${kind}` }, ...children);
  }

  function buttons(...children) {
    return h("p", { class: "facedb-identify__buttons" }, ...children);
  }

  const quoted = (text) => h("p", { class: "facedb-identify__quoted" }, h("bdi", {}, identify.logic.plain(text, 600)));

  /** Call each second until the element is gone. */
  function eachSecond(element, run) {
    const timer = setInterval(() => (element.isConnected ? run() : clearInterval(timer)), 1000);
  }

  /** health: asks how the sidecar is; while it loads, a question waits in our backend, and that is told. */
  states.asking = function ({ kind, cancel, health }) {
    const began = Date.now();
    let look = LOOK_AFTER_S;
    const why = h("p", { class: "facedb-identify__muted" }, PATIENCE[kind]);
    const tell = async () => {
      if ((await health()) !== "loading" || !why.isConnected || why.textContent === WAITS) return;
      why.textContent = WAITS;
      facedb.announce(WAITS);
    };
    const time = h("span", { class: "facedb-identify__time" }, "0 s");
    const spinner = h("span", { class: "facedb-identify__spinner", "aria-hidden": "true" });
    const shown = h(
      "div",
      { class: "facedb-identify__asking" },
      h("p", {}, spinner, "Asking the sidecar… ", time),
      why,
      buttons(button("Cancel", cancel)),
    );
    eachSecond(shown, () => {
      const seconds = Math.round((Date.now() - began) / 1000);
      time.textContent = `${seconds} s`;
      if (seconds < look) return;
      look += LOOK_EVERY_S;
      tell();
    });
    return { shown, said: `Asking the sidecar who is in this ${kind}` };
  };

  states.stopped = function ({ again }) {
    const said = "You stopped waiting. The sidecar may still be at it.";
    return { shown: note("", h("p", {}, said), buttons(button("Ask again", again, true))), said };
  };

  /** seconds: until the next try; null if only the user tries again. */
  states.busy = function ({ failure, seconds, now }) {
    const what = identify.logic.busy(failure);
    const left = h("span", {}, String(seconds));
    const shown = note(
      "is-warn",
      h("p", {}, what, seconds === null ? " It still is, after several tries." : [" Trying again in ", left, " s."]),
      quoted(failure.message),
      buttons(button("Try now", now, true)),
    );
    if (seconds !== null) {
      const until = Date.now() + seconds * 1000;
      eachSecond(shown, () => (left.textContent = String(Math.max(0, Math.round((until - Date.now()) / 1000)))));
    }
    return {
      shown,
      said: seconds === null ? `${what} Try again later.` : `${what} Trying again in ${seconds} seconds.`,
    };
  };

  states.failed = function ({ failure, url, again }) {
    const [kind, said, ...more] = words(failure, url);
    const shown = note(
      kind,
      h("p", {}, said),
      ...more,
      quoted(failure.message),
      buttons(button("Try again", again, true)),
    );
    return { shown, said: `${said} ${identify.logic.plain(failure.message, 300)}` };
  };

  function words(failure, url) {
    if (failure.kind === "away" && /timed out|too long/i.test(failure.message)) {
      return ["is-warn", "The sidecar did not answer in time. It may still be at it: try again in a while."];
    }
    if (failure.kind === "away") {
      const where = identify.logic.plain(url, 200);
      const settings = h("a", { href: identify.address("settings?tab=plugins") }, "Settings → Plugins");
      return [
        "is-bad",
        where ? `Nobody answers at ${where}. Is the sidecar running?` : "Nobody answers. Is the sidecar running?",
        h("p", {}, "Check its address in ", settings, "."),
      ];
    }
    if (failure.kind === "refused") return ["is-bad", "The sidecar says no:"];
    return ["is-bad", "It did not work:"];
  }

  identify.pieces = { button, note, buttons };
})();
