// Pixels marked in a picture of any shape by a file of one shape; the rule of datamodules/masks/tiles.py.
import { resize } from './resize.js';
import { floats } from './runtime.js';

// RGB of classes in their order, those of datamodules/masks/contours.py.
export const COLOURS = [[255, 77, 79], [64, 169, 255], [250, 219, 20], [115, 209, 61], [179, 127, 235], [255, 146, 46], [54, 207, 201], [247, 89, 171]];
const LEAST = 200 / (128 * 800); // share of a picture's pixels above which it counts as having a class, as published

// Where windows begin that cover a length, as few as will do.
export function starts(length, wanted) {
  const count = Math.ceil(length / wanted);
  return Array.from({ length: count }, (_, place) => Math.floor(place * (length - wanted) / Math.max(1, count - 1)));
}

// One tile out of pixels of width × height × 3; what lies beyond the border repeats it.
function tile(pixels, width, height, top, left, rows, columns) {
  const cut = new Float32Array(rows * columns * 3);
  for (let y = 0; y < rows; y += 1) {
    const from = Math.min(top + y, height - 1) * width;
    for (let x = 0; x < columns; x += 1) {
      const spot = 3 * (from + Math.min(left + x, width - 1));
      cut.set(pixels.subarray(spot, spot + 3), 3 * (y * columns + x));
    }
  }
  return cut;
}

// → { width, height, bits: Uint8Array, shares: of each label } at the size that the network saw.
export async function markPixels(runner, rgba, wide, high) {
  const { size: [rows, columns], labels, threshold } = runner.file;
  const share = Math.min(rows, columns) / Math.min(high, wide);
  const [width, height] = [Math.round(wide * share), Math.round(high * share)];
  const pixels = resize(rgba, wide, high, width, height);
  const [sums, counts] = [new Float32Array(width * height * labels.length), new Uint8Array(width * height)];
  for (const top of starts(Math.max(height, rows), rows)) {
    for (const left of starts(Math.max(width, columns), columns)) {
      const probabilities = floats(await runner.run(tile(pixels, width, height, top, left, rows, columns)));
      for (let y = top; y < Math.min(top + rows, height); y += 1) {
        for (let x = left; x < Math.min(left + columns, width); x += 1) {
          const from = ((y - top) * columns + x - left) * labels.length;
          for (let label = 0; label < labels.length; label += 1) sums[(y * width + x) * labels.length + label] += probabilities[from + label];
          counts[y * width + x] += 1;
        }
      }
    }
  }
  const [bits, shares] = [new Uint8Array(width * height), labels.map(() => 0)];
  for (let place = 0; place < bits.length; place += 1) {
    for (let label = 0; label < labels.length; label += 1) {
      if (sums[place * labels.length + label] > threshold * counts[place]) { bits[place] |= 1 << label; shares[label] += 1 / bits.length; }
    }
  }
  return { width, height, bits, shares };
}

export const has = (share) => share > LEAST;

// Where a class's pixels end: [[x, y], [x, y]] along the edges of pixels, from 0 to 1 across the picture.
export function borders({ width, height, bits }, label) {
  const inside = (x, y) => x >= 0 && x < width && y >= 0 && y < height && ((bits[y * width + x] >> label) & 1) === 1;
  const found = [];
  // Along each line between rows, then between columns, pieces as long as they are straight.
  const walk = (lines, length, differs, point) => {
    for (let line = 0; line <= lines; line += 1) {
      for (let from = 0; from < length; from += 1) {
        if (!differs(line, from)) continue;
        let to = from + 1;
        while (to < length && differs(line, to)) to += 1;
        found.push([point(line, from), point(line, to)]);
        from = to;
      }
    }
  };
  walk(height, width, (y, x) => inside(x, y - 1) !== inside(x, y), (y, x) => [x / width, y / height]);
  walk(width, height, (x, y) => inside(x - 1, y) !== inside(x, y), (x, y) => [x / width, y / height]);
  return found;
}

// Tints what is marked and draws its border, on a canvas that lies above the picture.
export function drawMarks(canvas, { width, height, bits }) {
  canvas.width = width; canvas.height = height;
  const image = new ImageData(width, height);
  for (let place = 0; place < bits.length; place += 1) {
    const label = 31 - Math.clz32(bits[place]);
    if (label < 0) continue;
    const [x, bit] = [place % width, 1 << label];
    const inside = x > 0 && x < width - 1 && [place - 1, place + 1, place - width, place + width].every((near) => bits[near] & bit);
    image.data.set([...COLOURS[label], inside ? 70 : 255], 4 * place);
  }
  canvas.getContext('2d').putImageData(image, 0, 0);
}
