"use strict";
// How numbers, columns and colors look.

const RAMPS = {
  light: ["#f0cf6b", "#e8924a", "#c94d45", "#7d2a68", "#2a1a55"],
  dark: ["#5a4a9c", "#a5478b", "#e0635a", "#f6a355", "#fdeb9a"],
};
const PINS = {
  light: ["#1f6fd6", "#d2492a", "#158a5b", "#9a3fb5", "#a87900"],
  dark: ["#6db1ff", "#ff8c66", "#4fd69b", "#d892f0", "#e8c145"],
};
const DASHES = ["", "7 4", "2 3", "9 3 2 3", "14 4"]; // to tell lines apart in gray
const COMPARED = PINS.light.length;
const MAPS = { outputs: "outputs", fim: "Fisher spectra", union: "both" };
const FINAL = " (for the final report)";
const NAMES = {
  train_accuracy: "train accuracy", validation_accuracy: "validation accuracy",
  test_accuracy: `test accuracy${FINAL}`, train_loss: "train loss, nats",
  validation_loss: "validation loss, nats", test_loss: `test loss, nats${FINAL}`,
  validation_accuracy_std: "std over the seeds",
  validation_loss_std: "std over the seeds, nats", runs: "seeds", runtime_s: "seconds per run",
  learning_rate: "learning rate", fresh_runs: "fresh seeds",
  fresh_validation_accuracy: "validation accuracy, fresh seeds",
  fresh_validation_accuracy_std: "std over the fresh seeds",
  fresh_test_accuracy: `test accuracy, fresh seeds${FINAL}`,
  fresh_validation_loss: "validation loss, fresh seeds, nats",
  fresh_validation_loss_std: "std over the fresh seeds, nats",
  fresh_test_loss: `test loss, fresh seeds, nats${FINAL}`,
};

function columnName(column) {
  return NAMES[column] || column;
}

function shortNumber(value) {
  if (value === null || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "> 3e38" : "< −3e38"; // beyond float32
  const size = Math.abs(value);
  if (size && (size >= 10000 || size < 0.0001)) return value.toExponential(2);
  return String(Number(value.toPrecision(4)));
}

/** A value with its interval; ~ marks one from the spread of other functions. */
function withInterval({ value, half, pooled }) {
  if (Number.isNaN(value)) return "–";
  if (Number.isNaN(half)) return value.toFixed(4);
  return `${value.toFixed(4)} ±${pooled ? "~" : ""}${half.toFixed(4)}`;
}

function rateName(table, name) {
  if (name === "tuned") return "tuned";
  if (name !== "own") return `rate ${name}`;
  const own = table.views.own.rate;
  return own === null ? "its own rate" : `rate ${own} (own)`;
}

function mixedColor(ramp, share) {
  const channel = (hex, i) => parseInt(hex.slice(1 + 2 * i, 3 + 2 * i), 16);
  const at = Math.min(Math.max(share, 0), 1) * (ramp.length - 1);
  const i = Math.min(Math.floor(at), ramp.length - 2);
  const part = (k) => Math.round(channel(ramp[i], k) * (1 - at + i) + channel(ramp[i + 1], k) * (at - i));
  return `rgb(${[0, 1, 2].map(part)})`;
}
