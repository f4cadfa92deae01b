// Stash's doors for plugins, with the behaviour of its own: patches of components by name, a registry, events.
(function () {
  "use strict";

  const host = (window.stashHost = {});
  const patches = { before: new Map(), instead: new Map(), after: new Map() };

  /** Components by name, for plugins to use. */
  host.components = {};

  function adder(kind) {
    return (name, patch) => patches[kind].set(name, [...of(kind, name), patch]);
  }

  function of(kind, name) {
    return patches[kind].get(name) || [];
  }

  // Each "instead" gets the arguments and the next one; the last gets the original.
  function replaced(instead, original, self, args) {
    if (!instead.length) return original.apply(self, args);
    const next = (at) => {
      if (at >= instead.length) return original;
      return (...given) => instead[at].apply(undefined, [...given, next(at + 1)]);
    };
    return instead[0].apply(self, [...args, next(1)]);
  }

  /** The function as plugins have changed it by now: "before" give other arguments, "after" another result. */
  host.patched = function (name, original) {
    return function (...args) {
      for (const patch of of("before", name)) args = patch.apply(this, args);
      let result = replaced(of("instead", name), original, this, args);
      for (const patch of of("after", name)) result = patch.apply(this, [...args, result]);
      return result;
    };
  };

  host.register = function (name, component) {
    if (host.components[name]) throw new Error(`Component ${name} has already been registered`);
    host.components[name] = component;
    return component;
  };

  /** A component that plugins may patch and use. */
  host.component = function (name, original) {
    return host.register(name, host.patched(name, original));
  };

  class HostEvents extends EventTarget {
    dispatch(event, id, data) {
      const detail = { event, ...(id ? { id } : {}), ...(data ? { data } : {}) };
      this.dispatchEvent(new CustomEvent(`stash:${event}${id ? `:${id}` : ""}`, { detail }));
    }
  }

  host.events = new HostEvents();

  function route(path, component) {
    const { createElement: h, Fragment } = window.React;
    adder("before")("PluginRoutes", (props) => [
      { children: h(Fragment, null, props.children, h(window.ReactRouterDOM.Route, { path, component })) },
    ]);
  }

  if (document.body.dataset.api !== "none") {
    window.PluginApi = {
      React: window.React,
      ReactDOM: window.ReactDOM,
      GQL: {},
      libraries: { ReactRouterDOM: window.ReactRouterDOM },
      register: { route, component: host.register },
      loadableComponents: {},
      components: host.components,
      utils: { NavUtils: {}, StashService: {}, loadComponents: (all) => Promise.all(all.map((load) => load())) },
      hooks: {},
      patch: { before: adder("before"), instead: adder("instead"), after: adder("after") },
      Event: host.events,
    };
  }
})();
