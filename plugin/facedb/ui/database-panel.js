// The panel as a living thing: drawn at every news, with its dialogs; focus stays where it was.
(function () {
  "use strict";

  const facedb = (window.facedb = window.facedb || {});
  const { h } = facedb;
  const words = facedb.databaseWords;
  const model = facedb.database;

  /** Draw the panel into an element; returns what ends it. */
  facedb.databasePanel = function (element) {
    const root = facedb.themed(h("section", { class: "facedb-database", "aria-label": "Face database" }));
    element.append(root);
    const draw = (state) => keepingFocus(root, () => facedb.fill(root, facedb.databaseView(state, ACTS)));
    const stop = model.listen(draw);
    return () => {
      stop();
      root.remove();
    };
  };

  const ACTS = {
    again: () => model.refresh(),
    noted: () => model.noted(),
    update: () => change(`Update to ${latest()}?`, "Update", sizeAndGap()),
    approve: () => change(`Approve ${latest()}?`, "Approve", [...sizeAndGap(), waits()]),
    retry: () => confirm("Try again?", "Try again", "db_retry", [retried(), gap()]),
    rollback: (version) =>
      confirm(`Go back to ${version}?`, "Go back", "db_rollback", back(), { version }),
  };

  // By its version: what is the newest may be another one by the time of the click.
  const change = (title, word, lines) => confirm(title, word, "db_update", lines, { version: latest() });

  function confirm(title, word, mode, lines, args) {
    const asked = document.activeElement;
    const root = asked.closest(".facedb-database");
    facedb.dialog({
      title,
      body: h("ul", { class: "facedb-database__will" }, lines.filter(Boolean).map((line) => h("li", {}, line))),
      buttons: [{ text: "Cancel" }, { text: word, primary: true, run: () => model.ask(mode, args) }],
      // Drawn anew meanwhile, the panel has another button of the same words.
      onClose: () => root && !asked.isConnected && focusLike(root, asked.textContent),
    });
  }

  const latest = () => model.state.check?.latest_version;
  const gap = () => words.interruption(model.state.overview.interruption);
  const waits = () => model.state.overview.waiting;

  function sizeAndGap() {
    const serves = model.state.overview.active?.version;
    const safe = serves ? `If anything is wrong with it, ${serves} goes on serving, and you are told why.` : null;
    return [words.size(model.state.check), gap(), "It is verified before it is used.", safe];
  }

  function retried() {
    const version = model.state.overview.failure?.version;
    return `${version || "It"} is asked for once more; what came before and is whole is not downloaded again.`;
  }

  function back() {
    const { managed_by: by, facedatabase, desired_version: wanted } = model.state.overview;
    const stays = `FaceDatabase ${facedatabase} goes on asking for ${wanted}, and is not Ready until it asks for what serves.`;
    return ["Nothing is downloaded.", gap(), by === "FaceDatabase" ? stays : "The newer one is taken again only when somebody asks for it."];
  }

  /** Draw anew, and put the focus on the button of the same words, if it was on one. */
  function keepingFocus(root, draw) {
    const at = root.contains(document.activeElement) ? document.activeElement.textContent : null;
    draw();
    if (at !== null) focusLike(root, at);
  }

  function focusLike(root, text) {
    const same = [...root.querySelectorAll("button")].find((button) => button.textContent === text);
    if (same) {
      same.focus();
      return;
    }
    root.tabIndex = -1;
    root.focus();
  }
})();
