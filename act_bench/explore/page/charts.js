"use strict";
// Lines of the chosen functions: their curves, their learning curves, their Fisher spectra.

const charts = {
  create() {
    for (const name of ["curve", "learning", "spectrum"]) {
      this[name] = echarts.init($(name), null, { renderer: "canvas" });
      // Not the window's event: the panel appears when a function is chosen.
      new ResizeObserver(() => fitted(this[name])).observe($(name));
    }
  },

  lines(name, rows, points, axes, grid) {
    const label = { color: themeColor("--soft"), fontSize: 11 };
    const line = { lineStyle: { color: themeColor("--line") } };
    this[name].setOption({
      animation: false,
      grid,
      xAxis: { type: "value", axisLabel: label, splitLine: line, ...axes[0] },
      yAxis: { type: "value", axisLabel: label, splitLine: line, ...axes[1] },
      series: rows.map((row) => {
        const data = points(row.number);
        return {
          type: "line", data, showSymbol: data.length < 3, symbolSize: 8, silent: true,
          lineStyle: { color: row.color, width: row.pinned ? 2 : 2.5, type: row.dash }, itemStyle: { color: row.color },
        };
      }),
    }, { replaceMerge: ["series"] });
  },

  drawCurves(rows) {
    const limit = model.functions.curveLimit;
    const axis = { min: -limit, max: limit, interval: limit / 2, axisLine: { show: true, onZero: true, lineStyle: { color: themeColor("--soft") } } };
    this.lines("curve", rows, (number) => model.curve(number), [axis, axis], { left: 28, right: 8, top: 8, bottom: 22 });
  },

  drawLearning(rows) {
    const points = new Map(rows.map((row) => [row.number, model.learningCurve(state.table, state.rate, row.number)]));
    const drawn = rows.filter((row) => points.get(row.number).some((point) => point[1] !== null));
    $("learning-side").hidden = !drawn.length;
    root.dataset.learning = drawn.length;
    if (!drawn.length) return;
    const epochs = Math.max(...drawn.map((row) => points.get(row.number).length));
    const x = { min: epochs > 1 ? 1 : 0, max: Math.max(epochs, 2), minInterval: 1, name: "epoch", nameLocation: "middle", nameGap: 20, nameTextStyle: { color: themeColor("--soft") } };
    this.lines("learning", drawn, (number) => points.get(number), [x, { scale: true }], { left: 44, right: 12, top: 8, bottom: 36 });
    const rowsOf = Array.from({ length: epochs }, (_, i) => [String(i + 1), ...drawn.map((row) => shortNumber(points.get(row.number)[i]?.[1] ?? null))]);
    asTable("learning-table", ["epoch", ...drawn.map((row) => model.title(row.number))], rowsOf);
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
    const axes = [{ min: 0, max: 100, axisLabel: { color: themeColor("--soft"), fontSize: 11, formatter: "{value} %" } }, { scale: true }];
    this.lines("spectrum", drawn, (number) => points.get(number), axes, { left: 34, right: 14, top: 8, bottom: 22 });
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
