// Where the panel and the badge are: by Stash's plugin API, or where that is missing by what the page is made of.
(function () {
  "use strict";

  const facedb = (window.facedb = window.facedb || {});
  const { h } = facedb;
  const words = facedb.databaseWords;
  const ID = "facedb";
  const PAGE = "/plugins/facedb";
  const api = window.PluginApi;

  /** The badge in an element: a button with what is new; open is called at a click. */
  function badge(element, open) {
    const dot = h("span", { class: "facedb-badge__dot", "aria-hidden": "true" });
    const text = h("span", { class: "facedb-badge__text" });
    const button = h("button", { type: "button", class: "facedb-badge", on: { click: open } }, dot, text);
    element.append(facedb.themed(h("span", { class: "facedb-badge__place" }, button)));
    return facedb.database.listen(
      (state) => {
        const [kind, short, long] = told(state);
        dot.dataset.kind = kind;
        text.textContent = short;
        button.setAttribute("aria-label", long);
        button.title = long;
      },
      { watches: false },
    );
  }

  /** Kind, text and name; a name begins with its text, for those who say what they see. */
  function told({ overview, check, away }) {
    if (away) return ["away", "Faces", `Faces: ${away.message}`];
    if (!overview) return ["quiet", "Faces", "Faces: the face database"];
    if (words.moves(overview.rollout)) {
      const percent = overview.rollout.progress_pct;
      return ["moves", `Faces ${percent}%`, `Faces ${percent}%: ${words.phase(overview.rollout)}`];
    }
    if (overview.failure) {
      const [kind, text] = words.wentBack(overview.failure) ? ["new", "Faces: went back"] : ["bad", "Faces: failed"];
      return [kind, text, `${text}. ${words.ending(overview)}.`];
    }
    const newer = words.newer(overview, check);
    if (newer && overview.action) {
      return ["new", "Faces: update", `Faces: update. Database ${newer} is available.`];
    }
    const serves = overview.active ? `database ${overview.active.version} serves` : "no database is loaded";
    return ["quiet", "Faces", `Faces: ${serves}`];
  }

  function openDialog() {
    const body = h("div", {});
    const stop = facedb.databasePanel(body);
    facedb.dialog({ title: "Face database", body, onClose: stop });
  }

  function withApi() {
    const { React } = api;
    const { createElement, Fragment, useEffect, useRef } = React;

    /** A place of React's that is filled by mount(element), which returns what ends it. */
    function Place({ mount, className }) {
      const ref = useRef(null);
      useEffect(() => mount(ref.current), []);
      return createElement("div", { ref, className });
    }

    function Page() {
      return createElement(Place, { mount: facedb.databasePanel, className: "facedb-page" });
    }

    function Badge() {
      const history = api.libraries?.ReactRouterDOM?.useHistory?.();
      const open = () => (history ? history.push(PAGE) : openDialog());
      return createElement(Place, { mount: (element) => badge(element, open), className: "facedb-nav" });
    }

    api.register.route(PAGE, Page);
    api.patch.before("MainNavBar.UtilityItems", (props) => [
      { ...props, children: createElement(Fragment, null, props.children, createElement(Badge, { key: ID })) },
    ]);
    api.patch.instead("PluginSettings", (props, ...rest) => {
      const settings = createElement(rest[rest.length - 1], props);
      if (props.pluginID !== ID) return settings;
      const place = { mount: facedb.databasePanel, className: "facedb-setting" };
      return createElement(Fragment, null, createElement(Place, place), settings);
    });
  }

  function withoutApi() {
    facedb.when(".navbar-buttons, nav.navbar, .top-nav").then((bar) => {
      // The bar comes before its buttons in the page.
      badge(bar.querySelector(".navbar-buttons") || bar, openDialog);
    });
    facedb.page(
      (location) => (location.pathname.endsWith("/settings") ? {} : null),
      () => {
        const left = new AbortController();
        let stop = () => {};
        facedb.when(`[id^="plugin-${ID}-"]`, left.signal).then((setting) => {
          const place = h("div", { class: "facedb-setting" });
          setting.parentElement.insertBefore(place, setting);
          stop = facedb.databasePanel(place);
        });
        return () => {
          left.abort();
          stop();
        };
      },
    );
  }

  if (api?.patch && api.register && api.React) withApi();
  else withoutApi();
})();
