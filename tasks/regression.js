// Files that answer with a number: one bar, where the number lies in its range.
import { floats } from '/static/runtime.js';
import { squarePixels } from '/static/resize.js';

export const smoothed = true; // over the frames of a camera

export const read = (outputs) => ({ number: floats(outputs)[0] });

export async function show({ runner, source, scratch, smooth }) {
  const pixels = squarePixels(source.element, source.width(), source.height(), runner.file.resolution, scratch);
  const began = performance.now();
  const answer = read(await runner.run(pixels));
  const ms = performance.now() - began;
  const [number] = source.moving ? smooth([answer.number]) : [answer.number];
  const [low, high] = runner.file.range;
  if (low == null || high == null) { const plain = number.toPrecision(4); return { ms, bars: [{ name: 'its range is not known', share: 0, text: plain }], label: plain }; }
  const share = Math.min(Math.max((number - low) / (high - low), 0), 1);
  const text = number.toFixed(Math.max(0, 2 - Math.floor(Math.log10(high - low))));
  return { ms, bars: [{ name: `${low} to ${high}`, share, text }], label: text };
}
