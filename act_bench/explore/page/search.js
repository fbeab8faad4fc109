"use strict";
// Finds functions by a spelling, a name of the catalogue, or the number of an entry.

/** A spelling as the package writes it: lower case, no spaces, one name per operator. */
function plainSpelling(text, synonyms = {}) {
  const plain = text.toLowerCase().replace(/\s+/g, "");
  return plain.replace(/[a-z_0-9]+(?=\()/g, (word) => synonyms[word] ?? word);
}

/** A name as act_bench.functions.catalogue.find reads it. */
function plainName(text) {
  return text.trim().toLowerCase().replace(/[-\s]/g, "_");
}

/** Words of a filter: parts of spellings or names; -word leaves out. */
function filterWords(text) {
  return text.toLowerCase().replace(/\s*([(),])\s*/g, "$1").split(/\s+/).filter(Boolean);
}

function passesFilter(words, text) {
  return words.every((word) => (word.length > 1 && word[0] === "-"
    ? !text.includes(word.slice(1)) : text.includes(word)));
}

/** The 5,103 expressions in the order of act_bench.spaces.paper.enumerate_space. */
function enumerated(binary, unary) {
  return binary.flatMap((b) => unary.flatMap((l) => unary.map((r) => `${b}(${l}(x),${r}(x))`)));
}

/**
 * What can be typed, by its plain form. Functions are the payload's `functions`, unpacked:
 * spellings with their entries and how they resolve, lone operators, names, entries.
 */
function searchIndex({ spellings, spellingEntry, spellingHow, lone, names, entries, synonyms }) {
  const exact = new Map();
  const texts = [];
  const add = (key, text, number, how, kind) => {
    if (!exact.has(key)) exact.set(key, { number, text, how, kind });
    texts.push({ key, text, number, how, kind });
  };
  // As the package reads a text: a spelling first, then a name.
  lone.forEach(([text, entry, how]) => add(text, text, entry, how, "spelling"));
  for (const { name, title, aliases, expression, number } of names) {
    if (expression) add(plainSpelling(expression, synonyms), expression, number, 2, "spelling");
    for (const text of new Set([name, title, ...aliases])) add(plainName(text), text, number, null, "name");
  }
  spellings.forEach((text, i) => add(text, text, spellingEntry[i], spellingHow[i], "spelling"));
  return { exact, texts, entries, synonyms };
}

/** Number of letters to change, add or leave out. */
function editDistance(a, b) {
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] !== b[j - 1]));
    }
    last = row;
  }
  return last[b.length];
}

/**
 * Functions that a text finds, best first, each once: {hits, total, guessed}.
 * A hit is {number, text, how, kind}; `guessed` says that nothing matched and near names are given.
 */
function findFunctions(index, query, limit = 12) {
  const spelled = plainSpelling(query, index.synonyms);
  const named = plainName(query);
  if (!spelled) return { hits: [], total: 0, guessed: false };
  const best = new Map(); // number -> [rank, hit]
  const offer = (rank, hit) => {
    const known = best.get(hit.number);
    if (!known || rank < known[0]) best.set(hit.number, [rank, hit]);
  };
  const number = /^(?:#|entry)?(\d+)$/.exec(spelled);
  if (number && Number(number[1]) < index.entries) {
    offer(0, { number: Number(number[1]), text: `entry ${Number(number[1])}`, how: null, kind: "entry" });
  }
  for (const key of [spelled, named]) if (index.exact.has(key)) offer(1, index.exact.get(key));
  if (!number) {
    const words = filterWords(query).map((word) => plainSpelling(word, index.synonyms));
    for (const hit of index.texts) {
      const isName = hit.kind === "name";
      const length = hit.key.length / 1000; // the simpler first
      if (isName && hit.key.startsWith(named)) offer(2 + length, hit);
      else if (isName && hit.key.includes(named)) offer(3 + length, hit);
      else if (!isName && passesFilter(words, hit.key)) offer((hit.key.startsWith(spelled) ? 4 : 5) + length, hit);
    }
  }
  const sorted = [...best.values()].sort((a, b) => a[0] - b[0] || a[1].number - b[1].number).map((pair) => pair[1]);
  if (sorted.length || number) return { hits: sorted.slice(0, limit), total: sorted.length, guessed: false };
  const near = index.texts.filter((hit) => hit.kind === "name")
    .map((hit) => [editDistance(named, hit.key), hit])
    .filter(([distance]) => distance <= Math.max(2, named.length / 3));
  for (const [distance, hit] of near) offer(10 + distance, hit);
  const guesses = [...best.values()].sort((a, b) => a[0] - b[0]).map((pair) => pair[1]).slice(0, 5);
  return { hits: guesses, total: guesses.length, guessed: true };
}
