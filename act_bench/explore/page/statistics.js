"use strict";
// Intervals of what seeds give, ranks and rank correlation.

// 97.5 % quantiles of Student's t, by degrees of freedom from 1.
const T_QUANTILES = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145,
  2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048,
  2.045, 2.042,
];
// Standard error of the median of n normal values, in units of that of their mean; n from 1.
const MEDIAN_FACTORS = [1, 1, 1.16, 1.092, 1.198, 1.135, 1.218, 1.16, 1.23, 1.176];
const MEDIAN_LIMIT = Math.sqrt(Math.PI / 2);

function tQuantile(freedom) {
  return freedom < 1 ? NaN : (T_QUANTILES[freedom - 1] ?? 1.96 + 2.4 / freedom);
}

/** Half the width of the 95 % interval of the median (or the mean) of n values. */
function halfWidth(std, n, { mean = false } = {}) {
  if (!(n >= 2) || !Number.isFinite(std)) return NaN;
  const factor = mean ? 1 : (MEDIAN_FACTORS[n - 1] ?? MEDIAN_LIMIT);
  return (tQuantile(n - 1) * factor * std) / Math.sqrt(n);
}

/** Root mean square of the standard deviations that are known. */
function pooledStd(stds) {
  let [sum, n] = [0, 0];
  for (const std of stds) if (Number.isFinite(std)) { sum += std * std; n++; }
  return n ? Math.sqrt(sum / n) : NaN;
}

/** Ranks from 1, the mean rank for ties. */
function ranks(values) {
  const order = Array.from(values.keys()).sort((a, b) => values[a] - values[b]);
  const found = new Float64Array(values.length);
  for (let from = 0; from < order.length;) {
    let to = from;
    while (to + 1 < order.length && values[order[to + 1]] === values[order[from]]) to++;
    for (let i = from; i <= to; i++) found[order[i]] = (from + to) / 2 + 1;
    from = to + 1;
  }
  return found;
}

/** Spearman's rank correlation of two lists without gaps. */
function spearman(a, b) {
  const [p, q] = [ranks(a), ranks(b)];
  const middle = (a.length + 1) / 2;
  let [both, first, second] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    both += (p[i] - middle) * (q[i] - middle);
    first += (p[i] - middle) ** 2;
    second += (q[i] - middle) ** 2;
  }
  return both / Math.sqrt(first * second);
}
