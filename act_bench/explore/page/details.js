"use strict";
// The chosen functions: what they are, and what they reach everywhere.

/** The last selected, each with its color and line. */
function compared() {
  return state.pins.slice(-COMPARED).map((number, i) => ({ number, color: PINS[state.theme][i], dash: DASHES[i], pinned: true }));
}

/** The compared ones, and the one that is pointed at. */
function chosen() {
  const rows = compared();
  if (state.hover !== null && !rows.some((row) => row.number === state.hover)) {
    rows.push({ number: state.hover, color: themeColor("--ink"), dash: "", pinned: false });
  }
  return rows;
}

const details = {
  waiting: 0,

  /** Draw all of it; with `soon`, what is further down once the pointer has rested. */
  draw({ soon = false } = {}) {
    clearTimeout(this.waiting);
    const rows = chosen();
    $("empty").hidden = rows.length > 0;
    $("chosen").hidden = !rows.length;
    root.dataset.pins = state.pins.map((number) => model.key(number)).join(",");
    if (!rows.length) return;
    charts.drawCurves(rows);
    this.drawNames(rows);
    this.drawFacts(rows);
    this.drawEverywhere(rows);
    const rest = () => {
      charts.drawLearning(rows);
      charts.drawSpectra(rows);
      this.drawRelated(rows.at(-1).number);
    };
    if (soon) this.waiting = setTimeout(rest, 60); else rest();
  },

  drawNames(rows) {
    const list = element("ul", { className: "names" });
    for (const { number, color, dash, pinned } of rows) {
      const named = model.titles.has(number);
      const records = model.catalogue.get(number) ?? [];
      const text = element("span", {}, named ? element("strong", { textContent: `${[...new Set(records.map((r) => r.title))].join(" = ")} ` }) : "",
        element("code", { textContent: model.expressions[number] }));
      if (named) {
        const { formula, source } = records[0];
        const about = model.functions.sources[source] ?? "";
        text.append(element("div", { className: "hint", textContent: `${formula} · ${about.split(",")[0]} ${/\((\D*\d{4}\D*)\)/.exec(about)?.[1] ?? ""}`, title: about }));
      }
      const item = element("li", {}, lineSample(color, dash), text);
      if (pinned) {
        const button = element("button", { type: "button", className: "drop", textContent: "×" });
        button.setAttribute("aria-label", `let go of ${model.title(number)}`);
        button.onclick = () => toggle(number);
        item.append(button);
      }
      list.append(item);
    }
    $("names").replaceChildren(list);
    if (state.pins.length > COMPARED) {
      const clear = element("button", { type: "button", className: "link", textContent: "let go of all" });
      clear.onclick = () => { state.pins = []; drawSelection(); };
      $("names").append(element("p", { className: "hint" }, `${state.pins.length} selected, the last ${COMPARED} compared. `, clear));
    }
  },

  drawFacts(rows) {
    const { table, view } = here();
    const spectra = model.spectra[table.spectra];
    const lines = [];
    const add = (name, cell) => lines.push([name, ...rows.map((row) => cell(row.number))]);
    add("entry", (f) => (model.isOutside(f) ? "beside the space" : String(f)));
    add("rank by validation", (f) => (Number.isNaN(view.ranks[f]) ? "–" : String(view.ranks[f])));
    add("outcome", (f) => model.outcomes[view.outcomes[f]]);
    add("class", (f) => (model.isOutside(f) ? "–" : String(model.classes[f])));
    if (spectra) add("spectrum", (f) => (model.isOutside(f) ? "–" : spectra.reasons[spectra.reason[f]] || "valid"));
    for (const name of Object.keys(view.columns)) add(columnName(name), (f) => shortNumber(view.columns[name][f]));
    const heads = [`${table.table} ${table.fidelity}, ${rateName(table, state.rate)}`, ...rows.map((row) => model.title(row.number))];
    const grid = tableOf(heads, lines);
    colorHeads(grid, rows);
    $("facts").replaceChildren(element("div", { className: "scroll" }, grid));
  },

  /** Accuracy on every table, rate and rung; of two functions also their difference. */
  drawEverywhere(rows) {
    const heads = ["table", ...rows.map((row) => model.title(row.number))];
    const two = rows.length === 2;
    if (two) heads.push("difference");
    const lines = [];
    for (const [id, table] of Object.entries(model.tables)) {
      for (const [rate, view] of Object.entries(table.views)) {
        if (!view.columns) continue;
        const found = rows.map((row) => model.estimate(id, rate, row.number, state.split));
        if (found.every((each) => Number.isNaN(each.value)) && rows.every((row) => model.outcomes[view.outcomes[row.number]] === "missing")) continue;
        const cells = found.map((each, i) => {
          const outcome = model.outcomes[view.outcomes[rows[i].number]];
          if (Number.isNaN(each.value)) return { ok: "–", missing: "not trained" }[outcome] ?? outcome;
          return `${withInterval(each)} · ${each.seeds}`;
        });
        if (two) cells.push(differenceText(...found));
        lines.push([`${table.table} ${table.fidelity}, ${rateName(table, rate)}`, ...cells]);
      }
    }
    const grid = tableOf(heads, lines);
    colorHeads(grid, rows);
    const last = heads.length - 1;
    if (two) for (const row of grid.tBodies[0].rows) row.cells[last].className = row.cells[last].textContent.endsWith("*") ? "better" : "";
    const note = two && state.split === "validation" ? element("p", { className: "hint", textContent: "* The 95 % interval of the difference leaves out 0." }) : "";
    $("everywhere").replaceChildren(grid, note);
    root.dataset.everywhere = lines.length;
  },

  /** Neighbors and spellings of one function. */
  drawRelated(number) {
    if (!model.complete) return;
    const { view, table } = here();
    const link = (other, after = "") => {
      const button = element("button", { type: "button", className: "link", textContent: model.title(other) });
      button.onclick = () => select(other);
      return element("li", {}, button, after);
    };
    const value = (f) => (Number.isNaN(view.columns[table.metric][f]) ? model.outcomes[view.outcomes[f]] : view.columns[table.metric][f].toFixed(4));
    const neighbors = (pairs) => element("ul", {}, ...pairs.map(([f, distance]) => link(f, ` at ${distance.toPrecision(2)}: ${value(f)}`)));
    const parts = [element("h2", { textContent: `Related to ${model.title(number)}` })];
    parts.push(element("h3", { textContent: "nearest by outputs (Eq. 3), with the metric here" }), neighbors(model.nearest(number)));
    const spectra = model.spectra[table.spectra];
    const bySpectra = spectra ? model.nearestBySpectra(spectra, number) : [];
    if (bySpectra.length) parts.push(element("h3", { textContent: "nearest by the drawn Fisher spectra" }), neighbors(bySpectra));
    if (!model.isOutside(number)) {
      const same = model.sameClass(number);
      if (same.length) parts.push(element("h3", { textContent: "entries of the same function, apart by rounding" }), element("ul", {}, ...same.map((f) => link(f, ` (${f}): ${value(f)}`))));
      const others = model.otherSpellings(number);
      const text = others.length > 12 ? element("details", {}, element("summary", { textContent: `${others.length} others` }), others.join("  ")) : others.join("  ") || "none in the space";
      parts.push(element("h3", { textContent: "other spellings" }), element("p", { className: "formula" }, text));
    }
    $("related").replaceChildren(...parts);
  },
};

/** The difference of two estimates, with a star where its interval leaves out 0. */
function differenceText(a, b) {
  const value = a.value - b.value;
  if (Number.isNaN(value)) return "–";
  const half = Math.hypot(a.half, b.half);
  const sign = value < 0 ? "−" : "+";
  if (Number.isNaN(half)) return `${sign}${Math.abs(value).toFixed(4)}`;
  return `${sign}${Math.abs(value).toFixed(4)} ±${half.toFixed(4)}${Math.abs(value) > half ? " *" : ""}`;
}

function colorHeads(grid, rows) {
  rows.forEach((row, i) => { grid.tHead.rows[0].cells[i + 1].style.color = row.color; });
}

/** A piece of a function's line, as the charts draw it. */
function lineSample(color, dash) {
  const svg = shape("svg", { width: 26, height: 8, "aria-hidden": "true" });
  svg.append(shape("line", { x1: 0, y1: 4, x2: 26, y2: 4, stroke: color, "stroke-width": 3, "stroke-dasharray": dash }));
  return svg;
}
