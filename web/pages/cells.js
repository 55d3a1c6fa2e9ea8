// The phone seen straight from above, cut into cells: as datamodules/screens/grid.py does it.
import { resize } from './resize.js';

// The 3 × 3 map that takes the four `from` points to the four `to` points.
export function homography(from, to) {
  const rows = [];
  from.forEach(([x, y], place) => {
    const [u, v] = to[place];
    rows.push([x, y, 1, 0, 0, 0, -u * x, -u * y, u], [0, 0, 0, x, y, 1, -v * x, -v * y, v]);
  });
  for (let column = 0; column < 8; column += 1) {
    let pivot = column;
    for (let row = column + 1; row < 8; row += 1) if (Math.abs(rows[row][column]) > Math.abs(rows[pivot][column])) pivot = row;
    [rows[column], rows[pivot]] = [rows[pivot], rows[column]];
    for (let row = 0; row < 8; row += 1) {
      if (row === column) continue;
      const factor = rows[row][column] / rows[column][column];
      for (let place = column; place < 9; place += 1) rows[row][place] -= factor * rows[column][place];
    }
  }
  return [...rows.map((row, place) => row[8] / row[place]), 1];
}

// What could not be a phone's outline: crossed, mirrored, without area.
export function checkCorners(corners) {
  const edges = corners.map(([x, y], place) => [corners[(place + 1) % 4][0] - x, corners[(place + 1) % 4][1] - y]);
  const turns = edges.map(([x, y], place) => x * edges[(place + 1) % 4][1] - y * edges[(place + 1) % 4][0]);
  if (!turns.every((turn) => turn > 1e-6)) throw new Error('The corners are crossed or mirrored: put them back in order.');
}

// One row of the enlarged phone, added to the sums of the pixels that it belongs to. Plain numbers only: browsers run such
// loops fast from the first photo on.
function addRow(sums, picture, back, y, w, width, factor) {
  const from = picture.data;
  const stride = picture.width;
  const right = picture.width - 1;
  const bottom = picture.height - 1;
  const base = 3 * Math.floor(y / factor) * width;
  const [m0, m3, m6] = [back[0], back[3], back[6]];
  const across = back[1] * y + back[2];
  const down = back[4] * y + back[5];
  const depth = back[7] * y + back[8];
  for (let x = 0; x < w; x += 1) {
    const scale = 1 / (m6 * x + depth);
    const u = (m0 * x + across) * scale;
    const v = (m3 * x + down) * scale;
    const left = Math.floor(u);
    const top = Math.floor(v);
    const a = u - left;
    const b = v - top;
    const x0 = 4 * Math.min(Math.max(left, 0), right);
    const x1 = 4 * Math.min(Math.max(left + 1, 0), right);
    const y0 = 4 * stride * Math.min(Math.max(top, 0), bottom);
    const y1 = 4 * stride * Math.min(Math.max(top + 1, 0), bottom);
    const w00 = (1 - a) * (1 - b);
    const w01 = a * (1 - b);
    const w10 = (1 - a) * b;
    const w11 = a * b;
    const spot = base + 3 * Math.floor(x / factor);
    sums[spot] += (w00 * from[y0 + x0] + w01 * from[y0 + x1] + w10 * from[y1 + x0] + w11 * from[y1 + x1] + 0.5) | 0;
    sums[spot + 1] += (w00 * from[y0 + x0 + 1] + w01 * from[y0 + x1 + 1] + w10 * from[y1 + x0 + 1] + w11 * from[y1 + x1 + 1] + 0.5) | 0;
    sums[spot + 2] += (w00 * from[y0 + x0 + 2] + w01 * from[y0 + x1 + 2] + w10 * from[y1 + x0 + 2] + w11 * from[y1 + x1 + 2] + 0.5) | 0;
  }
}

// picture: ImageData → ImageData-like { data, width, height } of the upright phone, columns · cell_px wide.
export function rectify(picture, corners, { columns, rows, cell_px: side }) {
  const [width, height] = [columns * side, rows * side];
  const longest = Math.max(...corners.map(([x, y], place) => Math.hypot(corners[(place + 1) % 4][0] - x, corners[(place + 1) % 4][1] - y)));
  const factor = Math.max(1, Math.ceil(longest / height - 1e-6));
  const [w, h] = [width * factor, height * factor];
  const back = homography([[0, 0], [w, 0], [w, h], [0, h]].map(([x, y]) => [x - 0.5, y - 0.5]), corners.map(([x, y]) => [x - 0.5, y - 0.5]));
  const sums = new Float32Array(width * height * 3);
  for (let y = 0; y < h; y += 1) addRow(sums, picture, back, y, w, width, factor);
  const data = new Uint8ClampedArray(width * height * 4);
  const share = 1 / (factor * factor);
  for (let place = 0; place < width * height; place += 1) {
    for (let channel = 0; channel < 3; channel += 1) data[4 * place + channel] = Math.round(sums[3 * place + channel] * share);
    data[4 * place + 3] = 255;
  }
  return { data, width, height };
}

// The cells of a rectified phone, RGBA, row by row from the top.
export function splitCells({ data, width }, { columns, rows, cell_px: side }) {
  return Array.from({ length: rows * columns }, (_, number) => {
    const [row, column] = [Math.floor(number / columns), number % columns];
    const cell = new Uint8ClampedArray(side * side * 4);
    for (let y = 0; y < side; y += 1) {
      const from = 4 * ((row * side + y) * width + column * side);
      cell.set(data.subarray(from, from + 4 * side), 4 * y * side);
    }
    return cell;
  });
}

// The same as the file wants them.
export const cellPixels = (phone, grid, resolution) => splitCells(phone, grid).map((cell) => resize(cell, grid.cell_px, grid.cell_px, resolution));

// The device's grade by the first rule that holds.
export function deviceGrade(labels, rules) {
  const rule = rules.find((one) => labels.filter((label) => one.of.includes(label)).length >= one.cells);
  return rule ? rule.grade : 'no rule holds';
}
