// The page around all pages: bar, routes, and plugins before anything is drawn (an old Stash: after).
(function () {
  "use strict";

  const host = window.stashHost;
  const { createElement: h, Fragment, useEffect, useState } = window.React;
  const { BrowserRouter, Link, NavLink, Route, Switch, useLocation } = window.ReactRouterDOM;

  const PLUGINS = "query LoadPlugins { plugins { id enabled paths { javascript css } } }";
  const MENU = { "/scenes": "Scenes", "/images": "Images", "/galleries": "Galleries", "/performers": "Performers" };

  const MenuItems = host.component("MainNavBar.MenuItems", ({ children }) => h("div", { className: "navbar-nav" }, children));
  const UtilityItems = host.component("MainNavBar.UtilityItems", ({ children }) => h(Fragment, null, children));
  // Not among the components, as with Stash: plugins patch it by register.route.
  const PluginRoutes = host.patched("PluginRoutes", ({ children }) => h(Fragment, null, children));

  function Navbar() {
    const items = Object.entries(MENU).map(([href, text]) =>
      h(
        "div",
        { key: href, className: "col-4 col-sm-3 col-md-2 col-lg-auto nav-link" },
        h(NavLink, { to: href, className: "minimal p-4 p-xl-2 btn btn-primary", exact: true }, h("span", null, text)),
      ),
    );
    const button = (title, text) => h("button", { type: "button", className: "minimal d-flex align-items-center h-100 btn btn-primary", title }, text);
    // Stash has them twice: a narrow window shows those of the menu.
    const utilities = h(
      UtilityItems,
      null,
      h(NavLink, { className: "nav-utility", exact: true, to: "/stats", "aria-label": "Statistics" }, "▤"),
      h(NavLink, { className: "nav-utility", exact: true, to: "/settings", "aria-label": "Settings" }, "⚙"),
      button("Help", "?"),
    );
    return h(
      "nav",
      { className: "top-nav navbar navbar-expand-xl navbar-dark bg-dark fixed-top" },
      h("div", { className: "navbar-brand" }, h(Link, { to: "/", className: "minimal brand-link btn btn-primary" }, "Stash")),
      h("div", { className: "bg-dark order-sm-1 navbar-collapse collapse" }, h(MenuItems, null, items), h("div", { className: "navbar-nav" }, utilities)),
      h(
        "div",
        { className: "navbar-buttons flex-row ml-auto order-xl-2 navbar-nav" },
        utilities,
        h("button", { type: "button", className: "nav-menu-toggle ml-sm-2 navbar-toggler", "aria-label": "Menu" }, "☰"),
      ),
    );
  }

  function Pages() {
    const kinds = { scene: "/scenes", image: "/images", gallery: "/galleries" };
    const routes = Object.entries(kinds).flatMap(([kind, path]) => [
      h(Route, { key: `${kind}-one`, path: `${path}/:id`, render: () => h(host.One, { kind }) }),
      kind !== "gallery" && h(Route, { key: kind, exact: true, path, render: () => h(host.Many, { kind, path }) }),
    ]);
    return h(
      Switch,
      null,
      h(Route, { exact: true, path: "/", render: () => h("div", { className: "recommendations-container" }, h("h2", null, "Recently added")) }),
      ...routes,
      h(Route, { path: "/settings", component: host.Settings }),
      h(PluginRoutes, null, null),
    );
  }

  function App() {
    const location = useLocation();
    useEffect(() => host.events.dispatch("location", "", { location }), [location]);
    return h(Fragment, null, h(Navbar), h("div", { className: "main container-fluid" }, h(Pages)));
  }

  function Loader({ children }) {
    const late = !window.PluginApi;
    const [loaded, setLoaded] = useState(late);
    useEffect(() => {
      host
        .graphql(PLUGINS)
        .then(({ plugins }) => host.load(plugins.filter(({ enabled }) => enabled)))
        .then(() => setLoaded(true));
    }, []);
    return loaded ? children : h(host.LoadingIndicator, { message: "Loading plugins…" });
  }

  const basename = new URL(document.baseURI).pathname.replace(/\/$/, "");
  const page = h(BrowserRouter, { basename }, h(Loader, null, h(App)));
  window.ReactDOM.render(page, document.getElementById("root"));
})();
