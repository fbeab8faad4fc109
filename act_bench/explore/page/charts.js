"use strict";
// Lines of the chosen functions: their curves, their learning curves, their Fisher spectra.

const charts = {
  shown: {}, // what each chart draws, so that it can be drawn again in another size

  create() {
    for (const name of ["curve", "learning", "spectrum"]) {
      let width = 0;
      // Not the window's event: the panel appears when a function is chosen.
      new ResizeObserver(() => {
        if (this.shown[name] && $(name).clientWidth !== width) this.paint(name);
        width = $(name).clientWidth;
      }).observe($(name));
    }
  },

  /** Draw lines; axes are {min, max, step, unit, name, crosses}, fitted where they say nothing. */
  lines(name, rows, points, axes) {
    this.shown[name] = { series: rows.map((row) => ({ ...row, data: points(row.number) })), axes };
    this.paint(name);
  },

  paint(name) {
    const { series, axes } = this.shown[name];
    const { clientWidth: width, clientHeight: height } = $(name);
    const area = { left: 40, right: width - 10, top: 8, bottom: height - (axes[0].name ? 36 : 20) };
    const svg = shape("svg", { width, height, "aria-hidden": "true" });
    const scales = axes.map((axis, i) => {
      const [min, max] = axis.min === undefined ? fittedLimits(series.flatMap((one) => one.data.map((point) => point[i])), 0.05) : [axis.min, axis.max];
      const [from, to] = i ? [area.bottom, area.top] : [area.left, area.right];
      const at = (value) => from + ((value - min) / (max - min || 1)) * (to - from);
      for (const value of axis.ticks ?? ticks(min, max, Math.abs(to - from) / (i ? 45 : 75))) {
        const place = at(value).toFixed(1);
        const line = i ? { x1: area.left, x2: area.right, y1: place, y2: place } : { x1: place, x2: place, y1: area.top, y2: area.bottom };
        svg.append(shape("line", { ...line, class: value === 0 && axis.crosses ? "axis" : "grid" }));
        const text = i ? { x: area.left - 5, y: at(value) + 4, "text-anchor": "end" } : { x: place, y: area.bottom + 14, "text-anchor": "middle" };
        svg.append(shape("text", text, `${value}${axis.unit ?? ""}`));
      }
      if (axis.name) svg.append(shape("text", { x: (area.left + area.right) / 2, y: height - 4, "text-anchor": "middle" }, axis.name));
      return at;
    });
    for (const { data, color, dash } of series) {
      let [path, pen] = ["", "M"];
      for (const [x, y] of data) {
        if (y === null) { pen = "M"; continue; }
        path += `${pen}${scales[0](x).toFixed(1)},${scales[1](y).toFixed(1)}`;
        pen = "L";
      }
      svg.append(shape("path", { d: path, fill: "none", stroke: color, "stroke-width": 2, "stroke-dasharray": dash }));
      if (data.length > 2) continue;
      for (const [x, y] of data) if (y !== null) svg.append(shape("circle", { cx: scales[0](x), cy: scales[1](y), r: 4, fill: color }));
    }
    $(name).replaceChildren(svg);
  },

  drawCurves(rows) {
    const limit = model.functions.curveLimit;
    const axis = { min: -limit, max: limit, ticks: [-limit, -limit / 2, 0, limit / 2, limit], crosses: true };
    this.lines("curve", rows, (number) => model.curve(number), [axis, axis]);
  },

  drawLearning(rows) {
    const points = new Map(rows.map((row) => [row.number, model.learningCurve(state.table, state.rate, row.number)]));
    const drawn = rows.filter((row) => points.get(row.number).some((point) => point[1] !== null));
    $("learning-side").hidden = !drawn.length;
    root.dataset.learning = drawn.length;
    if (!drawn.length) return;
    const epochs = Math.max(...drawn.map((row) => points.get(row.number).length));
    const name = here().table.views.own ? "epoch" : "point of the training";
    const x = { min: epochs > 1 ? 1 : 0, max: Math.max(epochs, 2), name };
    if (epochs <= 10) x.ticks = Array.from({ length: epochs }, (_, i) => i + 1);
    this.lines("learning", drawn, (number) => points.get(number), [x, {}]);
    const rowsOf = Array.from({ length: epochs }, (_, i) => [String(i + 1), ...drawn.map((row) => shortNumber(points.get(row.number)[i]?.[1] ?? null))]);
    asTable("learning-table", [name, ...drawn.map((row) => model.title(row.number))], rowsOf);
  },

  drawSpectra(rows) {
    const spectra = model.spectra[here().table.spectra];
    const drawn = spectra?.place ? rows.filter((row) => spectra.place[row.number] >= 0) : [];
    $("spectrum-side").hidden = !drawn.length;
    root.dataset.spectra = drawn.length;
    if (!drawn.length) return;
    state.layer = Math.min(state.layer, spectra.layers.length - 1);
    const names = spectra.layers.map((name, i) => `${i + 1}: ${name}`);
    if ($("layer").dataset.of !== here().table.spectra) {
      fill($("layer"), names.map((_, i) => String(i)), String(state.layer), (i) => names[i]);
      $("layer").dataset.of = here().table.spectra;
    }
    $("layer").value = String(state.layer);
    const points = new Map(drawn.map((row) => [row.number, model.quantiles(spectra, row.number, state.layer)]));
    this.lines("spectrum", drawn, (number) => points.get(number), [{ min: 0, max: 100, unit: " %" }, {}]);
    const rowsOf = spectra.shares.map((share, i) => [`${(100 * share).toFixed(1)} %`, ...drawn.map((row) => shortNumber(points.get(row.number)[i][1]))]);
    asTable("spectrum-table", ["share", ...drawn.map((row) => model.title(row.number))], rowsOf.filter((_, i) => i % 4 === 0));
  },
};

/** The numbers of a picture, for those who do not see it: a table that opens. */
function asTable(place, heads, rows) {
  const open = $(place).querySelector("details")?.open;
  const details = element("details", { open: Boolean(open) }, element("summary", { textContent: "as a table" }));
  // Filled when it is opened, as few do.
  const show = () => { if (details.open && !details.querySelector("table")) details.append(tableOf(heads, rows)); };
  details.addEventListener("toggle", show);
  show();
  $(place).replaceChildren(details);
}

function tableOf(heads, rows) {
  const head = element("tr", {}, ...heads.map((text, i) => element("th", { scope: "col", textContent: text, className: i ? "" : "name" })));
  const body = rows.map(([first, ...rest]) => element("tr", {}, element("th", { scope: "row", textContent: first }), ...rest.map((text) => element("td", { textContent: text }))));
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...body));
}

/** An element of a drawing. */
function shape(name, attributes, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}
