"use strict";
// Puts the page together: reads the data and the address, draws, and answers the controls.

const root = document.documentElement;
const preferredTheme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
let model = null;
let state = null;

function $(id) {
  return document.getElementById(id);
}

/** An element with properties and children; texts are texts, never markup. */
function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  Object.assign(made, properties);
  made.append(...children);
  return made;
}

function themeColor(name) {
  return getComputedStyle(root).getPropertyValue(name).trim();
}

function fill(select, values, value, label) {
  select.replaceChildren(...values.map((each) => new Option(label(each), each, false, each === value)));
}

/** Tell a screen reader. */
function say(text) {
  $("live").textContent = text;
}

function here() {
  const table = model.tables[state.table];
  return { table, view: table.views[state.rate] };
}

/** Write the state into the address. */
function remember() {
  const hash = addressOf(state, model, preferredTheme);
  if (hash === location.hash) return;
  try {
    history.replaceState(null, "", hash);
  } catch {
    location.replace(hash); // some browsers forbid the other for files
  }
}

function select(number) {
  state.pins = [...state.pins.filter((each) => each !== number), number].slice(-MOST_SELECTED);
  drawSelection();
  say(`${model.title(number)} selected, ${state.pins.length} in all`);
}

function toggle(number) {
  if (!state.pins.includes(number)) { select(number); return; }
  state.pins = state.pins.filter((each) => each !== number);
  drawSelection();
  say(`${model.title(number)} let go, ${state.pins.length} selected`);
}

/** Show a function without selecting it; null for none. */
function preview(number) {
  if (state.hover === number) return;
  state.hover = number;
  plot.mark(number);
  details.draw({ soon: true });
}

function drawSelection() {
  plot.drawSelection();
  ranking.drawSelection();
  details.draw();
  remember();
}

function drawFilter() {
  state.page = 0;
  plot.draw();
  ranking.draw();
  remember();
}

/** Bring the state in order where one choice rules out another, and the controls with it. */
function settle() {
  const { table } = here();
  if (!table.views[state.rate]) state.rate = firstView(table);
  const { view } = here();
  if (!view.metrics[state.metric]) state.metric = table.metric;
  const maps = ["outputs", ...Object.keys(model.maps[table.spectra] ?? {})];
  if (!maps.includes(state.map)) state.map = "outputs";
  const views = viewKeys(model);
  if (!views.includes(state.against)) {
    const others = views.map((key) => ({ key, ...splitView(key) })).filter(({ id }) => id !== state.table);
    state.against = (others.find(({ rate }) => rate === state.rate) ?? others[0] ?? { key: views[0] }).key;
  }
  const viewLabel = (key) => {
    const { id, rate } = splitView(key);
    return `${model.tables[id].table} ${model.tables[id].fidelity}, ${rateName(model.tables[id], rate)}`;
  };
  fill($("table"), Object.keys(model.tables), state.table, (id) => `${model.tables[id].table} ${model.tables[id].fidelity}`);
  fill($("rate"), Object.keys(table.views), state.rate, (rate) => rateName(table, rate));
  $("rate-label").hidden = Object.keys(table.views).length < 2;
  fill($("metric"), Object.keys(view.metrics), state.metric, columnName);
  fill($("map-choice"), maps, state.map, (name) => MAPS[name]);
  fill($("against"), views, state.against, viewLabel);
  fill($("shape"), ["", ...Object.keys(model.functions.shapes)], state.shape, (key) => model.functions.shapes[key] ?? "any");
  fill($("size"), PAGE_SIZES.map(String), String(state.size), (size) => size);
  if ($("search").value !== state.search) $("search").value = state.search;
  $("split").value = state.split;
  $("map-label").hidden = state.plot !== "map";
  $("against-label").hidden = state.plot !== "scatter";
  $("show-map").setAttribute("aria-pressed", String(state.plot === "map"));
  $("show-scatter").setAttribute("aria-pressed", String(state.plot === "scatter"));
  for (const box of $("outcomes").querySelectorAll("input")) box.checked = !state.hidden.has(box.value);
  root.dataset.theme = state.theme;
}

