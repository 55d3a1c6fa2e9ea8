// Damage on a graded phone: a second file marks it pixel by pixel, cell by cell, as station/damage.py does.
import { Runner, element, modelBytes, viewOf } from './runtime.js';
import { COLOURS, borders, has, markPixels } from './masks.js';
import { splitCells } from './cells.js';

// Files that see the cells of a phone → those that grade them, and those that mark pixels in them.
export async function byKind(files) {
  const marks = await Promise.all(files.map(async (file) => Boolean((await viewOf(file)).marks)));
  return [files.filter((_, place) => !marks[place]), files.filter((_, place) => marks[place])];
}

export class Marker {
  // select: a list to choose from; its label is hidden where there are no files.
  constructor(select, files) {
    Object.assign(this, { select, files, runner: null, turn: 0, missing: '' });
    select.append(element('option', { value: '', textContent: 'nothing' }), ...files.map((file) => element('option', { value: file.id, textContent: file.title })));
    if (files.length) select.value = String(files[0].id);
    select.closest('label').hidden = !files.length;
  }

  // Opens what is chosen, on the CPU.
  async open({ threads }) {
    const mine = ++this.turn;
    this.runner?.close();
    Object.assign(this, { runner: null, missing: '' });
    const file = this.files.find((one) => String(one.id) === this.select.value);
    if (!file) return;
    try {
      const made = await Runner.open(file, await modelBytes(file), { threads });
      if (mine === this.turn) this.runner = made; else made.close();
    } catch (error) { this.missing = error.message; }
  }

  // phone: as `rectify` gives it; screen: its width and height in mm, if known → { file, screen, cells: [{ width, height, bits, shares }] }; null where nothing marks, or it is wanted no more.
  async mark(phone, grid, screen, wanted) {
    const using = this.runner;
    if (!using) return null;
    const own = using.file.preprocessing.grid;
    if (own.columns !== grid.columns || own.rows !== grid.rows) throw new Error(`${using.file.title} marks phones cut into ${own.columns} × ${own.rows} cells, not ${grid.columns} × ${grid.rows}: choose another file for the damage, or nothing.`);
    const cells = [];
    for (const rgba of splitCells(phone, grid)) {
      if (!wanted()) return null;
      cells.push(withoutSpecks(await markPixels(using, rgba, grid.cell_px, grid.cell_px)));
    }
    return { file: using.file, screen, cells };
  }
}

// A class of so few pixels of a cell counts as not there.
function withoutSpecks({ width, height, bits, shares }) {
  const kept = shares.reduce((all, share, label) => all | (has(share) ? 1 << label : 0), 0);
  return { width, height, bits: bits.map((one) => one & kept), shares: shares.map((share) => (has(share) ? share : 0)) };
}

// → [{ label, lines: [[[x, y], [x, y]], …] }]: the borders of what is marked; place: from the grid's columns and rows to the photo.
export function outlines({ file, cells }, grid, place) {
  return file.labels.map((_, label) => ({
    label,
    lines: cells.flatMap((mask, number) => {
      const [row, column] = [Math.floor(number / grid.columns), number % grid.columns];
      return borders(mask, label).map((ends) => ends.map(([x, y]) => place(column + x, row + y)));
    }),
  }));
}

export const pathOf = (lines) => lines.map(([from, to]) => `M${from.join()}L${to.join()}`).join('');
export const colourOf = (label) => `rgb(${COLOURS[label]})`;

// What a cell's marks are in the saved answer.
export const markedOf = ({ file, screen, cells }, number) => Object.fromEntries(file.labels.map((name, label) => {
  const share = cells[number].shares[label];
  return [name, { share, ...(screen && { area_mm2: share * screen[0] * screen[1] / cells.length }) }];
}));

// A line for each class, with its colour, and what is to be said of the file.
export function legend({ file, screen, cells }) {
  const warning = file.warning ? [element('p', { className: 'note', textContent: `${file.title}: ${file.warning}` })] : [];
  return [...file.labels.map((name, label) => {
    const shares = cells.map((one) => one.shares[label]);
    const [count, share] = [shares.filter((one) => one > 0).length, shares.reduce((one, other) => one + other) / cells.length];
    const chip = element('span', { className: 'chip' });
    chip.style.borderColor = colourOf(label);
    return element('p', {}, chip, `${name}: in ${count} of ${cells.length} cells, ${(100 * share).toFixed(2)} % of the area${screen ? `, ${(share * screen[0] * screen[1]).toFixed(1)} mm²` : ''}`);
  }), ...warning];
}
