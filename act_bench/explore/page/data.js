"use strict";
// The data of the page as typed arrays, by the numbers of functions; a view is unpacked when asked for.

class Model {
  constructor(payload) {
    const { functions, tables, spectra, maps, outcomes } = payload;
    Object.assign(this, { functions, tables, spectra, maps, outcomes });
    this.entries = functions.entries;
    this.count = functions.entries + functions.outside.length;
    this.spellings = enumerated(functions.binary, functions.unary);
    this.titles = new Map(); // number -> the first name in the catalogue
    this.catalogue = new Map(); // number -> its records
    this.numbers = new Map(); // name or alias -> number
    for (const record of functions.names) {
      const number = record.function;
      if (!this.titles.has(number)) this.titles.set(number, record.title);
      this.catalogue.set(number, [...(this.catalogue.get(number) ?? []), record]);
      for (const name of [record.name, ...record.aliases]) this.numbers.set(name, number);
    }
    this.unpacking = new Map();
  }

  /** Everything that the first picture needs, but the view. */
  async start() {
    const { functions } = this;
    [this.x, this.y, this.curveSteps, this.shape, this.classes, this.spellingEntry] = await Promise.all([
      inflatedFloats(functions.x), inflatedFloats(functions.y), inflatedShorts(functions.curves, Int16Array),
      inflated(functions.shape), inflatedShorts(functions.classes), inflatedShorts(functions.spellingEntry),
    ]);
    this.expressions = new Array(this.entries);
    for (let i = this.spellings.length - 1; i >= 0; i--) this.expressions[this.spellingEntry[i]] = this.spellings[i];
    for (const name of functions.outside) {
      const record = functions.names.find((each) => each.name === name);
      this.expressions.push(record.expression ?? record.name);
    }
    this.haystack = this.expressions.map((expression, number) => {
      const names = (this.catalogue.get(number) ?? []).flatMap((r) => [r.name, r.title, ...r.aliases]);
      return [expression, ...names].join(" ").toLowerCase();
    });
  }

  /** What the first picture does not need. */
  async rest() {
    const { functions } = this;
    [this.near, this.nearDistance, this.spellingHow] = await Promise.all([
      inflatedShorts(functions.near), inflatedFloats(functions.nearDistance), inflated(functions.spellingHow),
    ]);
    this.index = searchIndex({
      ...functions, spellings: this.spellings, spellingEntry: this.spellingEntry, spellingHow: this.spellingHow,
      names: functions.names.map((record) => ({ ...record, number: record.function })),
    });
    const views = viewKeys(this).map(splitView);
    for (const { id, rate } of views) await this.view(id, rate); // one by one: the page answers meanwhile
    for (const name of Object.keys(this.spectra)) await this.spectrum(name);
    for (const name of Object.keys(this.maps)) for (const by of Object.keys(this.maps[name])) await this.map(name, by);
    this.complete = true;
  }

  once(key, unpack) {
    if (!this.unpacking.has(key)) this.unpacking.set(key, unpack());
    return this.unpacking.get(key);
  }

  /** A table at one rate, with columns, curves and ranks. */
  view(id, rate) {
    const table = this.tables[id];
    const view = table.views[rate];
    return this.once(`view ${id} ${rate}`, async () => {
      const names = Object.keys(view.metrics);
      const [outcome, curves, ...columns] = await Promise.all([
        inflated(view.outcome), inflatedFloats(view.curves), ...names.map((name) => inflatedFloats(view.metrics[name])),
      ]);
      view.columns = Object.fromEntries(names.map((name, i) => [name, columns[i]]));
      view.outcomes = outcome;
      view.curveValues = curves;
      view.ranks = this.ranked(table, view);
      const std = view.columns[`${table.metric}_std`];
      const sign = table.higherIsBetter ? 1 : -1;
      const trained = std?.filter((_, f) => sign * (view.columns[table.metric][f] - table.trained) > 0);
      view.pooled = trained ? pooledStd(trained) : NaN;
      return view;
    });
  }

  /** Rank of each entry by the metric on validation; functions beside the space have none. */
  ranked(table, view) {
    const values = view.columns[table.metric];
    const sign = table.higherIsBetter ? -1 : 1;
    const known = Array.from({ length: this.entries }, (_, e) => e).filter((e) => !Number.isNaN(values[e]));
    known.sort((a, b) => sign * (values[a] - values[b]));
    const found = new Float64Array(this.count).fill(NaN);
    known.forEach((e, i) => { found[e] = i && values[e] === values[known[i - 1]] ? found[known[i - 1]] : i + 1; });
    return found;
  }

  /** The Fisher spectra of a table's network; entries without one take no room. */
  spectrum(name) {
    const spectra = this.spectra[name];
    return this.once(`spectrum ${name}`, async () => {
      spectra.bytes = await inflated(spectra.codes);
      let place = 0;
      spectra.place = spectra.reason.map((reason) => (reason ? -1 : place++));
      return spectra;
    });
  }

