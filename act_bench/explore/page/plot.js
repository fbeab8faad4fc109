"use strict";
// The map and the scatter of two tables: points that are pointed at, selected, named and zoomed.

const plot = {
  chart: null, places: null, cursor: null,

  create() {
    this.chart = echarts.init($("map"), null, { renderer: "canvas" });
    this.chart.on("mouseover", (event) => preview(event.value[2]));
    this.chart.on("mouseout", () => preview(null));
    this.chart.on("click", (event) => { this.cursor = event.value[2]; toggle(event.value[2]); });
    this.chart.on("datazoom", (event) => {
      for (const { dataZoomId, start, end } of event.batch ?? [event]) {
        const zoom = state.zoom ?? [0, 100, 0, 100];
        state.zoom = dataZoomId === "x" ? [start, end, zoom[2], zoom[3]] : [zoom[0], zoom[1], start, end];
      }
      if (state.zoom?.join() === "0,100,0,100") state.zoom = null;
      this.drawSelection();
      remember();
    });
    $("map").addEventListener("keydown", (event) => this.key(event));
    $("map").addEventListener("blur", () => preview(null));
    $("zoom-in").onclick = () => this.zoomBy(0.6);
    $("zoom-out").onclick = () => this.zoomBy(1 / 0.6);
    $("zoom-reset").onclick = () => this.zoomTo(null);
    new ResizeObserver(() => { if (fitted(this.chart) && this.places) this.drawSelection(); }).observe($("map"));
  },

  zoomTo(zoom) {
    state.zoom = zoom;
    const [x0, x1, y0, y1] = zoom ?? [0, 100, 0, 100];
    this.chart.dispatchAction({ type: "dataZoom", batch: [{ dataZoomId: "x", start: x0, end: x1 }, { dataZoomId: "y", start: y0, end: y1 }] });
  },

  zoomBy(factor) {
    const [x0, x1, y0, y1] = state.zoom ?? [0, 100, 0, 100];
    const scaled = (from, to) => {
      const half = Math.min((factor * (to - from)) / 2, 50);
      const middle = Math.min(Math.max((from + to) / 2, half), 100 - half);
      return [middle - half, middle + half];
    };
    const zoom = [...scaled(x0, x1), ...scaled(y0, y1)];
    this.zoomTo(zoom[1] - zoom[0] > 99.99 ? null : zoom);
  },

  /** Coordinates of every function, NaN where it is not on the plot, and what the axes are. */
  find() {
    if (state.plot === "scatter") {
      const { id, rate } = splitView(state.against);
      const other = model.tables[id];
      const x = here().view.columns[here().table.metric];
      const y = other.views[rate].columns[other.metric];
      const name = (table, key) => `${table.table} ${table.fidelity}, ${rateName(table, key)}: ${columnName(table.metric)}`;
      return { x, y, axes: [name(here().table, state.rate), name(other, rate)] };
    }
    const map = state.map === "outputs" ? null : model.maps[here().table.spectra][state.map];
    return { x: map?.xs ?? model.x, y: map?.ys ?? model.y, axes: null };
  },

  draw() {
    const { table, view } = here();
    this.places = this.find();
    const { x, y, axes } = this.places;
    const column = view.columns[state.metric];
    const known = Array.from(column.filter((v, f) => Number.isFinite(v) && !model.isOutside(f))).sort((a, b) => a - b);
    // Accuracies are colored by value. Losses span ten powers of ten, so all else goes by rank.
    const byRank = !state.metric.endsWith("accuracy");
    const [low, high] = known.length ? (byRank ? [0, 1] : [0.02, 0.98]).map((q) => known[Math.round(q * (known.length - 1))]) : [0, 1];
    const share = (value) => (byRank ? position(known, value) / (known.length - 1 || 1) : (value - low) / (high - low || 1));
    const ramp = RAMPS[state.theme];
    const groups = { dim: [], rest: [], ok: [], named: [] };
    const colors = new Array(model.count);
    const color = (point) => colors[point.value[2]]; // much faster than a style per point
    let [shown, beside] = [0, 0];
    for (let f = 0; f < model.count; f++) {
      if (Number.isNaN(x[f]) || Number.isNaN(y[f])) continue;
      const outside = model.isOutside(f);
      const missing = outside && view.outcomes[f] === model.outcomes.indexOf("missing");
      if (state.hidden.has(model.outcomes[view.outcomes[f]]) && !missing) continue;
      const hit = passes(f);
      if (hit) { if (outside) beside++; else shown++; }
      const value = [x[f], y[f], f];
      const known = !Number.isNaN(column[f]);
      colors[f] = known ? mixedColor(ramp, share(column[f])) : "transparent";
      groups[!hit ? "dim" : outside ? "named" : known ? "ok" : "rest"].push(value);
    }
    const filtered = Boolean(state.search || state.shape);
    const dots = (id, size, itemStyle, z, symbol = "circle") => ({ id, type: "scatter", data: groups[id], symbolSize: size, itemStyle, z, symbol, emphasis: { scale: 1.8 } });
    const label = { color: themeColor("--soft"), fontSize: 11 };
    const line = { lineStyle: { color: themeColor("--line") } };
    const axis = (i) => (axes ? {
      type: "value", show: true, scale: true, name: axes[i], nameLocation: "middle", nameGap: i ? 40 : 26, nameTextStyle: label,
      axisLabel: { ...label, showMinLabel: false, showMaxLabel: false, formatter: (value) => Number(value.toPrecision(3)) }, splitLine: line, ...range(i ? y : x, x, y),
    } : { type: "value", show: false, scale: true, ...range(i ? y : x, x, y) });
    const [x0, x1, y0, y1] = state.zoom ?? [0, 100, 0, 100];
    this.chart.setOption({
      animation: false,
      grid: axes ? { left: 58, right: 16, top: 12, bottom: 44 } : { left: 10, right: 10, top: 10, bottom: 10 },
      xAxis: axis(0), yAxis: axis(1),
      dataZoom: [
        { id: "x", type: "inside", xAxisIndex: 0, filterMode: "none", start: x0, end: x1 },
        { id: "y", type: "inside", yAxisIndex: 0, filterMode: "none", start: y0, end: y1 },
      ],
      series: [
        dots("dim", 4, { color: themeColor("--line") }, 1),
        dots("rest", filtered ? 8 : 5, { color: "transparent", borderColor: themeColor("--soft"), borderWidth: 0.8, opacity: 0.55 }, 2),
        dots("ok", filtered ? 10 : 6.5, { color, opacity: 0.92 }, 3),
        dots("named", 10, { color, borderColor: themeColor("--ink"), borderWidth: 1 }, 4, "diamond"),
      ],
    });
    this.drawLegend(table, known, low, high, byRank, shown, beside);
    this.drawSelection();
    root.dataset.shown = shown;
  },

  /** Where a function is on the plot, in pixels; null where it is not. */
  pixel(number) {
    const { x, y } = this.places;
    if (number === null || Number.isNaN(x[number]) || Number.isNaN(y[number])) return null;
    return this.chart.convertToPixel({ xAxisIndex: 0, yAxisIndex: 0 }, [x[number], y[number]]);
  },

  /** Rings around the selected functions; those compared have their line's color. */
  drawRings() {
    const color = new Map(compared().map((row) => [row.number, row.color]));
    $("rings").replaceChildren(...state.pins.flatMap((number) => ring(this.pixel(number), color.has(number) ? "compared" : "", color.get(number) ?? themeColor("--soft"))));
    this.mark(state.hover);
  },

  drawSelection() {
    this.drawRings();
    this.drawLabels();
  },

  /** Show where the function is that is pointed at. Not by the chart, which would draw all again. */
  mark(number) {
    $("cursor").replaceChildren(...ring(this.pixel(number), "cursor", themeColor("--ink")));
  },

  drawLegend(table, known, low, high, byRank, shown, beside) {
    $("ramp").style.background = `linear-gradient(90deg, ${RAMPS[state.theme].join(",")})`;
    $("low").textContent = known.length ? `${columnName(state.metric)}: ${shortNumber(low)}` : "no values";
    $("high").textContent = known.length ? shortNumber(high) + (byRank ? ", by rank" : "") : "";
    $("count").textContent = `${shown.toLocaleString("en")} of ${model.entries.toLocaleString("en")} functions, ${beside} beside the space`
      + (state.plot === "map" ? "; rings: no value" : "");
    const what = state.plot === "map" ? `map of the functions by ${MAPS[state.map]}` : `scatter: ${this.places.axes.join(" against ")}`;
    $("map").setAttribute("aria-label", `${what}, ${shown} functions shown`);
    $("relation").hidden = state.plot === "map";
    if (state.plot === "map") return;
    const { x, y } = this.places;
    const both = Array.from({ length: model.entries }, (_, e) => e).filter((e) => !Number.isNaN(x[e]) && !Number.isNaN(y[e]));
    const correlation = spearman(both.map((e) => x[e]), both.map((e) => y[e]));
    $("relation").textContent = `Spearman’s rank correlation ${correlation.toFixed(3)} over the ${both.length.toLocaleString("en")} entries with a value on both; `
      + `${(model.entries - both.length).toLocaleString("en")} diverged or are missing on one and are not drawn.`;
  },

  /** Name the selected and the well-known functions, as far as there is room. */
  drawLabels() {
    const box = { width: $("map").clientWidth, height: $("map").clientHeight };
    const known = [...model.titles].filter(([, title]) => title.length <= 14);
    const baseline = (number) => model.catalogue.get(number).some((record) => record.baseline);
    known.sort(([a], [b]) => baseline(b) - baseline(a));
    const wanted = new Map([...state.pins.map((f) => [f, model.title(f)]), ...known]);
    const points = [];
    for (const [number, text] of wanted) {
      const at = this.pixel(number);
      if (!at || (!passes(number) && !state.pins.includes(number))) continue;
      const short = text.length > 30 ? `${text.slice(0, 29)}…` : text;
      points.push({ number, text: short, x: at[0], y: at[1], width: textWidth(short) + 8 });
    }
    const placed = placedLabels(points, box);
    $("labels").replaceChildren(...placed.flatMap((place, i) => {
      if (!place) return [];
      const span = element("span", { textContent: points[i].text, className: state.pins.includes(points[i].number) ? "pinned" : "" });
      span.style.left = `${place.left}px`;
      span.style.top = `${place.top}px`;
      return [span];
    }));
  },

  /** Go to the nearest function in a direction; select; zoom. */
  key(event) {
    const directions = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (directions[event.key]) this.step(directions[event.key]);
    else if ((event.key === "Enter" || event.key === " ") && this.cursor !== null) toggle(this.cursor);
    else if (event.key === "+" || event.key === "=") this.zoomBy(0.6);
    else if (event.key === "-") this.zoomBy(1 / 0.6);
    else if (event.key === "0") this.zoomTo(null);
    else return;
    event.preventDefault();
  },

  step([dx, dy]) {
    const [width, height] = [$("map").clientWidth, $("map").clientHeight];
    const [left, top] = this.pixel(this.cursor) ?? [width / 2, height / 2];
    let [best, least] = [null, Infinity];
    for (let f = 0; f < model.count; f++) {
      const at = this.pixel(f);
      if (f === this.cursor || !at || !listed(f)) continue;
      const [px, py] = at;
      if (px < 0 || py < 0 || px > width || py > height) continue;
      const along = (px - left) * dx + (py - top) * dy;
      const across = Math.abs((px - left) * dy) + Math.abs((py - top) * dx);
      if (along > 0.5 && across <= 2 * along && along + 2 * across < least) [best, least] = [f, along + 2 * across];
    }
    if (best === null) return;
    this.cursor = best;
    preview(best);
    say(`${model.title(best)}: ${columnName(state.metric)} ${shortNumber(here().view.columns[state.metric][best])}`);
  },
};

