// Files that grade: the likeliest classes as bars.
import { readGrades } from '/static/runtime.js';
import { squarePixels } from '/static/resize.js';

export const smoothed = true; // over the frames of a camera
export const ranked = true; // the person chooses how many answers are shown

export const read = readGrades; // { probabilities, grade }

export async function show({ runner, source, scratch, most, smooth }) {
  const pixels = squarePixels(source.element, source.width(), source.height(), runner.file.resolution, scratch);
  const began = performance.now();
  const { probabilities } = read(await runner.run(pixels));
  const ms = performance.now() - began;
  const chances = Array.from(source.moving ? smooth(probabilities) : probabilities);
  const best = [...chances.keys()].sort((a, b) => chances[b] - chances[a]);
  const { labels } = runner.file;
  const bars = best.slice(0, most).map((place) => ({ name: labels[place], share: chances[place], digits: 1 }));
  return { ms, bars, label: labels[best[0]], share: chances[best[0]] };
}
