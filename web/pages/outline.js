// From a mask of a phone to its four corners: the same steps as datamodules/screens/outline.py, which says where they come from.
const RAYS = 360, ROUNDS = 12, INNER = 0.07, LEAST_SHARE = 0.04, LEAST_SEEN = 0.4, LEAST_OVERLAP = 0.85, LEAST_AGREEMENT = 0.7, MOST_SKEW_DEG = 25, RATIOS = [1.25, 3.0];
const next = (place) => (place + 1) % 4;

// The mean of masks of one picture, mirrored each way and back; throws where one of them says something else.
export function agreed(masks) {
  const mean = masks[0].map((_, at) => masks.reduce((sum, mask) => sum + mask[at], 0) / masks.length);
  if (!mean.some((one) => one > 0.5)) return mean;
  const least = Math.min(...masks.map((mask) => {
    let [both, either] = [0, 0];
    mask.forEach((one, at) => { both += one > 0.5 && mean[at] > 0.5 ? 1 : 0; either += one > 0.5 || mean[at] > 0.5 ? 1 : 0; });
    return both / Math.max(either, 1);
  }));
  if (least < LEAST_AGREEMENT) throw new Error(`no clear outline: the mirrored picture gives another one, ${(100 * least).toFixed(0)} % alike`);
  return mean;
}

// The rows, the columns, or both of an h × w picture of so many channels in the other order.
export function flipped(values, h, w, channels, down, across) {
  const turned = new values.constructor(values.length);
  for (let y = 0; y < h; y += 1) {
    for (let x = 0; x < w; x += 1) {
      const from = ((down ? h - 1 - y : y) * w + (across ? w - 1 - x : x)) * channels;
      for (let channel = 0; channel < channels; channel += 1) turned[(y * w + x) * channels + channel] = values[from + channel];
    }
  }
  return turned;
}

// mask: Float32Array of h × w probabilities that spans the picture → { corners: four [x, y], overlap }.
export function findOutline(mask, h, w, width, height) {
  const part = largestPart(mask, h, w);
  const share = part.reduce((sum, one) => sum + one, 0) / part.length;
  if (share < LEAST_SHARE) throw new Error(`no phone found: ${(100 * share).toFixed(0)} % of the picture looks like one`);
  const kept = new Float64Array(h * w);
  for (let y = 0; y < h; y += 1) {
    for (let x = 0; x < w; x += 1) {
      let near = false;
      for (let v = Math.max(0, y - 1); v <= Math.min(h - 1, y + 1) && !near; v += 1) for (let u = Math.max(0, x - 1); u <= Math.min(w - 1, x + 1); u += 1) near ||= part[v * w + u] === 1;
      kept[y * w + x] = near ? mask[y * w + x] : 0;
    }
  }
  const points = boundary(kept, part, h, w);
  let quad = smallestRectangle(points);
  const marked = points.map(([x, y]) => [x, y, x < 1 || y < 1 || x > w - 1 || y > h - 1]);
  for (let round = 0; round < ROUNDS; round += 1) quad = fitted(marked, quad);
  const overlap = overlapOf(part, quad, h, w);
  const corners = quad.map(([x, y]) => [x * width / w, y * height / h]);
  mustBeAPhone(corners, overlap);
  return { corners: ordered(corners), overlap };
}

function largestPart(mask, h, w) {
  const label = new Int32Array(h * w);
  let [count, best, most] = [0, 0, 0];
  for (let start = 0; start < h * w; start += 1) {
    if (mask[start] <= 0.5 || label[start]) continue;
    count += 1; label[start] = count;
    const stack = [start];
    let size = 0;
    while (stack.length) {
      const at = stack.pop();
      size += 1;
      const x = at % w;
      for (const [to, fits] of [[at - 1, x > 0], [at + 1, x < w - 1], [at - w, at >= w], [at + w, at < (h - 1) * w]]) if (fits && mask[to] > 0.5 && !label[to]) { label[to] = count; stack.push(to); }
    }
    if (size > most) { most = size; best = count; }
  }
  return Uint8Array.from(label, (one) => (best && one === best ? 1 : 0));
}