/** A ring at a place of the plot, as a list of one element or none. */
function ring(at, kind, color) {
  const [width, height] = [$("map").clientWidth, $("map").clientHeight];
  if (!at || at[0] < 0 || at[1] < 0 || at[0] > width || at[1] > height) return [];
  const made = element("span", { className: kind });
  Object.assign(made.style, { left: `${at[0]}px`, top: `${at[1]}px`, borderColor: color });
  return [made];
}

/** Bring a chart to the size of its place; whether it had another. */
function fitted(chart) {
  const { clientWidth, clientHeight } = chart.getDom();
  if (chart.getWidth() === clientWidth && chart.getHeight() === clientHeight) return false;
  chart.resize();
  return true;
}

const measuring = document.createElement("canvas").getContext("2d");

/** Width of a label in pixels. */
function textWidth(text) {
  measuring.font = "12px system-ui, sans-serif"; // a little more than page.css has
  return measuring.measureText(text).width;
}

/** Limits of an axis that fit what is drawn, with a little room. */
function range(values, x, y) {
  let [min, max] = [Infinity, -Infinity];
  for (let f = 0; f < values.length; f++) {
    if (Number.isNaN(x[f]) || Number.isNaN(y[f])) continue;
    if (values[f] < min) min = values[f];
    if (values[f] > max) max = values[f];
  }
  if (!(max >= min)) return { min: 0, max: 1 };
  const room = 0.025 * (max - min) || 0.01;
  return { min: min - room, max: max + room };
}

/** How many of the ascending values are less. */
function position(ascending, value) {
  let [from, to] = [0, ascending.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (ascending[middle] < value) from = middle + 1; else to = middle;
  }
  return from;
}
