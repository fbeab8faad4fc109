"use strict";
// Rows as CSV (RFC 4180).

function csvCell(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "";
  if (value === Infinity) return "inf";
  const text = typeof value === "number" ? String(Number(value.toPrecision(6))) : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Columns is a list of names, rows a list of lists. */
function csvText(columns, rows) {
  return [columns, ...rows].map((row) => `${row.map(csvCell).join(",")}\r\n`).join("");
}
