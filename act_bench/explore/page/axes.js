"use strict";
// Scales of the plots: round values for ticks, and limits that fit what is drawn.

/** Round values from min to max, about as many as asked for. */
function ticks(min, max, count) {
  const raw = (max - min) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((each) => each * power).find((each) => each >= raw * 0.999);
  const found = [];
  for (let i = Math.ceil(min / step - 1e-9); i * step <= max + step * 1e-9; i++) found.push(Number((i * step).toPrecision(12)));
  return found;
}

/** Limits around values, with a little room; those that are not finite do not count. */
function fittedLimits(values, room = 0.025) {
  let [min, max] = [Infinity, -Infinity];
  for (const value of values) {
    if (value === null || !Number.isFinite(value)) continue;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  if (!(max >= min)) return [0, 1];
  const more = room * (max - min) || 0.01;
  return [min - more, max + more];
}
