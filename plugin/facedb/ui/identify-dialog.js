// The dialog of one question: asks, waits, tries again while the sidecar is busy, and shows the answer.
(function () {
  "use strict";

  const facedb = (window.facedb = window.facedb || {});
  const identify = (facedb.identify = facedb.identify || {});
  const { h } = facedb;
  const TRIES = 3;

  /** Open it. Returns what closes it. */
  identify.open = function (target) {
    const area = h("div", { class: "facedb-identify", tabindex: "-1" });
    // Counts what is shown: an answer to a question that nobody waits for any more is not.
    let turn = 0;
    let timer = null;
    const dialog = facedb.dialog({
      title: `Who is in this ${target.kind}?`,
      body: area,
      wide: true,
      onClose: () => next(),
    });

    function next() {
      clearTimeout(timer);
      turn += 1;
      return turn;
    }

    function show({ shown, said }) {
      const focused = area.contains(document.activeElement);
      facedb.fill(area, shown);
      if (focused) (area.querySelector("a, button") || area).focus({ preventScroll: true });
      facedb.announce(said);
    }

    function stop() {
      next();
      show(identify.states.stopped({ again: () => ask(0) }));
    }

    async function ask(tries) {
      const mine = next();
      show(identify.states.asking({ kind: target.kind, cancel: stop, health: identify.health }));
      let then;
      try {
        const found = await identify.ask(target);
        then = () => show(identify.results(target, found));
      } catch (failure) {
        const url = (await facedb.settings().catch(() => ({}))).sidecarUrl;
        then = () => fail(failure, url, tries);
      }
      if (mine !== turn) return;
      try {
        then();
      } catch (error) {
        fail(
          new facedb.Failure(`The answer is not as it should be: ${error.message}`, { kind: "failed" }),
          null,
          tries,
        );
      }
    }

    function fail(failure, url, tries) {
      if (failure.kind !== "busy") {
        show(identify.states.failed({ failure, url, again: () => ask(0) }));
        return;
      }
      const seconds = tries < TRIES ? identify.logic.pause(failure) : null;
      show(identify.states.busy({ failure, seconds, now: () => ask(0) }));
      if (seconds !== null) timer = setTimeout(() => ask(tries + 1), seconds * 1000);
    }

    ask(0);
    return dialog.close;
  };
})();
