// Questions: to Stash by GraphQL, and through it to our backend, which asks the sidecar.
(function () {
  "use strict";

  const facedb = (window.facedb = window.facedb || {});
  const PLUGIN = "facedb";
  const DEFAULTS = { sidecarUrl: "http://localhost:5000", minConfidence: 50, maxResults: 5 };
  const RUN = `mutation FacedbRun($id: ID!, $args: Map!) { runPluginOperation(plugin_id: $id, args: $args) }`;
  const SETTINGS = `query FacedbSettings { configuration { plugins } }`;

  /**
   * A question without the answer that was hoped for.
   *
   * kind: "away" (nobody answers), "busy" (429, 503: later), "refused" (another 4xx), "failed" (anything else).
   */
  facedb.Failure = class Failure extends Error {
    constructor(message, { status = null, retryAfter = null, kind = null } = {}) {
      super(message);
      this.name = "Failure";
      this.status = status;
      this.retryAfter = retryAfter;
      this.kind = kind || kindOf(status, message);
    }
  };

  // The contract's words. Without a status there may also be a mistake that the backend itself has found.
  const SILENCE = /^Connection refused|timed out/;

  function kindOf(status, message) {
    if (status === null) return SILENCE.test(message) ? "away" : "failed";
    if (status === 503 || status === 429) return "busy";
    return status >= 400 && status < 500 ? "refused" : "failed";
  }

  // They change nothing and end soon. A scene or a gallery may take minutes: whether to ask again is the user's.
  const READS = new Set(["health", "db_overview", "db_check_update", "search_performers", "identify_image"]);
  // Chromium drops requests when the machine gains or loses a network interface, as with each start of a container.
  const LOST_MS = 500;

  async function post(url, said, tries) {
    try {
      return await fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body: said });
    } catch (error) {
      if (tries < 2) throw new facedb.Failure("Stash does not answer", { kind: "failed" });
    }
    await new Promise((passed) => setTimeout(passed, LOST_MS));
    return post(url, said, tries - 1);
  }

  /** Stash's own data; asks so many times when a request is lost. Rejects with a Failure. */
  facedb.graphql = async function (query, variables, tries = 2) {
    const base = new URL(document.querySelector("base")?.getAttribute("href") || "/", location.href);
    const answer = await post(new URL("graphql", base), JSON.stringify({ query, variables }), tries);
    const said = await answer.json().catch(() => ({}));
    const errors = (said.errors || []).map((error) => error.message);
    if (errors.length || !said.data) {
      const why = errors.join("; ") || `HTTP ${answer.status}`;
      throw new facedb.Failure(`Stash: ${why}`, { status: answer.status, kind: "failed" });
    }
    return said.data;
  };

  /** What the user has set for this plugin, and the defaults for the rest. */
  facedb.settings = async function () {
    const { configuration } = await facedb.graphql(SETTINGS);
    const set = (configuration.plugins || {})[PLUGIN] || {};
    const kept = Object.entries(set).filter(([, value]) => value !== null && value !== "");
    return { ...DEFAULTS, ...Object.fromEntries(kept) };
  };

  /** Ask the sidecar by a mode of our backend. Rejects with a Failure. */
  facedb.call = async function (mode, args) {
    const { sidecarUrl, apiKey } = await facedb.settings();
    const sent = { ...args, mode, sidecar_url: sidecarUrl };
    if (apiKey) sent.api_key = apiKey;
    const { runPluginOperation: said } = await facedb.graphql(RUN, { id: PLUGIN, args: sent }, READS.has(mode) ? 2 : 1);
    if (said === null || said === undefined) {
      const why = "The plugin's backend said nothing. Stash's log tells why; often Python or its package requests is missing.";
      throw new facedb.Failure(why, { kind: "failed" });
    }
    if (said.error && "retry_after" in said) {
      throw new facedb.Failure(String(said.error), { status: said.status, retryAfter: said.retry_after });
    }
    return said;
  };
})();
