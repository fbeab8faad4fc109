"use strict";
// The map and the scatter of two tables: points that are pointed at, selected, named and zoomed.

const plot = {
  places: null, limits: null, area: null, groups: null, drawn: [], cursor: null,

  create() {
    const map = $("map");
    this.canvas = map.appendChild(document.createElement("canvas"));
    this.fingers = new Map();
    map.addEventListener("pointerdown", (event) => this.press(event));
    map.addEventListener("pointermove", (event) => this.move(event));
    map.addEventListener("pointerup", (event) => this.release(event));
    map.addEventListener("pointercancel", (event) => this.fingers.delete(event.pointerId));
    map.addEventListener("pointerleave", () => preview(null));
    map.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoomBy(Math.exp(0.0015 * event.deltaY), this.inside(event));
    }, { passive: false });
    map.addEventListener("keydown", (event) => this.key(event));
    map.addEventListener("blur", () => preview(null));
    $("zoom-in").onclick = () => this.zoomBy(0.6);
    $("zoom-out").onclick = () => this.zoomBy(1 / 0.6);
    $("zoom-reset").onclick = () => this.zoomTo(null);
    new ResizeObserver(() => { if (this.places && this.measure()) this.paint(); }).observe(map);
  },

  inside({ clientX, clientY }) {
    const { left, top } = $("map").getBoundingClientRect();
    return [clientX - left, clientY - top];
  },

  press(event) {
    this.fingers.set(event.pointerId, this.inside(event));
    this.dragged = this.fingers.size > 1;
    $("map").setPointerCapture(event.pointerId);
  },

  /** Point at a function, or drag the plot, or pinch it. */
  move(event) {
    const at = this.inside(event);
    const from = this.fingers.get(event.pointerId);
    if (!from) { preview(this.hit(at)); return; }
    if (!this.dragged && Math.hypot(at[0] - from[0], at[1] - from[1]) < 4) return;
    this.dragged = true;
    if (this.fingers.size === 2) {
      const other = [...this.fingers].find(([id]) => id !== event.pointerId)[1];
      const apart = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);
      this.zoomBy(apart(from, other) / Math.max(apart(at, other), 1), other);
    } else if (state.zoom) {
      const [x0, x1, y0, y1] = state.zoom;
      const { width, height } = this.area;
      const moved = (low, high, share) => {
        const by = Math.min(Math.max(share * (high - low), -low), 100 - high);
        return [low + by, high + by];
      };
      this.zoomTo([...moved(x0, x1, (from[0] - at[0]) / width), ...moved(y0, y1, (at[1] - from[1]) / height)]);
    }
    this.fingers.set(event.pointerId, at);
  },

  release(event) {
    if (this.fingers.delete(event.pointerId) && !this.dragged) {
      const number = this.hit(this.inside(event), event.pointerType === "touch" ? 18 : 8);
      if (number !== null) { this.cursor = number; toggle(number); }
    }
  },

  /** The function that is drawn nearest to a place, or null. */
  hit([x, y], reach = 8) {
    let [best, least] = [null, reach];
    for (const number of this.drawn) {
      const [px, py] = this.pixel(number);
      const apart = Math.hypot(px - x, py - y);
      if (apart < least) [best, least] = [number, apart];
    }
    return best;
  },

  /** Show a part of the plot: [x from, x to, y from, y to] in percent; null for all. */
  zoomTo(zoom) {
    state.zoom = zoom;
    // A finger scrolls the page past the whole plot, and drags a part of it.
    $("map").style.touchAction = zoom ? "none" : "pan-y";
    this.paint();
    remember();
  },

  zoomBy(factor, at = null) {
    const [x0, x1, y0, y1] = state.zoom ?? [0, 100, 0, 100];
    const { left, top, width, height } = this.area;
    const scaled = (from, to, share) => {
      const size = Math.min(factor * (to - from), 100);
      const start = from + share * (to - from - size);
      const kept = Math.min(Math.max(start, 0), 100 - size);
      return [kept, kept + size];
    };
    const shares = at ? [(at[0] - left) / width, 1 - (at[1] - top) / height] : [0.5, 0.5];
    const zoom = [...scaled(x0, x1, shares[0]), ...scaled(y0, y1, shares[1])];
    if (zoom[1] - zoom[0] < 0.2) return;
    this.zoomTo(zoom[1] - zoom[0] > 99.99 && zoom[3] - zoom[2] > 99.99 ? null : zoom);
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
    let [shown, beside] = [0, 0];
    for (let f = 0; f < model.count; f++) {
      if (Number.isNaN(x[f]) || Number.isNaN(y[f])) continue;
      const outside = model.isOutside(f);
      const missing = outside && view.outcomes[f] === model.outcomes.indexOf("missing");
      if (state.hidden.has(model.outcomes[view.outcomes[f]]) && !missing) continue;
      const hit = passes(f);
      if (hit) { if (outside) beside++; else shown++; }
      const known = !Number.isNaN(column[f]);
      colors[f] = known ? mixedColor(ramp, share(column[f])) : "transparent";
      groups[!hit ? "dim" : outside ? "named" : known ? "ok" : "rest"].push(f);
    }
    this.groups = groups;
    this.colors = colors;
    this.drawn = [...groups.ok, ...groups.rest, ...groups.named, ...groups.dim];
    const on = (values) => values.filter((_, f) => !Number.isNaN(x[f]) && !Number.isNaN(y[f]));
    this.limits = [...fittedLimits(on(x)), ...fittedLimits(on(y))];
    $("map").style.touchAction = state.zoom ? "none" : "pan-y";
    this.measure();
    this.paint();
    this.drawLegend(table, known, low, high, byRank, shown, beside);
    root.dataset.shown = shown;
  },

  /** Fit the canvas to its place; whether it had another size. */
  measure() {
    const { clientWidth: width, clientHeight: height } = $("map");
    const margin = this.places.axes ? { left: 58, right: 16, top: 12, bottom: 44 } : { left: 12, right: 12, top: 12, bottom: 12 };
    this.area = { left: margin.left, top: margin.top, width: Math.max(width - margin.left - margin.right, 1), height: Math.max(height - margin.top - margin.bottom, 1) };
    const scale = window.devicePixelRatio || 1;
    const [wide, high] = [Math.round(width * scale), Math.round(height * scale)];
    if (this.canvas.width === wide && this.canvas.height === high) return false;
    Object.assign(this.canvas, { width: wide, height: high });
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    return true;
  },

  /** The part of the data that is seen: [x from, x to, y from, y to]. */
  seen() {
    const [x0, x1, y0, y1] = this.limits;
    const [a, b, c, d] = (state.zoom ?? [0, 100, 0, 100]).map((percent) => percent / 100);
    return [x0 + a * (x1 - x0), x0 + b * (x1 - x0), y0 + c * (y1 - y0), y0 + d * (y1 - y0)];
  },

  /** Where a function is on the plot, in pixels; null where it is not. */
  pixel(number) {
    const { x, y } = this.places;
    if (number === null || Number.isNaN(x[number]) || Number.isNaN(y[number])) return null;
    const { left, top, width, height } = this.area;
    const [x0, x1, y0, y1] = this.seen();
    return [left + ((x[number] - x0) / (x1 - x0)) * width, top + ((y1 - y[number]) / (y1 - y0)) * height];
  },

  /** Paint the points that are seen, then what lies over them. */
  paint() {
    const pen = this.canvas.getContext("2d");
    const scale = window.devicePixelRatio || 1;
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (this.places.axes) this.paintAxes(pen);
    const { left, top, width, height } = this.area;
    const more = Boolean(state.search || state.shape);
    const each = (group, paint) => {
      for (const number of this.groups[group]) {
        const [x, y] = this.pixel(number);
        if (x < left - 8 || y < top - 8 || x > left + width + 8 || y > top + height + 8) continue;
        pen.beginPath();
        paint(x, y, number);
      }
    };
    pen.fillStyle = themeColor("--line");
    each("dim", (x, y) => { pen.arc(x, y, 2, 0, 7); pen.fill(); });
    pen.globalAlpha = 0.6;
    pen.strokeStyle = themeColor("--soft");
    pen.lineWidth = 0.8;
    each("rest", (x, y) => { pen.arc(x, y, more ? 4 : 2.5, 0, 7); pen.stroke(); });
    pen.globalAlpha = 0.92;
    each("ok", (x, y, f) => { pen.fillStyle = this.colors[f]; pen.arc(x, y, more ? 5 : 3.25, 0, 7); pen.fill(); });
    pen.globalAlpha = 1;
    pen.lineWidth = 1;
    pen.strokeStyle = themeColor("--ink");
    each("named", (x, y, f) => {
      for (const [dx, dy] of [[0, -6], [6, 0], [0, 6], [-6, 0]]) pen.lineTo(x + dx, y + dy);
      pen.closePath();
      pen.fillStyle = this.colors[f];
      pen.fill();
      pen.stroke();
    });
    this.drawSelection();
  },

  paintAxes(pen) {
    const { left, top, width, height } = this.area;
    const [x0, x1, y0, y1] = this.seen();
    pen.font = "11px system-ui, sans-serif";
    pen.strokeStyle = themeColor("--line");
    pen.fillStyle = themeColor("--soft");
    pen.lineWidth = 1;
    pen.textAlign = "center";
    for (const value of ticks(x0, x1, width / 80)) {
      const x = left + ((value - x0) / (x1 - x0)) * width;
      pen.strokeRect(x, top, 0, height);
      pen.fillText(value, x, top + height + 15);
    }
    pen.fillText(this.places.axes[0], left + width / 2, top + height + 34, width + left);
    pen.textAlign = "right";
    for (const value of ticks(y0, y1, height / 60)) {
      const y = top + ((y1 - value) / (y1 - y0)) * height;
      pen.strokeRect(left, y, width, 0);
      pen.fillText(value, left - 6, y + 4);
    }
    pen.save();
    pen.translate(13, top + height / 2);
    pen.rotate(-Math.PI / 2);
    pen.textAlign = "center";
    pen.fillText(this.places.axes[1], 0, 0, height);
    pen.restore();
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

  /** Show where the function is that is pointed at. */
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

const measuring = document.createElement("canvas").getContext("2d");

/** Width of a label in pixels. */
function textWidth(text) {
  measuring.font = "12px system-ui, sans-serif"; // a little more than page.css has
  return measuring.measureText(text).width;
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
