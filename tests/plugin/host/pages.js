// Pages of a scene, an image and a gallery, with the parts that plugins reach for; and lists of them.
(function () {
  "use strict";

  const host = window.stashHost;
  const { createElement: h, Fragment } = window.React;
  const { Link, useParams } = window.ReactRouterDOM;

  const PERFORMERS = "performers { id name image_path stash_ids { endpoint stash_id } }";
  const KINDS = {
    scene: `query Scene($id: ID!) { one: findScene(id: $id) { id title date organized
      paths { screenshot stream } ${PERFORMERS} } }`,
    image: `query Image($id: ID!) { one: findImage(id: $id) { id title paths { image thumbnail } ${PERFORMERS} } }`,
    gallery: `query Gallery($id: ID!) { one: findGallery(id: $id) { id title image_count ${PERFORMERS} } }`,
  };
  const LISTS = {
    scene: "query Scenes { page: findScenes { count rows: scenes { id title } } }",
    image: "query Images { page: findImages { count rows: images { id title } } }",
  };

  host.LoadingIndicator = host.component("LoadingIndicator", ({ message }) =>
    h("div", { className: "LoadingIndicator" }, h("div", { className: "spinner-border", role: "status" }), message || ""),
  );
  host.Icon = host.component("Icon", ({ icon, className }) =>
    h("span", { className: `fa-icon ${className || ""}`, "aria-hidden": true }, icon?.iconName || icon || "•"),
  );
  // Containers, which plugins put their own into.
  const ScenePageTabs = host.component("ScenePage.Tabs", ({ children }) => h(Fragment, null, children));
  const ScenePageTabContent = host.component("ScenePage.TabContent", ({ children }) => h(Fragment, null, children));

  function Toolbar({ kind, organized }) {
    const group = `${kind}-toolbar-group`;
    return h(
      "div",
      { className: `${kind}-toolbar` },
      h("span", { className: group }, h("div", { className: "rating-stars", role: "group", "aria-label": "Rating" }, "☆☆☆☆☆")),
      h(
        "span",
        { className: group },
        h("span", null, h("button", { type: "button", className: "minimal btn btn-secondary", title: "Views" }, "0")),
        h(
          "span",
          null,
          h("button", {
            type: "button",
            className: `minimal organized-button ${organized ? "organized" : "not-organized"} btn btn-secondary`,
            title: "Organized",
          }, "✓"),
        ),
        h(
          "span",
          null,
          h(
            "div",
            { className: "dropdown" },
            h("button", { type: "button", id: "operation-menu", className: "minimal dropdown-toggle btn btn-secondary", title: "Operations" }, "⋮"),
          ),
        ),
      ),
    );
  }

  function Details({ kind, one }) {
    const title = one.title || `${kind} ${one.id}`;
    const tabs = h("div", { className: "nav-item" }, h("a", { className: "nav-link active", role: "tab", "aria-selected": true, href: "#" }, "Details"));
    return h(
      "div",
      { className: `${kind}-tabs order-xl-first order-last` },
      h(
        "div",
        null,
        h("div", { className: `${kind}-header-container` }, h("h3", { className: `${kind}-header no-studio` }, title)),
        h("div", { className: `${kind}-subheader` }, h("span", { className: "date" }, one.date || "")),
        h(Toolbar, { kind, organized: one.organized }),
      ),
      h("div", { className: "mr-auto nav nav-tabs", role: "tablist" }, kind === "scene" ? h(ScenePageTabs, null, tabs) : tabs),
      h(
        "div",
        { className: "tab-content" },
        h("div", { className: "tab-pane active", role: "tabpanel" }, h(Performers, { all: one.performers })),
        kind === "scene" && h(ScenePageTabContent, null, null),
      ),
    );
  }

  function Performers({ all }) {
    if (!all.length) return null;
    const shown = all.map(({ id, name, image_path }) =>
      h("div", { key: id, className: "performer-card card" }, h("img", { src: image_path, alt: name, loading: "lazy" }), h("h5", null, name)),
    );
    return h("div", { className: "row justify-content-center scene-performers" }, shown);
  }

  function Shown({ kind, one }) {
    if (kind === "scene") {
      const player = h("video", { className: "vjs-tech", controls: true, preload: "none", poster: one.paths.screenshot });
      return h("div", { className: "scene-player-container" }, h("div", { className: "VideoPlayer" }, player));
    }
    if (kind === "image") {
      const picture = h("img", { className: "m-sm-auto no-gutter image-image", alt: one.title || "", src: one.paths.image });
      return h("div", { className: "image-container" }, picture);
    }
    return h("div", { className: "gallery-container" }, `${one.image_count} images`);
  }

  const Page = {};
  for (const kind of Object.keys(KINDS)) {
    const draw = ({ one }) => h("div", { className: "row" }, h(Details, { kind, one }), h(Shown, { kind, one }));
    Page[kind] = kind === "scene" ? host.component("ScenePage", ({ scene }) => draw({ one: scene })) : draw;
  }

  /** /scenes/7 and its like. */
  host.One = function ({ kind }) {
    const { id } = useParams();
    const { data, again } = host.useQuery(KINDS[kind], { id });
    // Stash's cache notices what its own client writes; a test asks for it.
    host.refresh = again;
    if (data === null || (data.one && data.one.id !== id)) return h(host.LoadingIndicator);
    if (!data.one) return h("h1", { className: "text-center" }, `No ${kind} found with id ${id}.`);
    return kind === "scene" ? h(Page.scene, { scene: data.one }) : h(Page[kind], { one: data.one });
  };

  /** /scenes and its like. */
  host.Many = function ({ kind, path }) {
    const { data } = host.useQuery(LISTS[kind], {});
    if (data === null) return h(host.LoadingIndicator);
    const rows = data.page.rows.map(({ id, title }) =>
      h("div", { key: id, className: `${kind}-card card` }, h(Link, { to: `${path}/${id}` }, title || `${kind} ${id}`)),
    );
    return h("div", { className: "item-list-container" }, rows);
  };
})();
