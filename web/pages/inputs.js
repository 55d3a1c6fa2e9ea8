// Pixels as a file takes them. gridlite's files take them as they are; others say in their metadata how they are scaled.

// Light and dark change places: ink on paper becomes chalk on a board.
export const inverse = (pixels) => pixels.map((value) => 255 - value);

// RGB of 0..255, three numbers a pixel → one number a pixel (BT.601, as OpenCV).
function luma(pixels) {
  const grey = new Float32Array(pixels.length / 3);
  for (let place = 0; place < grey.length; place += 1) grey[place] = Math.round(0.299 * pixels[3 * place] + 0.587 * pixels[3 * place + 1] + 0.114 * pixels[3 * place + 2]);
  return grey;
}

// pixels: Float32Array, RGB 0..255 → what the file takes. mean and std: one number for each channel, none for uint8.
export function prepared(pixels, { channels = 3, dtype = 'float32', mean = [], std = [] } = {}) {
  const given = channels === 1 ? luma(pixels) : pixels;
  if (dtype === 'uint8') return Uint8Array.from(given);
  return mean.length ? given.map((value, place) => (value - mean[place % channels]) / std[place % channels]) : given;
}
