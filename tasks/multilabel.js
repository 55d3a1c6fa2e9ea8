// Files that give any number of labels: a bar for each label, those above their threshold in the answer.
import { floats } from '/static/runtime.js';
import { squarePixels } from '/static/resize.js';

export const smoothed = true; // over the frames of a camera
export const ranked = true; // the person chooses how many answers are shown

export const read = (outputs) => ({ probabilities: floats(outputs) });

export async function show({ runner, source, scratch, most, smooth }) {
  const pixels = squarePixels(source.element, source.width(), source.height(), runner.file.resolution, scratch);
  const began = performance.now();
  const { probabilities } = read(await runner.run(pixels));
  const ms = performance.now() - began;
  const chances = Array.from(source.moving ? smooth(probabilities) : probabilities);
  const { labels, described } = runner.file;
  const given = labels.filter((_, place) => chances[place] > described.thresholds[place]);
  const best = [...chances.keys()].sort((a, b) => chances[b] - chances[a]);
  const bars = best.slice(0, Math.max(most, given.length)).map((place) => ({ name: labels[place], share: chances[place], digits: 1, colour: chances[place] > described.thresholds[place] ? undefined : '#b7bcc5' }));
  return { ms, bars, label: given.join(', ') || 'nothing' };
}
