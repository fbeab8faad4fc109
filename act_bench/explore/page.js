"use strict";
(async () => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const root = document.documentElement;
  const count = data.expressions.length;

  // Packed numbers: zlib in base64.
  const unpacked = async (text) => {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new DataView(await new Response(stream).arrayBuffer());
  };

  const curveView = await unpacked(data.curves);
  const curves = (entry) => {
    const { curvePoints: n, curveLimit: limit, curveSteps: steps } = data;
    return Array.from({ length: n }, (_, i) => {
      const step = curveView.getInt16(2 * (entry * n + i), true);
      const shown = Math.abs(step) <= steps ? (step * limit) / steps : null;
      return [-limit + (2 * limit * i) / (n - 1), shown];
    });
  };

  for (const known of Object.values(data.spectra)) {
    known.view = await unpacked(known.codes);
    let place = 0; // entries without a spectrum take no room
    known.place = known.reason.map((reason) => (reason ? -1 : place++));
  }
  // The quantile function of a layer's log eigenvalues; zero eigenvalues have no logarithm.
  const quantiles = (known, entry, layer) => {
    const { shares, layers, low, high } = known;
    const start = (known.place[entry] * layers.length + layer) * shares.length;
    return shares.map((share, i) => {
      const code = known.view.getUint8(start + i);
      return [100 * share, code ? low + ((code - 1) / 254) * (high - low) : null];
    });
  };

  const RAMPS = {
    light: ["#f0cf6b", "#e8924a", "#c94d45", "#7d2a68", "#2a1a55"],
    dark: ["#5a4a9c", "#a5478b", "#e0635a", "#f6a355", "#fdeb9a"],
  };
  const PINS = {
    light: ["#1f6fd6", "#d2492a", "#158a5b", "#9a3fb5", "#a87900"],
    dark: ["#6db1ff", "#ff8c66", "#4fd69b", "#d892f0", "#e8c145"],
  };
  const NAMES = {
    train_accuracy: "train accuracy", validation_accuracy: "validation accuracy",
    test_accuracy: "test accuracy", train_loss: "train loss, nats",
    validation_loss: "validation loss, nats", test_loss: "test loss, nats",
    validation_accuracy_std: "std over the runs", runtime_s: "seconds a run",
  };

  // The state is kept in the address, so that a view can be sent as a link.
  const given = new URLSearchParams(location.hash.slice(1));
  const preferred = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const MAPS = { outputs: "outputs", fim: "Fisher spectra", union: "both" };
  const oneOf = (value, choices, fallback) => (choices.includes(value) ? value : fallback);
  const tables = Object.keys(data.tables);
  const metrics = Object.keys(data.tables[tables[0]].metrics);
  const first = oneOf(given.get("table"), tables, tables[0]);
  const state = {
    table: first,
    metric: oneOf(given.get("metric"), metrics, data.tables[first].metric),
    map: oneOf(given.get("map"), Object.keys(MAPS), "outputs"),
    search: given.get("search") || "",
    hidden: new Set((given.get("hide") || "").split(",").filter((o) => data.outcomes.includes(o))),
    pins: (given.get("pin") || "").split(",").filter(Boolean).map(Number)
      .filter((e) => Number.isInteger(e) && e >= 0 && e < count).slice(0, 5),
    layer: Math.max(0, parseInt(given.get("layer"), 10) || 0),
    theme: oneOf(given.get("theme"), ["light", "dark"], preferred),
    hover: null,
  };
  const remember = () => {
    const hash = new URLSearchParams({ table: state.table, metric: state.metric });
    if (state.map !== "outputs") hash.set("map", state.map);
    if (state.search) hash.set("search", state.search);
    if (state.hidden.size) hash.set("hide", [...state.hidden].join(","));
    if (state.pins.length) hash.set("pin", state.pins.join(","));
    if (state.layer) hash.set("layer", state.layer);
    if (state.theme !== preferred) hash.set("theme", state.theme);
    try { history.replaceState(null, "", `#${hash}`); } catch { /* some browsers forbid it for files */ }
  };

  const channel = (hex, i) => parseInt(hex.slice(1 + 2 * i, 3 + 2 * i), 16);
  const mix = (share) => {
    const ramp = RAMPS[state.theme];
    const at = Math.min(Math.max(share, 0), 1) * (ramp.length - 1);
    const i = Math.min(Math.floor(at), ramp.length - 2);
    const part = [0, 1, 2].map((k) => Math.round(channel(ramp[i], k) * (1 - at + i) + channel(ramp[i + 1], k) * (at - i)));
    return `rgb(${part})`;
  };
  const number = (value) => (value === null ? "–" : Math.abs(value) >= 1000 ? value.toExponential(2) : String(Number(value.toPrecision(3))));
  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const plain = (text) => text.toLowerCase().replace(/\s+/g, "");

  const map = echarts.init($("map"), null, { renderer: "canvas" });
  const curve = echarts.init($("curve"), null, { renderer: "canvas" });
  const spectrum = echarts.init($("spectrum"), null, { renderer: "canvas" });

  const axis = { show: false, scale: true };
  map.setOption({
    animation: false,
    grid: { left: 10, right: 10, top: 10, bottom: 10 },
    xAxis: { type: "value", ...axis, min: "dataMin", max: "dataMax" },
    yAxis: { type: "value", ...axis, min: "dataMin", max: "dataMax" },
    dataZoom: [{ type: "inside", xAxisIndex: 0, filterMode: "none" }, { type: "inside", yAxisIndex: 0, filterMode: "none" }],
    series: [],
  });

  // By outputs all tables have one map; by spectra each its own, on which not every function is.
  const mapsHere = () => ({ outputs: data, ...data.maps[data.tables[state.table].spectra] });

  function drawMap() {
    const table = data.tables[state.table];
    const maps = mapsHere();
    if (!maps[state.map]) state.map = "outputs";
    const { x, y } = maps[state.map];
    fill($("map-choice"), Object.keys(maps), state.map, (name) => MAPS[name]);
    const values = table.metrics[state.metric];
    const known = values.filter((v) => v !== null).sort((a, b) => a - b);
    // Accuracies are colored by value. Losses span ten powers of ten, so all else goes by rank.
    const byRank = !state.metric.endsWith("accuracy");
    const ends = byRank ? [0, 1] : [0.02, 0.98];
    const [low, high] = known.length ? ends.map((q) => known[Math.round(q * (known.length - 1))]) : [0, 1];
    const below = (value) => {
      let [from, to] = [0, known.length];
      while (from < to) {
        const middle = (from + to) >> 1;
        if (known[middle] < value) from = middle + 1; else to = middle;
      }
      return from;
    };
    const share = (value) => (byRank ? below(value) / (known.length - 1 || 1) : (value - low) / (high - low || 1));
    const wanted = plain(state.search);
    const groups = { dim: [], rest: [], ok: [] };
    let shown = 0;
    for (let e = 0; e < count; e++) {
      const outcome = data.outcomes[table.outcome[e]];
      if (state.hidden.has(outcome) || x[e] === null) continue;
      const hit = !wanted || data.expressions[e].includes(wanted);
      if (hit) shown++;
      const place = [x[e], y[e], e];
      if (!hit) groups.dim.push(place);
      else if (values[e] === null) groups.rest.push(place);
      else groups.ok.push({ value: place, itemStyle: { color: mix(share(values[e])) } });
    }
    const dots = (name, size, style, z) => ({ id: name, type: "scatter", data: groups[name], symbolSize: size, itemStyle: style, z, emphasis: { scale: 1.8 } });
    const pins = state.pins.map((e, i) => ({ value: [x[e], y[e], e], itemStyle: { color: "transparent", borderColor: PINS[state.theme][i], borderWidth: 3 } }));
    map.setOption({
      series: [
        dots("dim", 4, { color: colour("--line") }, 1),
        dots("rest", wanted ? 8 : 5, { color: "transparent", borderColor: colour("--soft"), borderWidth: 0.8, opacity: 0.55 }, 2),
        dots("ok", wanted ? 10 : 6.5, { opacity: 0.92 }, 3),
        { id: "pins", type: "scatter", data: pins, symbolSize: 17, silent: true, z: 5 },
      ],
    });
    $("ramp").style.background = `linear-gradient(90deg, ${RAMPS[state.theme].join(",")})`;
    $("low").textContent = known.length ? `${NAMES[state.metric] || state.metric}: ${number(low)}` : "no values";
    $("high").textContent = known.length ? number(high) + (byRank ? ", by rank" : "") : "";
    $("count").textContent = `${shown.toLocaleString("en")} of ${count.toLocaleString("en")} functions; rings: no value`;
    $("title").textContent = table.title;
    root.dataset.shown = shown;
  }

  function chosen() {
    const rows = state.pins.map((entry, i) => ({ entry, colour: PINS[state.theme][i], pinned: true }));
    if (state.hover !== null && !state.pins.includes(state.hover)) rows.push({ entry: state.hover, colour: colour("--ink"), pinned: false });
    return rows;
  }

  function drawCurves() {
    const rows = chosen();
    const line = { lineStyle: { color: colour("--line") } };
    const label = { color: colour("--soft") };
    const scale = { type: "value", min: -data.curveLimit, max: data.curveLimit, interval: data.curveLimit / 2, axisLabel: label, splitLine: line, axisLine: { show: true, onZero: true, lineStyle: { color: colour("--soft") } } };
    curve.setOption({
      animation: false,
      grid: { left: 28, right: 8, top: 8, bottom: 22 },
      xAxis: scale, yAxis: scale,
      series: rows.map((row) => ({ type: "line", data: curves(row.entry), showSymbol: false, silent: true, lineStyle: { color: row.colour, width: row.pinned ? 2 : 2.5 }, itemStyle: { color: row.colour } })),
    }, { replaceMerge: ["series"] });

    drawSpectra(rows);
    const table = data.tables[state.table];
    const known = data.spectra[table.spectra];
    const list = document.createElement("ul");
    list.className = "names";
    for (const row of rows) {
      const item = document.createElement("li");
      const dot = document.createElement("span");
      dot.className = "dot";
      dot.style.background = row.colour;
      item.append(dot, data.expressions[row.entry]);
      if (row.pinned) {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = "×";
        button.setAttribute("aria-label", `let go of ${data.expressions[row.entry]}`);
        button.onclick = () => toggle(row.entry);
        item.append(button);
      }
      list.append(item);
    }
    const grid = document.createElement("table");
    const add = (name, cells) => {
      const line = grid.insertRow();
      line.insertCell().textContent = name;
      cells.forEach((cell, i) => { const place = line.insertCell(); place.textContent = cell; place.style.color = name === "entry" ? rows[i].colour : ""; });
    };
    if (rows.length) {
      add("entry", rows.map((row) => row.entry));
      add("outcome", rows.map((row) => data.outcomes[table.outcome[row.entry]]));
      add("class", rows.map((row) => data.classes[row.entry]));
      if (known) {
        add("", rows.map((row) => known.reasons[known.reason[row.entry]] || "valid"));
        const link = document.createElement("button");
        link.type = "button";
        link.className = "link";
        link.textContent = "spectrum";
        link.onclick = () => $("spectrum-side").scrollIntoView({ behavior: "smooth" });
        grid.rows[grid.rows.length - 1].cells[0].append(link);
      }
      for (const name of Object.keys(table.metrics)) add(NAMES[name] || name, rows.map((row) => number(table.metrics[name][row.entry])));
    }
    $("facts").replaceChildren(list, grid);
    root.dataset.pins = state.pins.join(",");
  }

  function drawSpectra(rows) {
    const known = data.spectra[data.tables[state.table].spectra];
    $("spectrum-side").hidden = !known;
    root.dataset.spectra = 0;
    if (!known) return;
    state.layer = Math.min(state.layer, known.layers.length - 1);
    const names = known.layers.map((name, i) => `${i + 1}: ${name}`);
    if ($("layer").length !== names.length || $("layer").dataset.table !== state.table) {
      fill($("layer"), known.layers.map((_, i) => String(i)), String(state.layer), (i) => names[i]);
      $("layer").dataset.table = state.table;
    }
    const drawn = rows.filter((row) => known.place[row.entry] >= 0);
    const label = { color: colour("--soft") };
    const line = { lineStyle: { color: colour("--line") } };
    spectrum.setOption({
      animation: false,
      grid: { left: 34, right: 14, top: 8, bottom: 22 },
      xAxis: { type: "value", min: 0, max: 100, axisLabel: { ...label, formatter: "{value} %" }, splitLine: line },
      yAxis: { type: "value", scale: true, axisLabel: label, splitLine: line },
      series: drawn.map((row) => ({ type: "line", data: quantiles(known, row.entry, state.layer), showSymbol: false, silent: true, lineStyle: { color: row.colour, width: 2 }, itemStyle: { color: row.colour } })),
    }, { replaceMerge: ["series"] });
    root.dataset.spectra = drawn.length;
  }

  function toggle(entry) {
    if (state.pins.includes(entry)) state.pins = state.pins.filter((e) => e !== entry);
    else state.pins = [...state.pins, entry].slice(-5);
    draw();
  }

  function draw() {
    root.dataset.theme = state.theme;
    drawMap();
    drawCurves();
    remember();
  }

  const fill = (select, names, value, label) => {
    select.replaceChildren(...names.map((name) => new Option(label(name), name, false, name === value)));
  };
  fill($("table"), tables, state.table, (name) => name);
  fill($("metric"), metrics, state.metric, (name) => NAMES[name] || name);
  $("search").value = state.search;
  $("table").onchange = (event) => { state.table = event.target.value; draw(); };
  $("metric").onchange = (event) => { state.metric = event.target.value; draw(); };
  $("search").oninput = (event) => { state.search = event.target.value; drawMap(); remember(); };
  $("map-choice").onchange = (event) => {
    state.map = event.target.value;
    map.dispatchAction({ type: "dataZoom", batch: [0, 1].map((i) => ({ dataZoomIndex: i, start: 0, end: 100 })) });
    drawMap();
    remember();
  };
  $("layer").onchange = (event) => { state.layer = Number(event.target.value); drawCurves(); remember(); };
  $("theme").onclick = () => { state.theme = state.theme === "dark" ? "light" : "dark"; draw(); };
  for (const outcome of data.outcomes) {
    const label = document.createElement("label");
    const box = document.createElement("input");
    box.type = "checkbox";
    box.checked = !state.hidden.has(outcome);
    box.onchange = () => { state.hidden[box.checked ? "delete" : "add"](outcome); drawMap(); remember(); };
    label.append(box, outcome);
    $("outcomes").append(label);
  }
  map.on("mouseover", (event) => { state.hover = event.value[2]; drawCurves(); });
  map.on("mouseout", () => { state.hover = null; drawCurves(); });
  map.on("click", (event) => toggle(event.value[2]));
  // Not the window's event: the head takes another line when its choices are filled in.
  for (const chart of [map, curve, spectrum]) new ResizeObserver(() => chart.resize()).observe(chart.getDom());
  map.on("finished", () => { if (!root.dataset.ready) root.dataset.ready = Math.round(performance.now()); });
  draw();
})();
