// What the page asks of its server: GraphQL, and the scripts and styles of plugins.
(function () {
  "use strict";

  const host = window.stashHost;
  const { useEffect, useState } = window.React;
  // The page lets nobody make scripts out of strings; these addresses are its own.
  const trusted = window.trustedTypes.createPolicy("host", { createScriptURL: (url) => url });

  host.graphql = async function (query, variables) {
    const answer = await fetch(new URL("graphql", document.baseURI), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ query, variables }),
    });
    const said = await answer.json();
    if (said.errors) throw new Error(said.errors.map((error) => error.message).join("; "));
    return said.data;
  };

  /** The data of a query once it has come; null before. again() asks anew. */
  host.useQuery = function (query, variables) {
    const [data, setData] = useState(null);
    const [asked, ask] = useState(0);
    const key = JSON.stringify(variables || {});
    useEffect(() => {
      let here = true;
      host.graphql(query, JSON.parse(key)).then((said) => here && setData(said));
      return () => (here = false);
    }, [query, key, asked]);
    return { data, again: () => ask((count) => count + 1) };
  };

  /** Put the styles and scripts of plugins into the page; resolves when the scripts have run. */
  host.load = function (plugins) {
    for (const { paths } of plugins) {
      for (const href of paths.css || []) {
        document.head.append(Object.assign(document.createElement("link"), { href, rel: "stylesheet" }));
      }
    }
    const all = plugins.flatMap(({ paths }) => paths.javascript || []);
    return Promise.all(all.map(run));
  };

  function run(url) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      Object.assign(script, { src: trusted.createScriptURL(url), async: true, onload: resolve, onerror: reject });
      document.head.append(script);
    });
  }
})();