  map(name, by) {
    const map = this.maps[name][by];
    return this.once(`map ${name} ${by}`, async () => {
      const places = await Promise.all([inflatedFloats(map.x), inflatedFloats(map.y)]);
      // Functions beside the space have no spectrum here.
      [map.xs, map.ys] = places.map((known) => {
        const all = new Float32Array(this.count).fill(NaN);
        all.set(known);
        return all;
      });
      return map;
    });
  }

  /** How a function is called where there is little room. */
  title(number) {
    return this.titles.get(number) ?? this.expressions[number];
  }

  /** What stands for a function in a link: an entry's number, or the name of one beside the space. */
  key(number) {
    return number < this.entries ? String(number) : this.functions.outside[number - this.entries];
  }

  /** The function that a link names, or undefined. */
  fromKey(key) {
    if (/^\d+$/.test(key)) return Number(key) < this.entries ? Number(key) : undefined;
    return this.numbers.get(plainName(key));
  }

  isOutside(number) {
    return number >= this.entries;
  }

  /** Points [x, f(x)] of a function; null beyond the limits of the drawing. */
  curve(number) {
    const { curvePoints: n, curveLimit: limit, curveSteps: steps } = this.functions;
    return Array.from({ length: n }, (_, i) => {
      const step = this.curveSteps[number * n + i];
      return [-limit + (2 * limit * i) / (n - 1), Math.abs(step) <= steps ? (step * limit) / steps : null];
    });
  }

  /** Points [epoch, metric] of a function in a view; tuned ones are those at the chosen rate. */
  learningCurve(id, rate, number) {
    const { views } = this.tables[id];
    let view = views[rate];
    if (rate === "tuned" && !view.epochs) {
      const chosen = view.columns.learning_rate[number];
      view = Object.values(views).find((each) => each.rate !== null && Math.abs(each.rate / chosen - 1) < 1e-4);
    }
    if (!view?.curveValues) return [];
    const values = view.curveValues.subarray(number * view.epochs, (number + 1) * view.epochs);
    return Array.from(values, (value, i) => [i + 1, Number.isNaN(value) ? null : value]);
  }

  /** The quantile function of a layer's log eigenvalues; zero eigenvalues have no logarithm. */
  quantiles(spectra, number, layer) {
    const { shares, layers, low, high, place, bytes } = spectra;
    const start = (place[number] * layers.length + layer) * shares.length;
    return shares.map((share, i) => {
      const code = bytes[start + i];
      return [100 * share, code ? low + ((code - 1) / 254) * (high - low) : null];
    });
  }

  /** The entries nearest to a function by outputs: [number, distance]. */
  nearest(number) {
    const each = this.near.length / this.count;
    return Array.from({ length: each }, (_, i) => [this.near[number * each + i], this.nearDistance[number * each + i]]);
  }

  /** The entries nearest by the drawn values of Fisher spectra: [number, mean difference in logs]. */
  nearestBySpectra(spectra, number, most = 5) {
    if (!(spectra.place[number] >= 0)) return [];
    const size = spectra.layers.length * spectra.shares.length;
    const own = spectra.bytes.subarray(spectra.place[number] * size, (spectra.place[number] + 1) * size);
    const found = [];
    spectra.place.forEach((place, other) => {
      if (place < 0 || this.classes[other] === this.classes[number]) return;
      let sum = 0;
      for (let i = 0, j = place * size; i < size; i++, j++) sum += Math.abs(own[i] - spectra.bytes[j]);
      found.push([other, sum]);
    });
    found.sort((a, b) => a[1] - b[1]);
    return found.slice(0, most).map(([other, sum]) => [other, ((sum / size) * (spectra.high - spectra.low)) / 254]);
  }

  /** Spellings of an entry but the first. */
  otherSpellings(number) {
    return this.spellings.filter((text, i) => this.spellingEntry[i] === number && text !== this.expressions[number]);
  }

  /** Other entries that are the same function in exact arithmetic. */
  sameClass(number) {
    if (this.isOutside(number)) return [];
    const found = [];
    this.classes.forEach((each, e) => { if (each === this.classes[number] && e !== number) found.push(e); });
    return found;
  }

  /** What a function reaches in an unpacked view, with the 95 % interval: {value, half, pooled, seeds}. */
  estimate(id, rate, number, split = "validation") {
    const table = this.tables[id];
    const { columns, pooled } = table.views[rate];
    const metric = table.metric.replace("validation", split);
    if (rate === "tuned") {
      const seeds = columns.fresh_runs[number];
      const value = columns[`fresh_${metric}`]?.[number] ?? NaN;
      const std = split === "validation" ? columns[`fresh_${table.metric}_std`][number] : NaN;
      return { value, half: halfWidth(std, seeds, { mean: true }), pooled: false, seeds };
    }
    const [value, seeds] = [columns[metric][number], columns.runs[number]];
    if (split !== "validation" || Number.isNaN(value)) return { value, half: NaN, pooled: false, seeds };
    const half = halfWidth(columns[`${metric}_std`][number], seeds);
    if (!Number.isNaN(half)) return { value, half, pooled: false, seeds };
    // One seed: the spread over seeds of the functions of this view that have several.
    return { value, half: 1.96 * pooled, pooled: true, seeds };
  }
}
