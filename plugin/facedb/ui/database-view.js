// The panel: what serves, what could serve, what goes on, and what may be asked for.
(function () {
  "use strict";

  const facedb = (window.facedb = window.facedb || {});
  const { h } = facedb;
  const words = facedb.databaseWords;

  /** The panel's inside for a state of the model. act: {update, approve, retry, rollback(version), noted, again}. */
  facedb.databaseView = function (state, act) {
    const { overview } = state;
    return [
      h("h3", { class: "facedb-database__title" }, "Face database"),
      state.away && away(state, act),
      !overview && !state.away && h("p", { role: "status" }, "Asking the sidecar …"),
      overview && facts(overview, state.check),
      overview && news(state, act),
      overview && progress(state),
      overview && failed(overview),
      state.refusal && note("bad", "It was refused", state.refusal.message),
      overview && managed(overview),
      overview && buttons(state, act),
      overview && kept(state, act),
    ];
  };

  function note(kind, title, ...lines) {
    const said = lines.filter(Boolean).map((line) => (line instanceof Node ? line : h("p", {}, line)));
    return h("div", { class: `facedb-note is-${kind}` }, h("p", {}, h("strong", {}, title)), said);
  }

  function away(state, act) {
    const again = facedb.button("Ask again", act.again);
    const [title, advice] = TROUBLE[state.away.kind] || TROUBLE.failed;
    const stale = state.overview ? "What stands below was so when it last answered." : null;
    const said = state.away.status === 404 ? OLD : state.away.message;
    return note("warn", title, said, state.away.status === 404 ? null : advice, stale, again);
  }

  const OLD = "It does not know this page: it is the original one, or older than this plugin. Identifying works.";
  const TROUBLE = {
    away: ["The sidecar does not answer", "See whether it runs; its address is in Settings → Plugins. Asked again by itself."],
    busy: ["The sidecar cannot say now", "Asked again by itself."],
    refused: ["The sidecar refuses", "Its address, or its key, is in Settings → Plugins."],
    failed: ["The question failed", "Stash's log has more. Asked again by itself."],
  };

  function facts(overview, check) {
    const { active } = overview;
    const rows = active
      ? [
          ["Version", active.version],
          ["Performers", words.count(active.performer_count)],
          ["Faces", words.count(active.face_count)],
          ["Released", words.day(active.created_at)],
        ]
      : [["Version", "none is loaded"]];
    if (overview.managed_by !== "nobody") rows.push(["Available", available(overview, check), "is-wide"]);
    return h(
      "dl",
      { class: "facedb-database__facts" },
      rows.map(([name, value, width]) => h("div", { class: width || "" }, h("dt", {}, name), h("dd", {}, value))),
    );
  }

  function available(overview, check) {
    if (!check) return "asking …";
    if (check.error) return `not known: ${check.error}`;
    if (!words.newer(overview, check)) return check.latest_version ? "nothing newer" : "nothing";
    const parts = [check.latest_version];
    if (check.download_size_mb) parts.push(words.bytes(check.download_size_mb * 1e6));
    if (check.published_at) parts.push(`published ${words.day(check.published_at)}`);
    return parts.join(" · ");
  }

  function news(state, act) {
    if (!state.updatedFrom || words.moves(state.overview.rollout)) return null;
    const ok = facedb.button("OK", act.noted);
    const title = `${state.overview.active.version} serves now`;
    return note("good", title, `Before, it was ${state.updatedFrom}.`, ok);
  }

  function progress(state) {
    const { rollout } = state.overview;
    if (!words.moves(rollout)) return state.asked ? h("p", { role: "status" }, "Asked; waiting for it to begin …") : null;
    const phase = words.phase(rollout);
    const transfer = words.transfer(rollout, state.pace);
    const back = rollout.reason === "RollingBack";
    const percent = Math.min(100, Math.max(0, Number(rollout.progress_pct) || 0));
    const bar = h(
      "div",
      {
        class: "facedb-progress",
        role: "progressbar",
        "aria-label": `Update to ${rollout.target_version}`,
        "aria-valuemin": 0,
        "aria-valuemax": 100,
        "aria-valuenow": percent,
        "aria-valuetext": `${phase}, ${percent} percent`,
      },
      h("span", {}),
    );
    // A rule, not an attribute: Stash's content policy may forbid style attributes.
    bar.firstChild.style.width = `${percent}%`;
    return h(
      "section",
      { class: "facedb-database__progress", "aria-label": "Update" },
      h("p", {}, h("strong", {}, back ? "Going back" : `Update to ${rollout.target_version}: ${phase}`), back ? null : ` (${percent}%)`),
      !back && bar,
      transfer && h("p", { class: "facedb-database__transfer" }, transfer),
      rollout.message && h("p", { class: "facedb-database__muted" }, rollout.message),
    );
  }

  function failed(overview) {
    const { failure, active } = overview;
    if (!failure || words.moves(overview.rollout)) return null;
    const title = words.ending(overview);
    const serves = active ? `${active.version} goes on serving.` : "Nothing serves.";
    const reason = failure.reason ? `${failure.reason}: ` : "";
    const said = failure.message.startsWith(reason) ? failure.message : reason + failure.message;
    const when = failure.at ? h("p", { class: "facedb-database__muted" }, `At ${new Date(failure.at).toLocaleString()}.`) : null;
    return note(words.wentBack(failure) ? "warn" : "bad", title, serves, said, h("p", {}, h("strong", {}, "What to do: "), failure.advice), when);
  }

  function managed(overview) {
    if (overview.managed_by === "nobody") return note("warn", "Nothing is updated from here", overview.why_not);
    if (overview.managed_by !== "FaceDatabase") return null;
    const name = h("code", {}, overview.facedatabase);
    if (!overview.pinned) {
      return h("p", { class: "facedb-database__muted" }, "Managed by FaceDatabase ", name, ", which follows a channel. ", overview.waiting);
    }
    return note(
      "warn",
      "Managed by Git",
      h("p", {}, "FaceDatabase ", name, ` names version ${overview.desired_version} in spec.version. Change it there: in Git, or with kubectl.`),
    );
  }

  function buttons(state, act) {
    const [text, run] = offered(state, act);
    if (!text || state.asked) return null;
    return h("div", { class: "facedb-database__buttons" }, facedb.button(text, run, { primary: true }));
  }

  function offered({ overview, check }, act) {
    const newer = words.newer(overview, check);
    if (overview.action === "retry") return ["Try again …", act.retry];
    if (overview.action === "update" && newer) return [`Update to ${newer} …`, act.update];
    if (overview.action === "approve" && newer) return [`Approve ${newer} …`, act.approve];
    return [null, null];
  }

  function kept(state, act) {
    const { overview } = state;
    if (!overview.kept.length || words.moves(overview.rollout) || state.asked) return null;
    const back = (version) => facedb.button(`Go back to ${version} …`, () => act.rollback(version));
    const row = (version) => h("li", {}, h("span", {}, version), back(version));
    return h(
      "section",
      { class: "facedb-database__kept", "aria-label": "Kept versions" },
      h("h4", {}, "Kept versions"),
      h("ul", {}, overview.kept.map(row)),
    );
  }
})();
