"use strict";
// What is shown, and the same as the address of the page, so that a view can be sent as a link.

const MOST_SELECTED = 200;
const PAGE_SIZES = [10, 25, 100];

/** The view that a table begins with, which comes first: tuned where every function is, else at its own rate. */
function firstView(table) {
  return Object.keys(table.views)[0];
}

function defaultState(model, preferredTheme) {
  const table = Object.keys(model.tables)[0];
  return {
    table, rate: firstView(model.tables[table]), metric: model.tables[table].metric, map: "outputs", plot: "map",
    against: "", search: "", shape: "", hidden: new Set(), pins: [], layer: 0, split: "validation",
    sort: "rank", descending: false, page: 0, size: PAGE_SIZES[1], zoom: null, theme: preferredTheme, hover: null,
  };
}

/** Views by what stands for them in a link, such as mlp-full or mlp-full@tuned. */
function viewKeys(model) {
  return Object.entries(model.tables).flatMap(([id, table]) => Object.keys(table.views)
    .map((rate) => (rate === "own" ? id : `${id}@${rate}`)));
}

function splitView(key) {
  const [id, rate = "own"] = key.split("@");
  return { id, rate };
}

/** The state that an address names; what it names wrongly falls back to the default. */
function parsedState(hash, model, preferredTheme) {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const state = defaultState(model, preferredTheme);
  const take = (key, choices) => { if (choices.includes(given.get(key))) state[key] = given.get(key); };
  const whole = (key, most) => Math.min(Math.max(0, parseInt(given.get(key), 10) || 0), most);
  take("table", Object.keys(model.tables));
  const table = model.tables[state.table];
  state.metric = table.metric;
  state.rate = firstView(table);
  take("rate", Object.keys(table.views));
  take("metric", Object.keys(table.views[state.rate].metrics));
  take("map", Object.keys(MAPS));
  take("plot", ["map", "scatter"]);
  take("against", viewKeys(model));
  take("shape", Object.keys(model.functions.shapes));
  take("split", ["validation", "test"]);
  take("theme", ["light", "dark"]);
  state.search = given.get("search") || "";
  state.hidden = new Set((given.get("hide") || "").split(",").filter((o) => model.outcomes.includes(o)));
  const pins = (given.get("pin") || "").split(",").map((key) => model.fromKey(key));
  state.pins = [...new Set(pins.filter((number) => number !== undefined))].slice(0, MOST_SELECTED);
  state.layer = whole("layer", 999);
  state.page = whole("page", 9999);
  if (PAGE_SIZES.includes(Number(given.get("rows")))) state.size = Number(given.get("rows"));
  const sort = given.get("sort") || "";
  if (/^-?[a-z_]+$/.test(sort)) [state.sort, state.descending] = [sort.replace("-", ""), sort[0] === "-"];
  const zoom = (given.get("zoom") || "").split(",").map(Number);
  if (zoom.length === 4 && zoom.every((z) => z >= 0 && z <= 100) && zoom[0] < zoom[1] && zoom[2] < zoom[3]) state.zoom = zoom;
  return state;
}

/** The address of a state, without what is the default. */
function addressOf(state, model, preferredTheme) {
  const usual = defaultState(model, preferredTheme);
  const hash = new URLSearchParams({ table: state.table });
  const put = (key, value) => { if (value) hash.set(key, value); };
  put("rate", state.rate !== firstView(model.tables[state.table]) && state.rate);
  hash.set("metric", state.metric);
  for (const key of ["map", "plot", "against", "search", "shape", "split", "layer", "page", "theme"]) {
    put(key, state[key] !== usual[key] && state[key]);
  }
  put("hide", [...state.hidden].join(","));
  put("pin", state.pins.map((number) => model.key(number)).join(","));
  put("rows", state.size !== usual.size && state.size);
  put("sort", (state.sort !== usual.sort || state.descending) && `${state.descending ? "-" : ""}${state.sort}`);
  put("zoom", state.zoom && state.zoom.map((z) => Number(z.toFixed(2))).join(","));
  return `#${hash}`;
}
