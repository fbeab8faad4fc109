"use strict";
// The ranking: every function as a row, by the metric on validation, and what is saved as CSV.

const TEST_HEADING = "test (for the final report)";

/** Columns of the ranking in the view that is shown: [key, heading, value, text]. */
function rankingColumns() {
  const { table, view } = here();
  const { columns, ranks: places } = view;
  const of = (name, heading = columnName(name)) => ({ key: name, heading, value: (f) => columns[name][f], text: (f) => shortNumber(columns[name][f]) });
  const fixed = (name, heading) => ({ ...of(name, heading), text: (f) => (Number.isNaN(columns[name][f]) ? "–" : columns[name][f].toFixed(4)) });
  const found = [
    { key: "rank", heading: "rank", value: (f) => places[f], text: (f) => (Number.isNaN(places[f]) ? "–" : String(places[f])) },
    { key: "name", heading: "function", value: (f) => model.title(f).toLowerCase(), text: (f) => model.title(f) },
  ];
  if (state.rate === "tuned") {
    found.push(fixed(table.metric, "validation, seed 0"), of("learning_rate", "rate"));
    found.push({ ...fixed(`fresh_${table.metric}`, "fresh seeds ± 95 %"), text: (f) => withInterval(model.estimate(state.table, state.rate, f)) });
    found.push(of("fresh_runs", "fresh seeds"), fixed(`fresh_${table.metric.replace("validation", "test")}`, TEST_HEADING));
  } else {
    found.push({ ...fixed(table.metric, `${columnName(table.metric).replace(" accuracy", "").replace(", nats", "")} ± 95 %`), text: (f) => withInterval(model.estimate(state.table, state.rate, f)) });
    found.push(of("runs"));
    const test = table.metric.replace("validation", "test");
    found.push(fixed(test, TEST_HEADING));
  }
  if (!found.some((column) => column.key === state.metric)) found.push(of(state.metric));
  return found.filter((column) => column.key === "rank" || column.key === "name" || columns[column.key]);
}

/** Whether a function is let through by the filter, the shape and the outcomes. */
function listed(number) {
  const outcome = model.outcomes[here().view.outcomes[number]];
  if (outcome === "missing" && model.isOutside(number)) return false;
  return passes(number) && !state.hidden.has(outcome);
}

/** Whether the filter and the shape let a function through. */
function passes(number) {
  if (state.shape) {
    const bit = Object.keys(model.functions.shapes).indexOf(state.shape);
    if (!((model.shape[number] >> bit) & 1)) return false;
  }
  return passesFilter(filterWords(state.search), model.haystack[number]);
}

/** The functions of the ranking in its order; those without a value come last. */
function rankedFunctions() {
  const columns = rankingColumns();
  const column = columns.find((each) => each.key === state.sort) ?? columns[0];
  const found = [];
  for (let f = 0; f < model.count; f++) if (listed(f)) found.push([f, column.value(f)]);
  const sign = state.descending ? -1 : 1;
  const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  const { view, table } = here();
  const score = (f) => (table.higherIsBetter ? -1 : 1) * view.columns[table.metric][f];
  found.sort(([f, a], [g, b]) => {
    const [none, other] = [Number.isNaN(a), Number.isNaN(b)];
    if (none || other) return none - other || order(score(f), score(g)) || f - g;
    return sign * order(a, b) || f - g;
  });
  return found.map((pair) => pair[0]);
}