/** Unpack what the state shows, and draw all of it. */
async function draw() {
  settle();
  const needed = [model.view(state.table, state.rate)];
  if (state.plot === "scatter") needed.push(model.view(...Object.values(splitView(state.against))));
  if (state.map !== "outputs") needed.push(model.map(here().table.spectra, state.map));
  if (state.pins.length && here().table.spectra) needed.push(model.spectrum(here().table.spectra));
  await Promise.all(needed);
  plot.draw();
  ranking.draw();
  details.draw();
  remember();
}

function connect() {
  const on = (id, key, { zoom = false } = {}) => {
    $(id).onchange = (event) => {
      state[key] = event.target.value;
      if (zoom) state.zoom = null;
      state.page = 0;
      return draw();
    };
  };
  on("rate", "rate");
  on("map-choice", "map", { zoom: true });
  on("against", "against", { zoom: true });
  on("split", "split");
  $("metric").onchange = (event) => { state.metric = event.target.value; plot.draw(); ranking.draw(); remember(); };
  $("table").onchange = (event) => {
    const usual = state.metric === here().table.metric;
    state.table = event.target.value;
    if (usual) state.metric = here().table.metric;
    if (state.plot === "scatter" || state.map !== "outputs") state.zoom = null;
    state.page = 0;
    return draw();
  };
  $("show-map").onclick = () => { state.plot = "map"; state.zoom = null; return draw(); };
  $("show-scatter").onclick = () => { state.plot = "scatter"; state.zoom = null; return draw(); };
  $("search").oninput = (event) => { state.search = event.target.value; drawFilter(); };
  $("shape").onchange = (event) => { state.shape = event.target.value; drawFilter(); };
  $("size").onchange = (event) => { state.size = Number(event.target.value); state.page = 0; ranking.draw(); remember(); };
  $("layer").onchange = (event) => { state.layer = Number(event.target.value); charts.drawSpectra(chosen()); remember(); };
  $("previous").onclick = () => ranking.turn(-1);
  $("next").onclick = () => ranking.turn(1);
  $("export").onclick = () => ranking.save();
  $("skip").onclick = () => $("ranking").focus();
  $("theme").onclick = () => { state.theme = state.theme === "dark" ? "light" : "dark"; return draw(); };
  $("copy").onclick = async () => {
    remember();
    try {
      await navigator.clipboard.writeText(location.href);
      say("link copied");
    } catch {
      prompt("The link to this view:", location.href);
    }
  };
  for (const outcome of model.outcomes) {
    const box = element("input", { type: "checkbox", value: outcome });
    box.onchange = () => { state.hidden[box.checked ? "delete" : "add"](outcome); drawFilter(); };
    $("outcomes").append(element("label", {}, box, outcome));
  }
  // A link pasted over this page's own changes the part after # alone.
  window.addEventListener("hashchange", () => {
    if (location.hash === addressOf(state, model, preferredTheme)) return;
    state = parsedState(location.hash, model, preferredTheme);
    draw();
  });
}

/** Until the browser has shown what was drawn; a hidden one may never. */
function painted() {
  return new Promise((done) => {
    requestAnimationFrame(() => setTimeout(done));
    setTimeout(done, 500);
  });
}

async function start() {
  model = new Model(JSON.parse($("data").textContent));
  state = parsedState(location.hash, model, preferredTheme);
  root.dataset.theme = state.theme;
  plot.create();
  charts.create();
  finder.create();
  connect();
  await model.start();
  await draw();
  await painted();
  root.dataset.ready = Math.round(performance.now());
  await model.rest();
  details.draw();
  if (document.activeElement === $("find") && $("find").value) finder.search();
  root.dataset.complete = Math.round(performance.now());
}

start().catch((error) => {
  const text = `This page cannot be shown: ${error.message}. It needs Chrome 111, Firefox 113 or Safari 16.4, or later.`;
  const note = element("p", { className: "hint", textContent: text });
  note.setAttribute("role", "alert");
  document.body.prepend(note);
  throw error;
});