function boundary(mask, part, h, w) {
  let [sumX, sumY, count] = [0, 0, 0];
  part.forEach((one, at) => { if (one) { sumX += at % w; sumY += Math.floor(at / w); count += 1; } });
  const centre = [sumX / count + 0.5, sumY / count + 0.5];
  const value = (x, y) => (x < 0 || y < 0 || x >= w || y >= h ? 0 : mask[y * w + x]);
  const sample = (x, y) => {
    const [u, v] = [Math.min(Math.max(x + 0.5, 0), w + 2 - 1.001), Math.min(Math.max(y + 0.5, 0), h + 2 - 1.001)];
    const [left, top] = [Math.floor(u), Math.floor(v)];
    const [a, b] = [u - left, v - top];
    const above = (1 - a) * value(left - 1, top - 1) + a * value(left, top - 1);
    const below = (1 - a) * value(left - 1, top) + a * value(left, top);
    return (1 - b) * above + b * below;
  };
  const longest = Math.hypot(h, w);
  return Array.from({ length: RAYS }, (_, ray) => {
    const angle = 2 * Math.PI * ray / RAYS;
    const way = [Math.cos(angle), Math.sin(angle)];
    const values = [];
    for (let step = 0; step < longest; step += 0.25) values.push(sample(centre[0] + step * way[0], centre[1] + step * way[1]));
    const last = Math.max(0, values.findLastIndex((one) => one > 0.5));
    const after = last + 1 < values.length ? values[last + 1] : 0;
    const reach = values[last] > 0.5 ? 0.25 * last + 0.25 * (values[last] - 0.5) / Math.max(values[last] - after, 1e-9) : 0;
    return [Math.min(Math.max(centre[0] + reach * way[0], 0), w), Math.min(Math.max(centre[1] + reach * way[1], 0), h)];
  });
}

function smallestRectangle(points) {
  let best = null;
  for (let degree = 0; degree < 90; degree += 1) {
    const [c, s] = [Math.cos(degree * Math.PI / 180), Math.sin(degree * Math.PI / 180)];
    const turned = points.map(([x, y]) => [x * c + y * s, -x * s + y * c]);
    const [low, high] = [Math.min, Math.max].map((pick) => [0, 1].map((axis) => pick(...turned.map((one) => one[axis]))));
    const area = (high[0] - low[0]) * (high[1] - low[1]);
    if (best === null || area < best.area) best = { area, box: [low, [high[0], low[1]], high, [low[0], high[1]]].map(([x, y]) => [x * c - y * s, x * s + y * c]) };
  }
  return best.box;
}

function fitted(points, quad) {
  const along = quad.map((start, side) => [quad[next(side)][0] - start[0], quad[next(side)][1] - start[1]]);
  const length = along.map(([x, y]) => Math.max(Math.hypot(x, y), 1e-9));
  const unit = along.map(([x, y], side) => [x / length[side], y / length[side]]);
  const own = [[], [], [], []];
  for (const point of points) {
    const away = quad.map((start, side) => Math.abs((point[0] - start[0]) * unit[side][1] - (point[1] - start[1]) * unit[side][0]));
    const side = away.indexOf(Math.min(...away));
    const share = ((point[0] - quad[side][0]) * unit[side][0] + (point[1] - quad[side][1]) * unit[side][1]) / length[side];
    if (share > INNER && share < 1 - INNER) own[side].push([point[0], point[1], away[side], point[2], share]);
  }
  const lines = own.map((those, side) => {
    const within = those.filter((one) => !one[3]);
    const shares = within.map((one) => one[4]);
    const used = within.length && Math.max(...shares) - Math.min(...shares) >= LEAST_SEEN ? within : those;
    return used.length >= 5 ? line(used) : [quad[side], unit[side]];
  });
  return quad.map((corner, side) => meeting(lines[(side + 3) % 4], lines[side]) || corner);
}

