// What is said about a database, as texts. No DOM, no network.
(function () {
  "use strict";

  const facedb = (window.facedb = window.facedb || {});
  const words = (facedb.databaseWords = {});
  // The operator's reasons, of a FaceDatabase that moves.
  const BY_REASON = {
    Fetching: null, // the eight words know more
    FetchStuck: "The download cannot start",
    FetchDied: "The download is begun again",
    LookingUp: "Asking the source",
    Queued: "Waiting for other databases' rollouts",
    RollingOut: "Starting the new release",
    Checking: "Checking the new release",
    CanaryPaused: "Part of the traffic has moved; waiting",
    Baking: "Serving, and watched before it counts as good",
    RollingBack: "Going back",
    Restoring: "Bringing a kept release back",
    Repairing: "Bringing missing pods back",
    Retrying: "Trying again",
    SnapshotPending: "Waiting for a snapshot",
  };
  const BY_STATUS = {
    downloading: "Downloading",
    extracting: "Unpacking",
    verifying: "Verifying",
    swapping: "Getting the new release ready",
    reloading: "Loading and checking the new release",
    complete: "Done",
    failed: "Failed",
    idle: "Idle",
  };
  const ACTIVE = ["downloading", "extracting", "verifying", "swapping", "reloading"];

  /** Whether something moves that a page should follow. */
  words.moves = function (rollout) {
    return ACTIVE.includes(rollout.status) || rollout.reason === "RollingBack";
  };

  /** The version that could be served instead of what serves; null where there is none. */
  words.newer = function ({ active }, check) {
    // What was offered before an update may be what serves by now.
    const news = check && check.update_available && check.latest_version !== active?.version;
    return news ? check.latest_version : null;
  };

  /** Whether what is told as a failure is that somebody went back, and nothing is wrong. */
  words.wentBack = (failure) => failure.reason === "RolledBackByUser";

  /** How the last update ended, where it is told as a failure. */
  words.ending = function ({ failure, rollout }) {
    if (words.wentBack(failure)) return `Somebody went back from ${failure.version}`;
    const what = failure.version ? `update to ${failure.version}` : "update";
    return rollout.reason === "RolledBack" ? `Rolled back: the ${what} has failed` : `The ${what} has failed`;
  };

  /** What goes on, in a few words. */
  words.phase = function (rollout) {
    const byReason = Object.hasOwn(BY_REASON, rollout.reason) ? BY_REASON[rollout.reason] : null;
    const byStatus = Object.hasOwn(BY_STATUS, rollout.status) ? BY_STATUS[rollout.status] : rollout.status;
    return byReason || byStatus;
  };

  /** 1478000000 → "1.5 GB": decimal units, as publishers count. */
  words.bytes = function (bytes) {
    const units = ["B", "kB", "MB", "GB", "TB"];
    let value = bytes;
    let unit = 0;
    while (value >= 999.5 && unit < units.length - 1) {
      value /= 1000;
      unit += 1;
    }
    return `${unit === 0 || value >= 99.5 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
  };

  /** 75 → "1 min 15 s". */
  words.seconds = function (seconds) {
    const whole = Math.max(1, Math.round(seconds));
    if (whole < 60) return `${whole} s`;
    if (whole < 3600) return `${Math.floor(whole / 60)} min${whole % 60 ? ` ${whole % 60} s` : ""}`;
    return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  };

  /** 366794 → "366,794", as the reader's language writes it. */
  words.count = (number) => Number(number).toLocaleString();

  /** "2026-02-18T03:00:00Z" → the day, as the reader's language writes it; what is no date stays as it is. */
  words.day = function (text) {
    const at = new Date(text);
    if (!text || Number.isNaN(at.getTime())) return text || "unknown";
    return at.toLocaleDateString(undefined, { year: "numeric", month: "short", day: "numeric", timeZone: "UTC" });
  };

  const WINDOW_MS = 15000;

  /** How fast bytes come: from the oldest to the newest of the last 15 seconds. samples: [{at, bytes}]. */
  words.pace = function (samples, total) {
    const last = samples[samples.length - 1];
    const recent = samples.filter((sample) => last.at - sample.at <= WINDOW_MS);
    const first = recent[0];
    if (!first || last.at - first.at < 1000 || last.bytes <= first.bytes) return { rate: null, left: null };
    const rate = (last.bytes - first.bytes) / ((last.at - first.at) / 1000);
    return { rate, left: total ? Math.max(0, total - last.bytes) / rate : null };
  };

  /** "600 MB of 1.5 GB · 12 MB/s · about 1 min left"; empty while nothing is known. */
  words.transfer = function (rollout, pace) {
    if (rollout.status !== "downloading" || !rollout.bytes_total) return "";
    const parts = [`${words.bytes(rollout.bytes_done || 0)} of ${words.bytes(rollout.bytes_total)}`];
    if (pace.rate) parts.push(`${words.bytes(pace.rate)}/s`);
    if (pace.left !== null) parts.push(`about ${words.seconds(pace.left)} left`);
    return parts.join(" · ");
  };

  /** What an update does to those who ask meanwhile. */
  words.interruption = function ({ expected, seconds, why }) {
    const about = seconds ? ` of about ${words.seconds(seconds)}` : "";
    if (expected === "none") return `No interruption. ${why}`;
    if (expected === "certain") return `An interruption${about}: nobody is identified meanwhile. ${why}`;
    return `Perhaps an interruption${about}. ${why}`;
  };

  /** How much an update downloads. */
  words.size = function (check) {
    if (!check || !check.download_size_mb) return "Its size is not known.";
    const most = words.bytes(check.download_size_mb * 1e6);
    return `About ${most} are downloaded; files that have not changed are not.`;
  };
})();
