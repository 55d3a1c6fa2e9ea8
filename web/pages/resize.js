// The resize rule of every file: the mean over each target pixel's area when both sides shrink, bilinear otherwise.
// The same as OpenCV's INTER_AREA and INTER_LINEAR, which Python uses.

// One axis: for each target place the source places it draws on, with their weights.
function area(from, to) {
  const scale = from / to;
  return Array.from({ length: to }, (_, place) => {
    const [low, high] = [place * scale, Math.min((place + 1) * scale, from)];
    const spots = [];
    for (let at = Math.floor(low); at < Math.min(Math.ceil(high - 1e-9), from); at += 1) {
      spots.push([at, (Math.min(at + 1, high) - Math.max(at, low)) / (high - low)]);
    }
    return spots;
  });
}

function linear(from, to) {
  const scale = from / to;
  return Array.from({ length: to }, (_, place) => {
    const spot = (place + 0.5) * scale - 0.5;
    const low = Math.floor(spot);
    const inside = (at) => Math.min(Math.max(at, 0), from - 1);
    return [[inside(low), 1 - (spot - low)], [inside(low + 1), spot - low]];
  });
}

// rgba: Uint8ClampedArray of width × height × 4 → Float32Array side × side × 3, RGB 0..255 in whole numbers.
export function resize(rgba, width, height, side) {
  const axis = width >= side && height >= side && (width > side || height > side) ? area : linear;
  const [across, down] = [axis(width, side), axis(height, side)];
  const rows = new Float32Array(height * side * 3);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < side; x += 1) {
      let [red, green, blue] = [0, 0, 0];
      for (const [at, weight] of across[x]) {
        const spot = 4 * (y * width + at);
        red += weight * rgba[spot]; green += weight * rgba[spot + 1]; blue += weight * rgba[spot + 2];
      }
      const spot = 3 * (y * side + x);
      rows[spot] = red; rows[spot + 1] = green; rows[spot + 2] = blue;
    }
  }
  const pixels = new Float32Array(side * side * 3);
  for (let y = 0; y < side; y += 1) {
    for (const [at, weight] of down[y]) {
      const [from, to] = [3 * at * side, 3 * y * side];
      for (let x = 0; x < 3 * side; x += 1) pixels[to + x] += weight * rows[from + x];
    }
  }
  return pixels.map(Math.round);
}

// The largest centred square of a picture, video frame or canvas, as the file wants it.
export function squarePixels(source, width, height, side, canvas) {
  const edge = Math.min(width, height);
  canvas.width = edge; canvas.height = edge;
  const drawing = canvas.getContext('2d', { willReadFrequently: true });
  drawing.drawImage(source, (width - edge) / 2, (height - edge) / 2, edge, edge, 0, 0, edge, edge);
  return resize(drawing.getImageData(0, 0, edge, edge).data, edge, edge, side);
}

const MOST = 4096; // of a picture's long side; iPhones show no canvas beyond 16.7 million pixels

// Draws a chosen picture, upright, into a canvas that every phone can hold; gives its drawing context.
export async function drawPicture(file, canvas) {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, MOST / Math.max(bitmap.width, bitmap.height));
  canvas.width = Math.round(bitmap.width * scale); canvas.height = Math.round(bitmap.height * scale);
  const drawing = canvas.getContext('2d', { willReadFrequently: true });
  drawing.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return drawing;
}
