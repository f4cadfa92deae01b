// The picture with a box around each face; box and entry of the list light up together.
(function () {
  "use strict";

  const facedb = (window.facedb = window.facedb || {});
  const identify = (facedb.identify = facedb.identify || {});
  const { h, svg } = facedb;

  /**
   * A figure of the picture at `address`, with the boxes of `faces`; entries: the list's element of each face.
   *
   * Boxes are pixels of the file as it is stored, without its EXIF rotation: so that is how it is drawn
   * (image-orientation in the CSS), and the loaded picture tells its size. Stash's own size is no help: it is
   * that of the turned picture in some of its versions.
   */
  identify.picture = function (address, faces, entries) {
    const image = h("img", { src: address, alt: "The image that was looked at" });
    const frame = h("div", { class: "facedb-identify__frame" }, image);
    const figure = h("figure", { class: "facedb-identify__picture" }, frame);
    image.addEventListener("load", () => draw(frame, stored(image), faces, entries));
    image.addEventListener("error", () => {
      facedb.fill(figure, h("p", { class: "facedb-identify__muted" }, "The picture cannot be shown here."));
    });
    return figure;
  };

  /** The size of the file; browsers tell that of the picture after its rotation, which is not how it is drawn. */
  function stored(image) {
    const [width, height] = [image.naturalWidth, image.naturalHeight];
    const drawn = image.getBoundingClientRect();
    const turned = width !== height && width > height !== drawn.width > drawn.height;
    return turned ? { width: height, height: width } : { width, height };
  }

  function draw(frame, { width, height }, faces, entries) {
    const drawn = svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    const buttons = faces.map((face, at) => {
      const box = identify.logic.inside(face.box, width, height);
      if (!box) return null;
      const shape = svg("g", { class: "facedb-identify__box" }, svg("rect", { ...box }), svg("rect", { ...box }));
      drawn.append(shape);
      const button = over(face, at, box, width, height);
      button.addEventListener("click", () => (entries[at].querySelector("a, button") || entries[at]).focus());
      together([button, entries[at]], shape);
      return button;
    });
    frame.append(drawn, ...buttons.filter(Boolean));
  }

  /** What takes clicks and the focus: a real button, over the drawn box. */
  function over(face, at, box, width, height) {
    const best = face.shown[0];
    const label = best ? `${face.title}: ${best.name}, ${best.percent} %` : `${face.title}: not known`;
    const number = h("span", { class: "facedb-identify__number", "aria-hidden": "true" }, String(at + 1));
    const button = h("button", { type: "button", class: "facedb-identify__over", "aria-label": label }, number);
    const places = { left: box.x / width, top: box.y / height, width: box.width / width, height: box.height / height };
    for (const [side, part] of Object.entries(places)) button.style.setProperty(side, `${part * 100}%`);
    return button;
  }

  function together(touched, shape) {
    const light = (on) => [...touched, shape].forEach((element) => element.classList.toggle("is-lit", on));
    // Not the shape: what listens for the focus in an SVG gets it.
    for (const element of touched) {
      for (const event of ["mouseenter", "focusin"]) element.addEventListener(event, () => light(true));
      for (const event of ["mouseleave", "focusout"]) element.addEventListener(event, () => light(false));
    }
  }
})();
