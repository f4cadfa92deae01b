// What is known of the database, asked for as often as somebody looks; everything that shows it listens here.
(function () {
  "use strict";

  const facedb = (window.facedb = window.facedb || {});
  const words = facedb.databaseWords;
  const FAST_MS = 2000;
  const SLOW_MS = 30000;
  const CHECK_MS = 3600000;
  const CHECK_AGAIN_MS = 300000;
  const ASKED_MS = 60000;
  const SAMPLES = 60;
  const SEEN = "facedb.version-seen";

  const listeners = new Set();
  const state = {
    overview: null, // of db_overview, the last one that came
    check: null, // of db_check_update
    away: null, // the Failure of the last question, while there is no answer
    asked: false, // something was asked for that the overview does not show yet
    pace: { rate: null, left: null },
    updatedFrom: null, // the version before, until somebody has taken note
    refusal: null, // the Failure of what was last asked for
  };
  let samples = [];
  let watchers = 0;
  let askedAt = 0;
  let answeredAt = 0;
  let checks = 0;
  let checkedAt = 0;
  let timer = null;
  let running = null;

  const model = (facedb.database = { state });

  /** Call tell(state) now and at every news, until what this returns is called. watches: keep asking. */
  model.listen = function (tell, { watches = true } = {}) {
    listeners.add(tell);
    watchers += watches ? 1 : 0;
    tell(state);
    model.refresh();
    return () => {
      listeners.delete(tell);
      watchers -= watches ? 1 : 0;
    };
  };

  /** Ask how it stands; once for all who ask at the same time. */
  model.refresh = function () {
    running = running || look().finally(() => (running = null));
    return running;
  };

  /** Ask what could be had. */
  model.check = async function () {
    const mine = ++checks;
    checkedAt = performance.now();
    let found;
    try {
      found = await facedb.call("db_check_update");
    } catch (failure) {
      found = { error: failure.message, update_available: false };
    }
    // A later question knows more, whichever is answered first.
    if (mine !== checks) return;
    state.check = found;
    tellAll();
  };

  /** Ask for a change; what comes of it is seen by everybody who listens. */
  model.ask = async function (mode, args) {
    state.refusal = null;
    state.asked = true;
    askedAt = performance.now();
    answeredAt = Infinity;
    tellAll();
    try {
      await facedb.call(mode, args);
      facedb.announce("It has begun.");
    } catch (failure) {
      state.refusal = failure;
      state.asked = false;
      facedb.announce(`It was refused: ${failure.message}`);
      // Perhaps because what was offered is so no more.
      model.check();
    }
    answeredAt = performance.now();
    // A look that began before knows nothing of it.
    await running;
    await model.refresh();
  };

  /** Somebody has read that there was an update. */
  model.noted = function () {
    state.updatedFrom = null;
    remember(state.overview?.active?.version);
    tellAll();
  };

  async function look() {
    clearTimeout(timer);
    const began = performance.now();
    const before = state.overview;
    try {
      const now = await facedb.call("db_overview");
      state.away = null;
      take(before, now, began);
    } catch (failure) {
      state.away = failure;
    }
    tellAll();
    timer = setTimeout(again, isQuick() ? FAST_MS : SLOW_MS);
  }

  function again() {
    // Where nobody looks, the next visit asks; a badge alone follows what moves.
    if (document.visibilityState === "visible" && (watchers > 0 || moving(state.overview))) model.refresh();
    else timer = setTimeout(again, SLOW_MS);
  }

  function isQuick() {
    return watchers > 0 && (state.asked || state.away !== null || moving(state.overview));
  }

  function moving(overview) {
    return overview !== null && words.moves(overview.rollout);
  }

  function take(before, now, began) {
    const moved = moving(before);
    state.overview = now;
    const changed = before?.rollout.status !== now.rollout.status;
    if (moving(now) || (began >= answeredAt && (changed || !mayYetBegin(now)))) state.asked = false;
    sample(now.rollout);
    compare(now.active?.version);
    if (moved && !moving(now)) end(before, now);
    const other = before === null || offer(before) !== offer(now);
    if (other || (moved && !moving(now)) || isCheckDue()) model.check();
  }

  /** What decides which version is offered, and how. */
  function offer({ waiting, action, active }) {
    return JSON.stringify([waiting, action, active?.version]);
  }

  function isCheckDue() {
    const managed = state.overview && state.overview.managed_by !== "nobody";
    return Boolean(managed && state.check?.error) && performance.now() - checkedAt >= SLOW_MS;
  }

  // A sidecar begins before it answers; an operator some seconds later, or when its window opens.
  function mayYetBegin(now) {
    return now.managed_by === "FaceDatabase" && performance.now() - askedAt < ASKED_MS;
  }

  function end(before, now) {
    const serves = `${now.active?.version || "Nothing"} serves now.`;
    // Asked for, and not begun: its window is not open yet.
    const waits = now.active?.version === before.active?.version && now.waiting;
    if (!now.failure) facedb.announce(waits || serves);
    else if (words.wentBack(now.failure)) facedb.announce(`${words.ending(now)}. ${serves}`);
    else facedb.announce(`${words.ending(now)}: ${now.failure.message}`);
  }

  function sample(rollout) {
    const downloads = rollout.status === "downloading" && typeof rollout.bytes_done === "number";
    const last = samples[samples.length - 1];
    if (!downloads || (last && last.bytes > rollout.bytes_done)) samples = [];
    if (downloads) samples = [...samples, { at: performance.now(), bytes: rollout.bytes_done }].slice(-SAMPLES);
    state.pace = samples.length ? words.pace(samples, rollout.bytes_total) : { rate: null, left: null };
  }

  // An update is news also for those who were not there while it happened.
  function compare(version) {
    if (!version) return;
    const seen = recall();
    if (!seen) remember(version);
    else if (seen !== version) state.updatedFrom = seen;
    else state.updatedFrom = null;
  }

  function recall() {
    try {
      return localStorage.getItem(SEEN);
    } catch (error) {
      return null; // a browser that keeps nothing
    }
  }

  function remember(version) {
    try {
      if (version) localStorage.setItem(SEEN, version);
    } catch (error) {
      return; // a browser that keeps nothing
    }
  }

  function tellAll() {
    for (const tell of [...listeners]) tell(state);
  }

  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible" && listeners.size) model.refresh();
  });
  facedb.every(CHECK_MS, () => listeners.size && model.check());
  // A badge alone looks for nothing that would try it again.
  facedb.every(CHECK_AGAIN_MS, () => listeners.size && isCheckDue() && model.check());
})();
