// Walks through cells that annotators disagree on, or whose label a network doubts, and settles them.
import { Saver, ask, at, colourOf, element, phoneAddress } from './saving.js';

const folder = await ask('/api/folder');
const { rows, columns } = folder.grid;
const classes = folder.class_names.length;
let [cases, place, what] = [[], 0, 'disagreements'];
const message = (text, kind = 'error') => { Object.assign(at('message'), { textContent: text, hidden: !text, role: kind === 'error' ? 'alert' : 'status' }); };
const saver = new Saver(folder.folder, (text, bad) => { at('saved').textContent = text; at('saved').className = bad ? 'error' : ''; }, (id, why, changes) => {
  for (const one of cases) if (one.id === id && changes.some((each) => each.row === one.row && each.col === one.col)) one.settled = one.before;
  draw();
  message(why);
});
const stored = JSON.parse(localStorage.getItem('gridlite-annotator') || '{}');
at('annotator').value = folder.annotator || stored.annotator || '';
at('annotators').append(...folder.annotators.map((value) => element('option', { value })));
const name = (value) => (value === folder.unusable ? 'cannot be graded' : value === '' ? 'open' : folder.class_names[value]);

for (let number = 0; number <= classes; number += 1) {
  const value = number < classes ? String(number) : folder.unusable;
  const swatch = element('i'); swatch.style.background = colourOf(value, classes);
  const button = element('button', { type: 'button' }, swatch, name(value), element('kbd', { textContent: number < classes ? number : 'X' }));
  button.dataset.value = value;
  button.addEventListener('click', () => settle(value));
  at('palette').append(button);
}

function line(who, value, extra = '') {
  const swatch = element('i'); swatch.style.background = colourOf(value, classes);
  return element('li', {}, swatch, who, element('span', { textContent: name(value) + extra }));
}
function draw() {
  const one = cases[place];
  at('walk').hidden = !one;
  if (!one) return;
  at('title').textContent = `${one.name}, row ${one.row + 1}, column ${one.col + 1}`;
  at('count').textContent = `${place + 1} of ${cases.length}, ${cases.filter((each) => each.settled).length} settled`;
  const votes = what === 'disagreements'
    ? one.votes.map(([who, round, value]) => line(round ? `${who}, round ${round}` : who, value))
    : [line('label', one.label), line('the network', one.suggested)];
  if (one.settled) votes.push(line('settled', one.settled));
  at('votes').replaceChildren(...votes);
  for (const button of at('palette').children) button.setAttribute('aria-pressed', button.dataset.value === one.settled);
  const address = phoneAddress(one, one.corners);
  for (const id of ['large', 'flat']) if (at(id).getAttribute('src') !== address) at(id).src = address;
  const margin = 0.25; // of a cell, all around: what a crack comes from shows
  const times = 100 / (1 + 2 * margin);
  Object.assign(at('large').style, { width: `${columns * times}%`, height: `${rows * times}%`, left: `${-(one.col - margin) * times}%`, top: `${-(one.row - margin) * times}%` });
  Object.assign(at('frame').style, { left: `${100 * one.col / columns}%`, top: `${100 * one.row / rows}%`, width: `${100 / columns}%`, height: `${100 / rows}%` });
  at('large').style.filter = `brightness(${at('brightness').value}) contrast(${at('contrast').value})`;
  at('next').replaceChildren(one.settled ? 'Next ' : 'Skip ', element('kbd', { textContent: 'N' }));
  document.body.dataset.case = `${what} ${place}`;
  const after = cases[place + 1];
  if (after) new Image().src = phoneAddress(after, after.corners);
}
function settle(value) {
  const one = cases[place];
  const who = at('annotator').value.trim();
  if (!one) return;
  if (!who) { message('Say who settles it first.'); at('annotator').focus(); return; }
  message('');
  one.before = one.settled;
  one.settled = value;
  saver.put(one.id, who, folder.round, [{ field: 'settled', value, row: one.row, col: one.col }]);
  go(1);
}
function go(step) {
  if (place + step >= cases.length) { message(`That was the last one. ${cases.filter((each) => !each.settled).length} are still open.`); draw(); return; }
  place = Math.max(place + step, 0);
  draw();
}

const percent = (share) => (share === null ? '–' : `${(100 * share).toFixed(1)} %`);
const table = (head, body) => element('div', { className: 'scroll' }, element('table', {}, element('thead', {}, element('tr', {}, ...head.map((text) => element('th', { textContent: text })))), element('tbody', {}, ...body.map((row) => element('tr', {}, ...row.map((text) => element('td', { textContent: text })))))));
function figures(found) {
  at('figures').hidden = false;
  if (!found.pairs.length) { at('figures').replaceChildren(element('h2', { textContent: 'No cell has been graded twice yet' }), element('p', { textContent: 'A second annotator, or a second round of the same one, makes agreement measurable.' })); return; }
  at('figures').replaceChildren(
    element('h2', { textContent: `Krippendorff's alpha ${found.alpha?.toFixed(3) ?? '–'}` }), element('p', { textContent: 'Ordinal, over all cells graded more than once. 0.8 and above is usually relied on, below 0.67 nothing should be concluded.' }),
    element('h2', { textContent: 'Two by two' }), table(['annotators', 'cells', 'kappa, quadratic', 'graded alike'], found.pairs.map(([one, other, cells, kappa, alike]) => [`${one} / ${other}`, cells, kappa?.toFixed(3) ?? '–', percent(alike)])),
    element('h2', { textContent: 'By class' }), element('p', { textContent: 'Of the times that one said it, how often the other did.' }), table(['class', 'agreement'], found.per_class.map((share, number) => [folder.class_names[number], percent(share)])),
    element('h2', { textContent: 'By annotator' }), element('p', { textContent: 'Of the cells that were settled, or decided by two or more votes.' }), table(['annotator', 'cells', 'as it came out'], found.per_annotator.map(([who, cells, share]) => [who, cells, percent(share)])),
  );
}
async function show(which) {
  what = which;
  for (const tab of document.querySelectorAll('[role=tab]')) tab.setAttribute('aria-selected', tab.dataset.what === which);
  message(''); at('walk').hidden = true; at('figures').hidden = true;
  try {
    const found = await ask(`/api/review/${which}`);
    if (which === 'agreement') figures(found);
    else {
      cases = found; place = Math.max(cases.findIndex((one) => !one.settled), 0);
      if (!cases.length) message(which === 'disagreements' ? 'Nobody disagrees about any cell.' : 'No list of doubtful labels yet: make doubtful DATA=… RUNS=… writes one from a trained sweep.', 'note');
      draw();
    }
  } catch (error) { message(error.message); }
  document.body.dataset.ready = which;
}
for (const tab of document.querySelectorAll('[role=tab]')) tab.addEventListener('click', () => show(tab.dataset.what));
at('previous').addEventListener('click', () => go(-1));
at('next').addEventListener('click', () => go(1));
for (const id of ['brightness', 'contrast']) at(id).addEventListener('input', draw);
addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || at('walk').hidden) return;
  if (event.target.type === 'text') { if (event.key === 'Enter') event.target.blur(); return; }
  const key = event.key.toLowerCase();
  if (/^\d$/.test(key) && Number(key) < classes) settle(key);
  else if (key === 'x') settle(folder.unusable);
  else if (['n', 'enter', 'arrowright'].includes(key)) { event.preventDefault(); go(1); }
  else if (['p', 'arrowleft'].includes(key)) go(-1);
});
addEventListener('beforeunload', (event) => { if (saver.waiting.length) event.preventDefault(); });
await show('disagreements');
