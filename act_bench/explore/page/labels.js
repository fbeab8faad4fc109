"use strict";
// Where names stand on a plot, such that none covers another or a marked point.

const LABEL_HEIGHT = 15;
const SIDES = [[1, 0], [-1, 0], [0, -1], [0, 1], [1, -1], [1, 1], [-1, -1], [-1, 1]];

/**
 * Place labels beside their points, the first ones first; null for one that fits nowhere.
 * Points are {x, y, width}, in pixels; the result has the left upper corner of each label.
 */
function placedLabels(points, { width, height, gap = 7 }) {
  const taken = points.map(({ x, y }) => ({ left: x - 3, top: y - 3, right: x + 3, bottom: y + 3 }));
  const free = (box) => taken.every((other) => box.right <= other.left || box.left >= other.right
    || box.bottom <= other.top || box.top >= other.bottom);
  return points.map((point, own) => {
    if (point.x < 0 || point.y < 0 || point.x > width || point.y > height) return null;
    for (const reach of [gap, 2.6 * gap]) {
      for (const [dx, dy] of SIDES) {
        const left = point.x + dx * reach - (dx < 0 ? point.width : dx ? 0 : point.width / 2);
        const top = point.y + dy * reach - (dy < 0 ? LABEL_HEIGHT : dy ? 0 : LABEL_HEIGHT / 2);
        const box = { left, top, right: left + point.width, bottom: top + LABEL_HEIGHT };
        const inside = left >= 0 && top >= 0 && box.right <= width && box.bottom <= height;
        const [mark] = taken.splice(own, 1); // a label may touch its own point
        const fits = inside && free(box);
        taken.splice(own, 0, mark);
        if (fits) {
          taken.push(box);
          return { left, top };
        }
      }
    }
    return null;
  });
}
