// Classifiers from elsewhere: the likeliest classes as bars, by the labels in their metadata.
import { squarePixels } from '/static/resize.js';

export const smoothed = true; // over the frames of a camera
export const ranked = true; // the person chooses how many answers are shown

// file.output: { place, steps }, steps the scale and zero point of whole numbers. Numbers outside 0..1 are taken for logits.
export function read(outputs, { place, steps }) {
  const [scale, zero] = steps || [1, 0];
  const values = Float32Array.from(outputs[place].values, (value) => (value - zero) * scale);
  if (values.every((value) => value >= -1e-6 && value <= 1 + 1e-6)) return { probabilities: values };
  const most = values.reduce((one, other) => Math.max(one, other));
  const powers = values.map((value) => Math.exp(value - most));
  const sum = powers.reduce((one, other) => one + other);
  return { probabilities: powers.map((value) => value / sum) };
}

export async function show({ runner, source, scratch, most, smooth }) {
  const { labels, size: [height, width], output } = runner.file;
  const pixels = squarePixels(source.element, source.width(), source.height(), width, scratch, height);
  const began = performance.now();
  const { probabilities } = read(await runner.run(pixels), output);
  const ms = performance.now() - began;
  const chances = Array.from(source.moving ? smooth(probabilities) : probabilities);
  const best = [...chances.keys()].sort((a, b) => chances[b] - chances[a]);
  const bars = best.slice(0, most).map((place) => ({ name: labels[place], share: chances[place], digits: 1 }));
  return { ms, bars, label: labels[best[0]], share: chances[best[0]] };
}
