// Adding somebody: linked if the library has the performer, made if it has nobody of the name, asked if it is unsure.
(function () {
  "use strict";

  const facedb = (window.facedb = window.facedb || {});
  const identify = (facedb.identify = facedb.identify || {});
  const { h } = facedb;

  /** Whom the target has already, and whom it is getting; all places that show somebody follow it. */
  identify.roster = function (target, known) {
    const present = new Set();
    const busy = new Set();
    const followers = [];
    return {
      target,
      boxes: known.boxes,
      has: (match) =>
        match.tagged ||
        present.has(match.key) ||
        known.performers.some((one) => identify.logic.has(one, match, known.boxes) === true),
      /** Whether this click is the one that adds. */
      begin: (match) => !busy.has(match.key) && !present.has(match.key) && Boolean(busy.add(match.key)),
      end: (match) => busy.delete(match.key),
      added(match, by) {
        present.add(match.key);
        followers.filter((one) => one.key === match.key && one.by !== by).forEach((one) => one.run());
      },
      follow: (match, by, run) => followers.push({ key: match.key, by, run }),
    };
  };

  /** The place in which somebody is added: a button, and what becomes of it. */
  identify.adder = function (match, roster) {
    const { kind, id } = roster.target;
    const { button, note, buttons } = identify.pieces;
    const area = h("div", { class: "facedb-identify__add", tabindex: "-1" });
    const at = { [`${kind}_id`]: id };

    function put(...children) {
      const focused = area.contains(document.activeElement);
      facedb.fill(area, ...children);
      if (focused) (area.querySelector("button, a") || area).focus();
    }

    function idle() {
      const add = button(`Add to ${kind}`, () => start(look, "Looking in your library…"));
      add.setAttribute("aria-label", `Add to ${kind}: ${match.name}`);
      put(add);
    }

    function there() {
      put(h("p", { class: "facedb-identify__there" }, `✓ Already in this ${kind}`));
    }

    /** Do one thing at a time; a second click while it is done is none. */
    async function start(work, saying) {
      if (!roster.begin(match)) return;
      // Not `disabled`: that would lose the focus.
      put(h("button", { type: "button", class: "facedb-button", "aria-disabled": "true" }, saying));
      try {
        await work();
      } catch (failure) {
        failed(failure);
      } finally {
        roster.end(match);
      }
    }

    async function look() {
      const query = Array.from(match.name.replace(/…$/, "")).slice(0, 100).join("");
      const found = identify.logic.list(await facedb.call("search_performers", { query }));
      const plan = identify.logic.plan(found, match, roster.boxes);
      if (plan.way === "link") await link(plan.performer, false);
      else if (plan.way === "create") await create();
      else if (plan.way === "choose") choose(plan);
      else put(note("is-warn", h("p", {}, "The database does not say at which stash-box this performer is.")));
    }

    async function link(performer, giveId) {
      const asked = { ...at, performer_id: performer.id };
      const endpoint = giveId ? identify.logic.box(roster.boxes, match.endpoint) : null;
      if (endpoint && match.id) {
        Object.assign(asked, { stash_ids: [{ endpoint, stash_id: match.id }], update_metadata: true });
      }
      const said = await facedb.call("link_performer_stashbox", asked);
      done(said, `Added ${identify.logic.plain(said.name)} to this ${kind}.`);
    }

    async function create() {
      const asked = { ...at, endpoint: match.endpoint, stashdb_id: match.id };
      const said = await facedb.call("create_performer_from_stashbox", asked);
      const name = identify.logic.plain(said.name);
      done(said, said.created ? `Made ${name} and added to this ${kind}.` : `Added ${name} to this ${kind}.`);
    }

    function choose({ performers, create: possible }) {
      const question = `Your library has performers of a like name. Is ${match.name} one of them?`;
      const ways = performers.map((performer) => {
        const other = identify.logic.has(performer, match, roster.boxes) === "other";
        const but = other ? `, who has another id at ${match.endpoint}` : "";
        const label = `Link to ${identify.logic.described(performer)}${but}`;
        return h(
          "li",
          {},
          button(label, () => start(() => link(performer, true), "Adding…")),
        );
      });
      if (possible) {
        ways.push(
          h(
            "li",
            {},
            button("No, make a new performer", () => start(create, "Adding…")),
          ),
        );
      }
      ways.push(h("li", {}, button("Cancel", idle)));
      put(h("div", { role: "group", "aria-label": question }, h("p", {}, question), h("ul", {}, ways)));
      facedb.announce(question);
    }

    function done(said, words) {
      roster.added(match, area);
      const page = /^\d+$/.test(said.performer_id) ? identify.address(`performers/${said.performer_id}`) : null;
      put(
        h("p", { class: "facedb-identify__there" }, "✓ ", page ? h("a", { href: page }, words) : words),
        button("Reload page to see it", () => window.location.reload()),
      );
      facedb.announce(words);
    }

    function failed(failure) {
      const busy = failure.kind === "busy" ? `${identify.logic.busy(failure)} ` : "";
      const again = () => start(look, "Looking in your library…");
      const words = `Not added. ${busy}${identify.logic.plain(failure.message, 300)}`;
      put(note("is-bad", h("p", {}, words), buttons(button("Try again", again))));
      facedb.announce(words);
    }

    roster.follow(match, area, there);
    if (roster.has(match)) there();
    else idle();
    return area;
  };
})();
