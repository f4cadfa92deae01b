// What the sidecar answered, as what is shown: grouped, cut, sorted and put in words. No DOM, no questions.
(function () {
  "use strict";

  const facedb = (window.facedb = window.facedb || {});
  const identify = (facedb.identify = facedb.identify || {});
  const LONGEST_NAME = 120;
  // Control characters, and those that turn the direction of the text around them.
  const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+/g;
  const HOST = /^[a-z0-9-]+(\.[a-z0-9-]+)+(:\d{1,5})?$/i;
  const MOST = { scene: 10, image: 20, gallery: 20 };
  // Cosine distances that the sidecar takes if nothing is said.
  const FARTHEST = { scene: 0.5, image: 0.6, gallery: 0.6 };

  const logic = (identify.logic = {});

  logic.list = (value) => (Array.isArray(value) ? value : []);

  const count = (value) => (Number.isFinite(Number(value)) ? Math.max(0, Math.round(Number(value))) : 0);

  /** "1 face", "2 faces". */
  logic.many = (number, one, more) => `${number} ${number === 1 ? one : more || `${one}s`}`;

  /** Text out of data: without characters that are not for reading, and not endless. */
  logic.plain = function (text, most = LONGEST_NAME) {
    const letters = Array.from(
      String(text ?? "")
        .replace(CONTROLS, " ")
        .trim(),
    );
    return letters.length > most ? `${letters.slice(0, most).join("")}…` : letters.join("");
  };

  /** The settings as numbers that can be worked with. */
  logic.limits = function (settings, kind) {
    const percent = Number(settings.minConfidence);
    const results = Number(settings.maxResults);
    return {
      least: Number.isFinite(percent) ? Math.min(100, Math.max(0, percent)) : 50,
      most: Math.min(MOST[kind], Math.max(1, Math.floor(results) || 5)),
    };
  };

  /** Arguments of the mode that identifies. tagged: ids at stashdb.org of those whom the scene names. */
  logic.question = function (kind, id, limits, tagged) {
    const asked = { [`${kind}_id`]: id };
    // What the user wants to see must not be cut away before.
    const farthest = Math.max(FARTHEST[kind], 1 - limits.least / 100);
    Object.assign(asked, { top_k: limits.most, max_distance: Math.round(farthest * 100) / 100 });
    if (kind === "scene") asked.scene_performer_stashdb_ids = tagged.slice(0, 500);
    return asked;
  };

  /** A match of a face or of a person, or a performer of a gallery, in one shape. */
  logic.match = function (raw) {
    const confidence = Number(raw.confidence);
    const id = String(raw.stashdb_id ?? raw.performer_id ?? "");
    const endpoint = raw.endpoint ? String(raw.endpoint) : null;
    return {
      key: JSON.stringify([endpoint, id.toLowerCase()]),
      id,
      endpoint,
      name: logic.plain(raw.name) || "Unknown",
      percent: Number.isFinite(confidence) ? Math.round(Math.min(1, Math.max(0, confidence)) * 100) : 0,
      country: logic.plain(raw.country, 40) || null,
      picture: typeof raw.image_url === "string" ? raw.image_url : null,
      tagged: raw.already_tagged === true,
    };
  };

  /** Matches in the sidecar's order, each performer once → those to show, and the weaker ones. */
  logic.cut = function (raw, limits) {
    const seen = new Set();
    const found = [];
    for (const match of logic.list(raw).filter(Boolean).map(logic.match)) {
      if (!seen.has(match.key)) found.push(match);
      seen.add(match.key);
    }
    const kept = found.slice(0, limits.most);
    return {
      shown: kept.filter((match) => match.percent >= limits.least),
      weak: kept.filter((match) => match.percent < limits.least),
    };
  };

  /** Faces of an image from left to right, as people number them: {title, box, shown, weak}. */
  logic.faces = function (answer, limits) {
    const middle = ({ box }) => box.x + box.width / 2;
    return logic
      .list(answer.faces)
      .filter((face) => face && face.box)
      .sort((one, other) => middle(one) - middle(other))
      .map((face, at) => ({ title: `Face ${at + 1}`, box: face.box, ...logic.cut(face.matches, limits) }));
  };

  /** Persons of a scene with anybody whom they may be, and in how many frames the others are. */
  logic.persons = function (answer, limits) {
    const all = logic.list(answer.persons).filter(Boolean);
    const frames = count(answer.frames_analyzed);
    const groups = all.map((person) => {
      const best = person.best_match ? [person.best_match] : [];
      const shares = logic.share(count(person.frame_count), frames);
      return { about: shares, ...logic.cut([...best, ...logic.list(person.all_matches)], limits) };
    });
    const known = groups.filter((group) => group.shown.length || group.weak.length);
    return {
      groups: known.map((group, at) => ({ title: `Person ${at + 1}`, ...group })),
      strangers: groups.length - known.length,
    };
  };

  /** "in 22 of 30 frames". The scene's cover counts as a frame of a person, and not among the frames. */
  logic.share = function (part, whole) {
    return part >= whole ? `in ${logic.many(part, "frame")}` : `in ${part} of ${logic.many(whole, "frame")}`;
  };

  /** Performers of a gallery: {match, about, images}, those to show and the weaker ones. */
  logic.performers = function (answer, limits) {
    const whole = count(answer.images_processed);
    const all = logic
      .list(answer.performers)
      .filter(Boolean)
      .map((raw) => ({
        match: logic.match(raw),
        about: `in ${count(raw.image_count)} of ${logic.many(whole, "image")}`,
        images: logic
          .list(raw.image_ids)
          .map(String)
          .filter((id) => /^\d+$/.test(id)),
      }));
    return {
      shown: all.filter(({ match }) => match.percent >= limits.least),
      weak: all.filter(({ match }) => match.percent < limits.least),
    };
  };

  /** The part of a box that lies in the picture; null if none does. */
  logic.inside = function (box, width, height) {
    const left = Math.max(0, Number(box.x));
    const top = Math.max(0, Number(box.y));
    const right = Math.min(width, Number(box.x) + Number(box.width));
    const bottom = Math.min(height, Number(box.y) + Number(box.height));
    if (!(right > left && bottom > top)) return null;
    return { x: left, y: top, width: right - left, height: bottom - top };
  };

  /** "and it is", "all of them are", "2 of them are". */
  logic.part = function (some, all) {
    if (some < all) return `${some} of them ${some === 1 ? "is" : "are"}`;
    return all === 1 ? "and it is" : "all of them are";
  };

  /** One sentence about the whole answer: for eyes above the list, and for screen readers. */
  logic.summary = function (kind, answer, groups) {
    const faces = { scene: answer.faces_after_filter, image: logic.list(answer.faces).length }[kind];
    const found = count(faces ?? answer.faces_detected);
    const known = groups.filter((group) => group.shown.length).length;
    const looked = {
      scene: `${logic.many(count(answer.frames_analyzed), "frame")} looked at. `,
      image: "",
      gallery: `${count(answer.images_processed)} of ${logic.many(count(answer.total_images), "image")} looked at. `,
    }[kind];
    if (!found) return `${looked}No face was found in this ${kind}.`;
    const seen = `${looked}${logic.many(found, "face")} found`;
    if (known && kind === "image") return `${seen}, ${logic.part(known, found)} known.`;
    if (known) return `${seen}, ${logic.many(known, "person", "people")} known.`;
    if (groups.some((group) => group.weak.length)) return `${seen}, but no match is strong enough.`;
    return `${seen}, but nobody whom the database knows.`;
  };

  /** What a 503 or 429 means, from the sidecar's words. */
  logic.busy = function (failure) {
    const words = String(failure.message);
    if (failure.status === 429 || /too many/i.test(words)) return "The sidecar is busy with other requests.";
    if (/update in progress/i.test(words)) return "The sidecar is changing its database.";
    if (failure.retryAfter === null && !/loaded|loading|unavailable/i.test(words)) {
      return "The sidecar cannot do this now.";
    }
    return "The sidecar is loading its database.";
  };

  /** Seconds until the next try: what the sidecar says, within reason. */
  logic.pause = (failure) => Math.min(120, Math.max(1, Math.ceil(Number(failure.retryAfter) || 10)));

  /** The performer's page at the stash-box; null if the data name no host. */
  logic.profile = function ({ endpoint, id }) {
    if (!endpoint || !HOST.test(endpoint) || /^\.*$/.test(id)) return null;
    return `https://${endpoint.toLowerCase()}/performers/${encodeURIComponent(id)}`;
  };

  logic.host = function (address) {
    try {
      return new URL(address).hostname.toLowerCase();
    } catch (error) {
      return String(address).toLowerCase();
    }
  };

  /** GraphQL address of the stash-box that data call `endpoint`: as Stash's settings have it, else as is usual. */
  logic.box = function (boxes, endpoint) {
    if (!endpoint) return null;
    const wanted = endpoint.toLowerCase();
    const called = (box) => [logic.host(box.endpoint), String(box.name).toLowerCase()].includes(wanted);
    const known = boxes.find(called);
    if (known) return known.endpoint;
    return HOST.test(endpoint) ? `https://${wanted}/graphql` : null;
  };

  /** Whether a performer of the library has the match's id; with another id at that stash-box: "other". */
  logic.has = function (performer, match, boxes) {
    const box = logic.box(boxes, match.endpoint);
    if (box === null) return false;
    const ids = logic.list(performer.stash_ids).filter((one) => logic.host(one.endpoint) === logic.host(box));
    if (ids.some((one) => one.stash_id.toLowerCase() === match.id.toLowerCase())) return true;
    return ids.length ? "other" : false;
  };

  /**
   * How to add a match, from what the library has under the name.
   *
   * {way: "link", performer}, {way: "choose", performers, create}, {way: "create"} or {way: "none"}.
   */
  logic.plan = function (found, match, boxes) {
    const same = found.find((performer) => logic.has(performer, match, boxes) === true);
    if (same) return { way: "link", performer: same };
    const create = Boolean(match.endpoint && match.id);
    if (found.length) return { way: "choose", performers: found, create };
    return { way: create ? "create" : "none" };
  };

  /** A performer of the library in a few words: name, what tells it apart, birth. */
  logic.described = function (performer) {
    const apart = [performer.disambiguation, performer.birthdate].map((part) => logic.plain(part, 60)).filter(Boolean);
    const name = logic.plain(performer.name) || `Performer ${performer.id}`;
    return apart.length ? `${name} (${apart.join(", ")})` : name;
  };
})();
