"use strict";
// The box that finds functions, with its list of hits: a combobox by the ARIA pattern.

const finder = {
  hits: [], active: -1,

  create() {
    const input = $("find");
    input.oninput = () => this.search();
    input.onfocus = () => { if (input.value) this.search(); };
    input.onkeydown = (event) => this.key(event);
    input.onblur = () => this.close();
    $("hits").onmousedown = (event) => {
      event.preventDefault(); // the box keeps the keyboard
      const item = event.target.closest("[role=option]");
      if (item) this.take(Number(item.dataset.index));
    };
  },

  search() {
    if (!model.index) return;
    const text = $("find").value;
    const { hits, total, guessed } = findFunctions(model.index, text);
    this.hits = hits;
    this.active = hits.length && !guessed ? 0 : -1;
    const items = hits.map((hit, i) => {
      const { view, table } = here();
      const value = view.columns[table.metric][hit.number];
      const how = { 0: "", 1: ", arguments swapped", 2: ", same values" }[hit.how] ?? "";
      const where = model.isOutside(hit.number) ? "beside the space" : `entry ${hit.number}${how}`;
      const shown = Number.isNaN(value) ? model.outcomes[view.outcomes[hit.number]] : value.toFixed(4);
      const title = model.titles.get(hit.number);
      const head = title && title !== hit.text ? `${hit.text} — ${title}` : hit.text;
      const item = element("li", { id: `hit-${i}` }, head, element("small", { textContent: `${model.expressions[hit.number]} · ${where} · ${table.table}: ${shown}` }));
      item.setAttribute("role", "option");
      item.dataset.index = i;
      return item;
    });
    let note = "";
    if (text.trim() && !hits.length) note = "no function has this spelling, name or number; act_bench.parse reads any expression";
    else if (guessed) note = "no such name; did you mean one of these?";
    else if (total > hits.length) note = `${total.toLocaleString("en")} functions found, the first ${hits.length} shown`;
    if (note) {
      const line = element("li", { className: "hint", textContent: note });
      line.setAttribute("role", "presentation");
      items.push(line);
    }
    $("hits").replaceChildren(...items);
    $("hits").hidden = !items.length;
    $("find").setAttribute("aria-expanded", String(items.length > 0));
    this.mark();
    if (text.trim()) say(note || `${total} found`);
    root.dataset.hits = total;
  },

  mark() {
    [...$("hits").querySelectorAll("[role=option]")].forEach((item, i) => {
      item.setAttribute("aria-selected", String(i === this.active));
      if (i === this.active) item.scrollIntoView({ block: "nearest" });
    });
    if (this.active >= 0) $("find").setAttribute("aria-activedescendant", `hit-${this.active}`);
    else $("find").removeAttribute("aria-activedescendant");
  },

  key(event) {
    const last = this.hits.length - 1;
    if (event.key === "ArrowDown") this.active = this.active >= last ? Math.min(0, last) : this.active + 1;
    else if (event.key === "ArrowUp") this.active = this.active <= 0 ? last : this.active - 1;
    else if (event.key === "Enter") { if (this.active >= 0) this.take(this.active); }
    else if (event.key === "Escape" && !$("hits").hidden) this.close();
    else return;
    event.preventDefault();
    this.mark();
  },

  take(index) {
    select(this.hits[index].number);
    $("find").value = "";
    this.hits = [];
    this.close();
  },

  close() {
    $("hits").hidden = true;
    $("find").setAttribute("aria-expanded", "false");
    $("find").removeAttribute("aria-activedescendant");
  },
};
