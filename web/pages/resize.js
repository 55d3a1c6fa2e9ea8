// The resize rule of every file: the mean over each target pixel's area when both sides shrink, bilinear otherwise.
// The same as OpenCV's INTER_AREA and INTER_LINEAR, which Python uses.

// One axis: for each target place where its source places begin, how many they are, and their weights.
function area(from, to) {
  const scale = from / to;
  const most = Math.ceil(scale) + 1;
  const found = { first: new Int32Array(to), count: new Int32Array(to), most, weights: new Float64Array(to * most) };
  for (let place = 0; place < to; place += 1) {
    const low = place * scale;
    const high = Math.min((place + 1) * scale, from);
    const last = Math.min(Math.ceil(high - 1e-9), from);
    found.first[place] = Math.floor(low);
    found.count[place] = last - found.first[place];
    for (let at = found.first[place]; at < last; at += 1) found.weights[place * most + at - found.first[place]] = (Math.min(at + 1, high) - Math.max(at, low)) / (high - low);
  }
  return found;
}

// The two source places between which each target place lies, and their weights in 1/2048. Beyond the border OpenCV moves a place
// onto it across a row, and takes the border's row twice down a column: its whole numbers come out differently.
function between(from, to, moved) {
  const scale = from / to;
  const found = { low: new Int32Array(to), high: new Int32Array(to), weights: new Int32Array(to * 2) };
  for (let place = 0; place < to; place += 1) {
    let spot = Math.fround((place + 0.5) * scale - 0.5);
    if (moved) spot = Math.min(Math.max(spot, 0), from - 1);
    const low = Math.floor(spot);
    found.low[place] = Math.min(Math.max(low, 0), from - 1);
    found.high[place] = Math.min(Math.max(low + 1, 0), from - 1);
    found.weights[2 * place] = Math.round(2048 * (1 - (spot - low)));
    found.weights[2 * place + 1] = Math.round(2048 * (spot - low));
  }
  return found;
}

// Bilinear, in whole numbers as OpenCV computes them for bytes.
function enlarge(rgba, width, height, side, tall) {
  const [across, down] = [between(width, side, true), between(height, tall, false)];
  const rows = new Int32Array(height * side * 3);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < side; x += 1) {
      const [one, other] = [4 * (y * width + across.low[x]), 4 * (y * width + across.high[x])];
      for (let channel = 0; channel < 3; channel += 1) rows[3 * (y * side + x) + channel] = across.weights[2 * x] * rgba[one + channel] + across.weights[2 * x + 1] * rgba[other + channel];
    }
  }
  const pixels = new Float32Array(tall * side * 3);
  for (let y = 0; y < tall; y += 1) {
    const [one, other] = [3 * side * down.low[y], 3 * side * down.high[y]];
    const [near, far] = [down.weights[2 * y], down.weights[2 * y + 1]];
    for (let x = 0; x < 3 * side; x += 1) pixels[3 * side * y + x] = (((near * (rows[one + x] >> 4)) >> 16) + ((far * (rows[other + x] >> 4)) >> 16) + 2) >> 2;
  }
  return pixels;
}

// One row of RGBA bytes, drawn together to `side` places of RGB.
function drawTogether(rows, rgba, y, width, side, axis) {
  const { first, count, most, weights } = axis;
  for (let x = 0; x < side; x += 1) {
    let red = 0;
    let green = 0;
    let blue = 0;
    for (let near = 0; near < count[x]; near += 1) {
      const weight = weights[x * most + near];
      const spot = 4 * (y * width + first[x] + near);
      red += weight * rgba[spot];
      green += weight * rgba[spot + 1];
      blue += weight * rgba[spot + 2];
    }
    const spot = 3 * (y * side + x);
    rows[spot] = red;
    rows[spot + 1] = green;
    rows[spot + 2] = blue;
  }
}

// rgba: Uint8ClampedArray of width × height × 4 → Float32Array tall × side × 3, RGB 0..255 in whole numbers.
export function resize(rgba, width, height, side, tall = side) {
  if (!(width >= side && height >= tall && (width > side || height > tall))) return enlarge(rgba, width, height, side, tall);
  const [across, down] = [area(width, side), area(height, tall)];
  const rows = new Float32Array(height * side * 3);
  for (let y = 0; y < height; y += 1) drawTogether(rows, rgba, y, width, side, across);
  const pixels = new Float32Array(tall * side * 3);
  for (let y = 0; y < tall; y += 1) {
    for (let near = 0; near < down.count[y]; near += 1) {
      const weight = down.weights[y * down.most + near];
      const from = 3 * (down.first[y] + near) * side;
      const to = 3 * y * side;
      for (let x = 0; x < 3 * side; x += 1) pixels[to + x] += weight * rows[from + x];
    }
  }
  for (let place = 0; place < pixels.length; place += 1) pixels[place] = Math.round(pixels[place]);
  return pixels;
}

// The largest centred square of a picture, video frame or canvas, as the file wants it: side × side, or side wide and tall high.
export function squarePixels(source, width, height, side, canvas, tall = side) {
  const edge = Math.min(width, height);
  canvas.width = edge; canvas.height = edge;
  const drawing = canvas.getContext('2d', { willReadFrequently: true });
  drawing.drawImage(source, Math.floor((width - edge) / 2), Math.floor((height - edge) / 2), edge, edge, 0, 0, edge, edge);
  return resize(drawing.getImageData(0, 0, edge, edge).data, edge, edge, side, tall);
}

// All pixels of a picture, video frame or canvas, RGBA.
export function wholePixels(source, width, height, canvas) {
  canvas.width = width; canvas.height = height;
  const drawing = canvas.getContext('2d', { willReadFrequently: true });
  drawing.drawImage(source, 0, 0, width, height);
  return drawing.getImageData(0, 0, width, height).data;
}

const MOST = 4096; // of a picture's long side; iPhones show no canvas beyond 16.7 million pixels

// Draws a chosen picture, upright, what is transparent on white, into a canvas that every phone can hold; gives its drawing
// context and how much smaller it is drawn.
export async function drawPicture(file, canvas) {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, MOST / Math.max(bitmap.width, bitmap.height));
  canvas.width = Math.round(bitmap.width * scale); canvas.height = Math.round(bitmap.height * scale);
  const drawing = canvas.getContext('2d', { willReadFrequently: true });
  drawing.fillStyle = 'white';
  drawing.fillRect(0, 0, canvas.width, canvas.height);
  drawing.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return { drawing, scale };
}
