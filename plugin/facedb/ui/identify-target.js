// The scene, image or gallery that is shown: its address, what Stash says about it, and the question about it.
(function () {
  "use strict";

  const facedb = (window.facedb = window.facedb || {});
  const identify = (facedb.identify = facedb.identify || {});
  const PAGES = { scenes: "scene", images: "image", galleries: "gallery" };
  const PATH = /^\/?(?:[^?]*\/)?(scenes|images|galleries)\/(\d+)(?:\/|$)/;
  const STASHDB = "https://stashdb.org/graphql";
  const BOXES = "configuration { general { stashBoxes { endpoint name } } }";
  const WHO = "id performers { id name stash_ids { endpoint stash_id } }";
  const QUERIES = {
    scene: `query FacedbScene($id: ID!) { it: findScene(id: $id) { ${WHO} } ${BOXES} }`,
    image: `query FacedbImage($id: ID!) { it: findImage(id: $id) { ${WHO} paths { image } } ${BOXES} }`,
    gallery: `query FacedbGallery($id: ID!) { it: findGallery(id: $id) { ${WHO} } ${BOXES} }`,
  };

  /** {kind, id} of a page of Stash that shows one of them, else null. */
  identify.targetOf = function (location) {
    const found = PATH.exec(location.pathname);
    return found && { kind: PAGES[found[1]], id: found[2] };
  };

  /** The address of a page or picture of this Stash, wherever it is installed. */
  identify.address = function (path) {
    const base = new URL(document.querySelector("base")?.getAttribute("href") || "/", location.href);
    return new URL(path, base).href;
  };

  /** What Stash says about the target. It is only a help: what is missing is left out. */
  async function about(target) {
    try {
      const { it, configuration } = await facedb.graphql(QUERIES[target.kind], { id: target.id });
      return {
        performers: (it && it.performers) || [],
        picture: (it && it.paths && it.paths.image) || null,
        boxes: configuration.general.stashBoxes || [],
      };
    } catch (error) {
      return { performers: [], picture: null, boxes: [] };
    }
  }

  function stashdbIds(performers) {
    const ids = performers.flatMap((performer) => performer.stash_ids);
    return ids.filter((one) => one.endpoint === STASHDB).map((one) => one.stash_id);
  }

  /** Ask who is in it → {answer, about, limits}. Rejects with a Failure. */
  identify.ask = async function (target) {
    const [settings, known] = await Promise.all([facedb.settings(), about(target)]);
    const limits = identify.logic.limits(settings, target.kind);
    const asked = identify.logic.question(target.kind, target.id, limits, stashdbIds(known.performers));
    const answer = await facedb.call(`identify_${target.kind}`, asked);
    return { answer, about: known, limits };
  };
})();
