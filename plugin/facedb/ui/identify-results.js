// An answer as lists: faces of an image beside the picture, persons of a scene, performers of a gallery.
(function () {
  "use strict";

  const facedb = (window.facedb = window.facedb || {});
  const identify = (facedb.identify = facedb.identify || {});
  const { h } = facedb;
  const MOST_THUMBNAILS = 12;

  /** {shown, said} of what identify.ask gives. */
  identify.results = function (target, { answer, about, limits }) {
    const roster = identify.roster(target, about);
    const made = { scene: ofScene, image: ofImage, gallery: ofGallery }[target.kind](answer, about, limits, roster);
    const said = identify.logic.summary(target.kind, answer, made.groups);
    const shown = h(
      "div",
      { class: `facedb-identify__results is-${target.kind}` },
      h("p", { class: "facedb-identify__summary" }, said),
      made.shown,
      troubles(answer),
    );
    return { shown, said };
  };

  function ofImage(answer, about, limits, roster) {
    const groups = identify.logic.faces(answer, limits);
    const entries = groups.map((group) => entry(group, limits, roster));
    const list = h("ol", { class: "facedb-identify__faces" }, entries);
    if (!groups.length) return { groups, shown: null };
    const picture = facedb.url(about.picture) && identify.picture(about.picture, groups, entries);
    return { groups, shown: h("div", { class: "facedb-identify__columns" }, picture, list) };
  }

  function ofScene(answer, about, limits, roster) {
    const { groups, strangers } = identify.logic.persons(answer, limits);
    const others = identify.logic.many(strangers, "person", "people");
    return {
      groups,
      shown: [
        groups.length > 0 &&
          h(
            "ol",
            { class: "facedb-identify__faces" },
            groups.map((group) => entry(group, limits, roster)),
          ),
        strangers > 0 &&
          h("p", { class: "facedb-identify__muted" }, `${others} more, whom the database does not know.`),
      ],
    };
  }

  function ofGallery(answer, about, limits, roster) {
    const { shown, weak } = identify.logic.performers(answer, limits);
    const row = (performer) => card(performer.match, roster, performer.about, thumbnails(performer.images));
    return {
      groups: [...shown.map((one) => ({ shown: [one], weak: [] })), ...weak.map((one) => ({ shown: [], weak: [one] }))],
      shown: [
        h("ul", { class: "facedb-identify__matches" }, shown.map(row)),
        weaker(weak.map(row), limits, "performer"),
      ],
    };
  }

  /** A face or a person, and who it may be. */
  function entry(group, limits, roster) {
    const row = (match) => card(match, roster);
    return h(
      "li",
      { class: "facedb-identify__face", tabindex: "-1" },
      h("h3", {}, group.title, group.about && h("span", { class: "facedb-identify__muted" }, ` ${group.about}`)),
      group.shown.length > 0 && h("ul", { class: "facedb-identify__matches" }, group.shown.map(row)),
      !group.shown.length &&
        !group.weak.length &&
        h("p", { class: "facedb-identify__muted" }, "Nobody whom the database knows."),
      weaker(group.weak.map(row), limits, "match", "matches"),
    );
  }

  /** What is below the user's limit: a button tells how many, and shows them. */
  function weaker(rows, limits, one, more) {
    if (!rows.length) return null;
    const list = h("ul", { class: "facedb-identify__matches", hidden: true }, rows);
    const number = identify.logic.many(rows.length, `weaker ${one}`, more && `weaker ${more}`);
    const what = `${number} (below ${limits.least} %)`;
    const button = identify.pieces.button(`Show ${what}`, () => {
      list.hidden = !list.hidden;
      button.setAttribute("aria-expanded", String(!list.hidden));
      button.textContent = `${list.hidden ? "Show" : "Hide"} ${what}`;
    });
    button.setAttribute("aria-expanded", "false");
    return h("div", { class: "facedb-identify__weaker" }, button, list);
  }

  function card(match, roster, ...more) {
    const bar = h("span", { class: "facedb-progress facedb-identify__bar", "aria-hidden": "true" }, h("span", {}));
    bar.firstChild.style.setProperty("width", `${match.percent}%`);
    return h(
      "li",
      { class: "facedb-identify__match" },
      portrait(match),
      h(
        "div",
        { class: "facedb-identify__who" },
        h("p", { class: "facedb-identify__name" }, h("bdi", {}, match.name), match.country && [" ", country(match)]),
        h(
          "p",
          { class: "facedb-identify__sure" },
          bar,
          h("span", { class: "facedb-hidden" }, "Confidence "),
          `${match.percent} %`,
        ),
        more.map((part) => (typeof part === "string" ? h("p", { class: "facedb-identify__muted" }, part) : part)),
        profile(match),
        identify.adder(match, roster),
      ),
    );
  }

  const country = (match) => h("bdi", { class: "facedb-identify__muted" }, match.country);

  function portrait(match) {
    const frame = h("div", { class: "facedb-identify__portrait" });
    const src = facedb.foreign(match.picture);
    if (!src) return frame;
    // The address last: only what is set before counts for the request.
    const props = { alt: "", loading: "lazy", referrerpolicy: "no-referrer", src };
    const image = h("img", { on: { error: () => image.remove() }, ...props });
    frame.append(image);
    return frame;
  }

  function profile(match) {
    const href = identify.logic.profile(match);
    if (!href) return null;
    const props = { href, target: "_blank", rel: "noopener noreferrer" };
    const words = [h("span", { class: "facedb-hidden" }, `${match.name} at `), match.endpoint];
    return h("p", {}, h("a", props, words, " ↗", h("span", { class: "facedb-hidden" }, " (opens in a new tab)")));
  }

  function thumbnails(ids) {
    const one = (id) => {
      const src = identify.address(`image/${id}/thumbnail`);
      const image = h("img", { alt: `Image ${id}`, loading: "lazy", src });
      return h("li", {}, h("a", { href: identify.address(`images/${id}`) }, image));
    };
    const left = ids.length - MOST_THUMBNAILS;
    const rest = left > 0 && h("li", { class: "facedb-identify__muted" }, `and ${left} more`);
    return h("ul", { class: "facedb-identify__thumbnails" }, ids.slice(0, MOST_THUMBNAILS).map(one), rest);
  }

  /** What went wrong on the way although there is an answer. */
  function troubles(answer) {
    const all = identify.logic.list(answer.errors);
    if (!all.length) return null;
    return h(
      "details",
      { class: "facedb-identify__troubles" },
      h("summary", {}, identify.logic.many(all.length, "problem")),
      h(
        "ul",
        {},
        all.map((one) => h("li", {}, h("bdi", {}, identify.logic.plain(one, 300)))),
      ),
    );
  }
})();