function line(points) {
  const weights = points.map(([, , away]) => 1 / (1 + (away / 0.75) ** 2));
  const total = weights.reduce((sum, one) => sum + one, 0);
  const middle = [0, 1].map((axis) => points.reduce((sum, point, place) => sum + weights[place] * point[axis], 0) / total);
  let [xy, difference] = [0, 0];
  points.forEach(([px, py], place) => { const [x, y] = [px - middle[0], py - middle[1]]; xy += weights[place] * x * y; difference += weights[place] * (x * x - y * y); });
  const angle = 0.5 * Math.atan2(2 * xy, difference);
  return [middle, [Math.cos(angle), Math.sin(angle)]];
}

function meeting([p, u], [q, v]) {
  const cross = u[0] * v[1] - u[1] * v[0];
  if (Math.abs(cross) < 0.2) return null;
  const step = ((q[0] - p[0]) * v[1] - (q[1] - p[1]) * v[0]) / cross;
  return [p[0] + step * u[0], p[1] + step * u[1]];
}

const areaOf = (quad) => 0.5 * quad.reduce((sum, [x, y], side) => sum + x * quad[next(side)][1] - y * quad[next(side)][0], 0);

function overlapOf(part, quad, h, w) {
  const turn = Math.sign(areaOf(quad));
  let [both, either] = [0, 0];
  for (let at = 0; at < h * w; at += 1) {
    const [x, y] = [at % w + 0.5, Math.floor(at / w) + 0.5];
    const inside = quad.every((start, side) => turn * ((quad[next(side)][0] - start[0]) * (y - start[1]) - (quad[next(side)][1] - start[1]) * (x - start[0])) >= 0);
    both += inside && part[at] ? 1 : 0; either += inside || part[at] ? 1 : 0;
  }
  return both / Math.max(either, 1);
}

const sidesOf = (corners) => corners.map(([x, y], side) => Math.hypot(corners[next(side)][0] - x, corners[next(side)][1] - y));

function mustBeAPhone(corners, overlap) {
  const sides = sidesOf(corners);
  const share = (sides[0] + sides[2]) / Math.max(sides[1] + sides[3], 1e-9);
  const ratio = Math.max(share, 1 / Math.max(share, 1e-9));
  if (overlap < LEAST_OVERLAP) throw new Error(`no clear outline: four straight sides fit what looks like a phone to ${(100 * overlap).toFixed(0)} %`);
  if (ratio < RATIOS[0] || ratio > RATIOS[1]) throw new Error(`no phone's shape: the long side is ${ratio.toFixed(1)} times the short one`);
  const skew = Math.max(...corners.map((_, place) => Math.abs(angleAt(corners, place) - 90)));
  if (skew > MOST_SKEW_DEG) throw new Error(`no phone's shape: a corner is ${skew.toFixed(0)} degrees off a right angle`);
}

function angleAt(corners, place) {
  const [one, other] = [corners[(place + 3) % 4], corners[next(place)]].map(([x, y]) => [x - corners[place][0], y - corners[place][1]]);
  const cosine = (one[0] * other[0] + one[1] * other[1]) / Math.max(Math.hypot(...one) * Math.hypot(...other), 1e-9);
  return Math.acos(Math.min(Math.max(cosine, -1), 1)) * 180 / Math.PI;
}

function ordered(given) {
  const corners = areaOf(given) < 0 ? [...given].reverse() : given;
  const sides = sidesOf(corners);
  const first = sides[0] + sides[2] <= sides[1] + sides[3] ? 0 : 1;
  const middles = corners.map(([x, y], side) => [0.5 * (x + corners[next(side)][0]), 0.5 * (y + corners[next(side)][1])]);
  const [one, other] = [middles[first], middles[(first + 2) % 4]];
  const level = Math.abs(one[1] - other[1]) < 0.5 * Math.abs(one[0] - other[0]);
  const later = level ? one[0] > other[0] : one[1] > other[1];
  const start = (later ? first + 2 : first) % 4;
  return corners.map((_, place) => corners[(place + start) % 4]);
}