const ranking = {
  rows: [],

  /** The rows of the page that is shown. */
  shown() {
    return this.rows.slice(state.page * state.size, (state.page + 1) * state.size);
  },

  draw() {
    this.rows = rankedFunctions();
    state.page = Math.max(0, Math.min(state.page, Math.ceil(this.rows.length / state.size) - 1));
    const columns = rankingColumns();
    const head = element("tr", {}, element("th", { scope: "col" }, element("span", { className: "unseen", textContent: "selected" })));
    for (const column of columns) {
      const active = column.key === state.sort;
      const button = element("button", { type: "button", textContent: column.heading + (active ? (state.descending ? " ↓" : " ↑") : "") });
      button.dataset.sort = column.key;
      button.onclick = () => this.sortBy(column.key);
      const cell = element("th", { scope: "col", className: column.key === "name" ? "name" : "" }, button);
      if (active) cell.setAttribute("aria-sort", state.descending ? "descending" : "ascending");
      head.append(cell);
    }
    const body = this.shown().map((f) => this.row(f, columns));
    const caption = element("caption", { className: "unseen", textContent: `${here().table.title}, ${rateName(here().table, state.rate)}` });
    const table = element("table", {}, caption, element("thead", {}, head), element("tbody", {}, ...body));
    table.setAttribute("aria-rowcount", this.rows.length + 1);
    $("ranking").replaceChildren(table);
    const first = state.page * state.size;
    const last = Math.min(first + state.size, this.rows.length);
    $("rows").textContent = this.rows.length ? `${first + 1} to ${last} of ${this.rows.length.toLocaleString("en")}` : "nothing passes the filter";
    $("previous").disabled = first === 0;
    $("next").disabled = last >= this.rows.length;
    $("title").textContent = `${here().table.title}, ${rateName(here().table, state.rate)}`;
    root.dataset.listed = this.rows.length;
  },

  row(f, columns) {
    const box = element("input", { type: "checkbox", checked: state.pins.includes(f) });
    box.setAttribute("aria-label", `select ${model.title(f)}`);
    box.onchange = () => toggle(f);
    const cells = columns.map((column) => {
      if (column.key !== "name") return element("td", { textContent: column.text(f) });
      const button = element("button", { type: "button", className: "link", textContent: column.text(f), title: model.expressions[f] });
      button.onclick = () => toggle(f);
      return element("td", { className: "name" }, button);
    });
    const row = element("tr", { className: state.pins.includes(f) ? "on" : "" }, element("td", {}, box), ...cells);
    row.dataset.number = f;
    row.onmouseenter = () => preview(f);
    row.onmouseleave = () => preview(null);
    row.addEventListener("focusin", () => preview(f));
    row.addEventListener("focusout", () => preview(null));
    return row;
  },

  /** Show which rows are selected, without making them again: the keyboard stays where it is. */
  drawSelection() {
    for (const row of $("ranking").querySelectorAll("tr[data-number]")) {
      const on = state.pins.includes(Number(row.dataset.number));
      row.className = on ? "on" : "";
      row.querySelector("input").checked = on;
    }
  },

  sortBy(key) {
    // The best first: low ranks and names, high values of all else.
    const rising = key === "rank" || key === "name" || key.endsWith("loss");
    state.descending = state.sort === key ? !state.descending : !rising;
    [state.sort, state.page] = [key, 0];
    this.draw();
    remember();
    $("ranking").querySelector(`[data-sort="${key}"]`).focus();
  },

  turn(pages) {
    state.page += pages;
    this.draw();
    $("ranking").scrollTop = 0;
    remember();
  },

  /** The chosen functions in the view that is shown, as CSV. */
  csv(functions) {
    const { table, view } = here();
    const names = Object.keys(view.columns);
    const heads = ["rank", "entry", "name", "expression", "table", "fidelity", "rate", "outcome", ...names, "interval_95_half_width"];
    return csvText(heads, functions.map((f) => [
      view.ranks[f], model.isOutside(f) ? "" : f, model.catalogue.get(f)?.[0].name ?? "", model.expressions[f], table.table, table.fidelity,
      state.rate === "tuned" ? "tuned" : view.rate, model.outcomes[view.outcomes[f]],
      ...names.map((name) => view.columns[name][f]), model.estimate(state.table, state.rate, f).half,
    ]));
  },

  save() {
    const chosen = { shown: this.shown(), listed: this.rows, selected: state.pins }[$("export-what").value];
    const file = new Blob([this.csv(chosen)], { type: "text/csv" });
    const link = element("a", { href: URL.createObjectURL(file), download: `act-bench-${state.table}-${state.rate}.csv` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    say(`saved ${chosen.length} rows`);
  },
};
