// A dialog that keyboards and screen readers find their way in.
(function () {
  "use strict";

  const facedb = (window.facedb = window.facedb || {});
  const { h } = facedb;
  const FOCUSABLE = 'a[href], button:not([disabled]), input:not([disabled]), select, textarea, summary, [tabindex="0"]';
  // Stash hears letters by keypress, and the rest by the other two.
  const KEYS = ["keydown", "keypress", "keyup"];
  let count = 0;

  /**
   * Show a dialog.
   *
   * buttons: [{text, primary, danger, run}]; a click closes it and then calls run; without any there is "Close".
   * Esc, and a click beside it, close it without run. onClose is called however it ends.
   */
  facedb.dialog = function ({ title, body, buttons, onClose, wide }) {
    const before = document.activeElement;
    const id = `facedb-dialog-${++count}`;
    const content = h("div", { class: "facedb-dialog__body" }, body);
    const foot = h("div", { class: "facedb-dialog__foot" });
    const box = h(
      "div",
      {
        class: `facedb-dialog__box${wide ? " is-wide" : ""}`,
        role: "dialog",
        "aria-modal": "true",
        "aria-labelledby": id,
        tabindex: "-1",
      },
      h(
        "div",
        { class: "facedb-dialog__head" },
        h("h2", { id, class: "facedb-dialog__title" }, title),
        h("button", { type: "button", class: "facedb-dialog__x", "aria-label": "Close", on: { click: () => close() } }, "×"),
      ),
      content,
      foot,
    );
    const layer = facedb.themed(
      h("div", { class: "facedb-dialog", on: { mousedown: onBeside } }, box),
    );

    function setButtons(wanted) {
      const given = wanted && wanted.length ? wanted : [{ text: "Close" }];
      facedb.fill(foot, given.map(closing));
    }

    function closing({ text, run, ...kind }) {
      const click = () => {
        close();
        if (run) run();
      };
      return facedb.button(text, click, kind);
    }

    function close() {
      if (!layer.isConnected) return;
      layer.remove();
      for (const kind of KEYS) document.removeEventListener(kind, onKeyOutside, true);
      if (before && before.isConnected) before.focus();
      if (onClose) onClose();
    }

    function onBeside(event) {
      if (event.target === layer) close();
    }

    function onKey(event) {
      if (event.type === "keydown" && event.key === "Escape") close();
      else if (event.type === "keydown" && event.key === "Tab") turn(event);
      // Stash has shortcuts on letters, which are not meant here.
      event.stopPropagation();
    }

    // A click on plain text takes the focus out of the dialog.
    function onKeyOutside(event) {
      if (facedb.topDialog() === layer && !layer.contains(event.target)) onKey(event);
    }

    function turn(event) {
      const stops = [...box.querySelectorAll(FOCUSABLE)].filter((stop) => stop.getClientRects().length);
      const way = event.shiftKey ? Node.DOCUMENT_POSITION_PRECEDING : Node.DOCUMENT_POSITION_FOLLOWING;
      const at = document.activeElement;
      // Within the dialog the browser knows the way; at its ends it goes round.
      if (box.contains(at) && stops.some((stop) => at.compareDocumentPosition(stop) & way)) return;
      event.preventDefault();
      const end = event.shiftKey ? stops[stops.length - 1] : stops[0];
      if (end) end.focus();
    }

    setButtons(buttons);
    document.body.append(layer);
    for (const kind of KEYS) {
      layer.addEventListener(kind, onKey);
      document.addEventListener(kind, onKeyOutside, true);
    }
    const first = foot.querySelector(".is-primary") || foot.querySelector("button");
    (first || box).focus();
    return { close, element: box, body: content, setButtons };
  };

  /** The dialog that is on top of all; undefined where there is none. */
  facedb.topDialog = function () {
    const all = document.querySelectorAll(".facedb-dialog");
    return all[all.length - 1];
  };
})();
