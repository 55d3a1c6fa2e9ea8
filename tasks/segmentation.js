// Files that mark pixels: marks above the picture, bars are shares of its pixels.
import { COLOURS, drawMarks, has, markPixels } from '/static/masks.js';
import { floats } from '/static/runtime.js';
import { wholePixels } from '/static/resize.js';

export const whole = true; // all of the picture is shown, not its largest square
export const marks = true; // a canvas above the picture is drawn on

export const read = (outputs) => ({ probabilities: floats(outputs) });

export async function show({ runner, source, scratch, view, canvas, current }) {
  const [width, height] = [source.width(), source.height()];
  const pixels = wholePixels(source.element, width, height, scratch);
  const began = performance.now();
  const found = await markPixels(runner, pixels, width, height);
  const ms = performance.now() - began;
  if (!current()) return { ms, bars: [] };
  view.style.setProperty('--shape', `${width} / ${height}`);
  drawMarks(canvas, found);
  scratch.getContext('2d').drawImage(canvas, 0, 0, width, height);
  const { labels } = runner.file;
  const bars = labels.map((name, place) => ({ name, share: found.shares[place], colour: `rgb(${COLOURS[place]})`, digits: 2 }));
  const seen = labels.filter((_, place) => has(found.shares[place]));
  return { ms, bars, label: seen.join(', ') || 'nothing', share: Math.max(...found.shares) };
}
