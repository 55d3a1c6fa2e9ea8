// One photo at a time: its outline, its cells, a key for each grade. Every change is sent at once.
import { Saver, ask, at, colourOf, element, phoneAddress, photoAddress, written } from './saving.js';
import { Outline } from './corners.js';

const folder = await ask('/api/folder');
const { rows, columns } = folder.grid;
at('phone').style.setProperty('--columns', columns);
at('phone').style.setProperty('--rows', rows);
const classes = folder.class_names.length;
const stored = JSON.parse(localStorage.getItem('gridlite-annotator') || '{}');
at('doubt').textContent = folder.doubt ? `Proposals of ${folder.model}: ${folder.doubt}.` : '';
at('doubt').hidden = !folder.doubt;
const me = { annotator: folder.annotator || '', round: folder.round };
let [queue, place, photo, cell, undone] = [[], 0, null, 0, []];
const known = new Map();
const message = (text) => { at('message').textContent = text; at('message').hidden = !text; };
const saver = new Saver(folder.folder, (text, bad) => { at('saved').textContent = text; at('saved').className = bad ? 'error' : ''; }, async (id, why) => {
  known.delete(id);
  if (photo?.id === id) await open(place);
  message(why);
});
saver.adopted = (ids) => { for (const id of ids) known.delete(id); if (photo && ids.includes(photo.id)) open(place); };
addEventListener('beforeunload', (event) => { if (saver.waiting.length) event.preventDefault(); });

const address = (id) => `/api/photos/${id}?annotator=${encodeURIComponent(me.annotator)}&round=${me.round}`;
const fetched = (id) => { if (!known.has(id)) known.set(id, read(id)); return known.get(id); };
// The photo as the app knows it, and upon it what the app has yet to hear; asked again if something went there meanwhile.
async function read(id) {
  for (;;) {
    const before = await saver.quiet(id);
    const found = await ask(address(id));
    if (saver.attempts(id) !== before) continue;
    found.auto = found.set ? null : found.corners;
    for (const one of saver.of(id, me.annotator, me.round)) apply(one, found);
    return found;
  }
}
const outline = new Outline(at('photo'), at('outline'), at('loupe'), (corners) => change([{ field: 'corners', value: written(corners) }]));

for (let number = 0; number <= classes; number += 1) {
  const value = number < classes ? String(number) : folder.unusable;
  const swatch = element('i'); swatch.style.background = colourOf(value, classes);
  const button = element('button', { type: 'button' }, swatch, number < classes ? folder.class_names[number] : 'cannot be graded', element('kbd', { textContent: number < classes ? number : 'X' }));
  button.dataset.value = value;
  button.addEventListener('click', () => grade(value));
  at('palette').append(button);
}
// Pictures are of rendered phones, graded by the lines that were drawn on them.
const RUBRIC = [['no damage', 'dust, prints and reflections are none'], ['minor scratches', 'short: together under a third of the diagonal'], ['major scratches', 'longer than that'], ['minor cracks', 'lines or a star; under a third of the cell'], ['major cracks', 'more than a third, or crushed glass']];
const explain = (name, text, source) => {
  at('looks').append(element('dt', {}, element('b', { textContent: name }), ` ${text}`));
  if (source) at('looks').append(element('dd', {}, element('img', { src: source, alt: `cells: ${name}`, loading: 'lazy' })));
  at('rubric').hidden = false;
};
if (folder.rubric.length) folder.rubric.forEach((look, number) => explain(folder.class_names[number], look.words, look.picture && `/api/rubric/${number}`));
else if (JSON.stringify(folder.class_names) === JSON.stringify(RUBRIC.map(([name]) => name))) {
  for (const [number, [name, text]] of RUBRIC.entries()) {
    explain(name, text, `/static/rubric/${number}.jpg`);
  }
}
at('cells').style.gridTemplate = `repeat(${rows}, 1fr) / repeat(${columns}, 1fr)`;
for (let number = 0; number < rows * columns; number += 1) {
  const button = element('button', { type: 'button', role: 'gridcell', tabIndex: -1 }, element('span'));
  button.addEventListener('click', () => { select(number); });
  at('cells').append(button);
}
at('rest').replaceChildren(`Rest: ${folder.class_names[0]} `, element('kbd', { textContent: 'F' }));
const KEYS = [[`0 … ${classes - 1}`, 'grade the cell, go on'], ['X', 'cannot be graded'], ['Delete', 'take a grade back'], ['arrows', 'another cell'], ['F', `the rest: ${folder.class_names[0]}`], ['A', 'the rest as proposed'], ['Z', 'undo'], ['Enter, N', 'next photo'], ['P', 'photo before'], ['T', 'turn half round'], ['O', 'find the outline'], ['+ −', 'zoom']];
for (const [key, text] of KEYS) at('keys').append(element('dt', {}, element('kbd', { textContent: key })), element('dd', { textContent: text }));

// Applies changes here and sends them; `before` undoes them.
function change(changes, { undoing = false } = {}) {
  const before = changes.map((one) => ({ ...one, value: valueOf(one) })).reverse();
  const sent = changes.map((one) => (one.field === 'label' && one.value && guess(numberOf(one)) ? { ...one, proposed: guess(numberOf(one)) } : one));
  const grades = changes.some((one) => one.field === 'label' && one.value);
  if (grades && photo.corners && !photo.set) sent.unshift({ field: 'corners', value: written(photo.corners), default: true });
  const device = at('device').value.trim();
  if (grades && !photo.device && device) sent.push({ field: 'source_id', value: device, default: true });
  for (const one of changes) apply(one);
  if (grades) { photo.set ||= Boolean(photo.corners); photo.device ||= device; }
  if (!undoing) undone.push({ id: photo.id, changes: before, cell });
  saver.put(photo.id, me.annotator, me.round, sent);
  refresh();
  draw();
  if (folder.model && changes.some((one) => one.field === 'corners')) proposeAgain(photo);
}
// The network looks at the cells within the corners of now.
async function proposeAgain(shown) {
  shown.proposed = null;
  await saver.idle();
  const { proposed } = await ask(address(shown.id)).catch(() => ({ proposed: null }));
  shown.proposed = proposed;
  if (shown === photo) draw();
}
const numberOf = (one) => one.row * columns + one.col;
const placeOf = (number) => ({ row: Math.floor(number / columns), col: number % columns });
function valueOf(one) {
  if (one.field === 'label') return photo.labels[numberOf(one)];
  if (one.field === 'corners') return photo.corners && photo.set ? written(photo.corners) : '';
  return one.field === 'source_id' ? photo.device : one.field === 'unusable' ? (photo.unusable ? '1' : '') : one.field === 'comment' ? photo.comment : '';
}
function apply(one, to = photo) {
  if (one.field === 'label') to.labels[numberOf(one)] = one.value;
  else if (one.field === 'corners') {
    if (one.value) { const values = one.value.split(' ').map(Number); to.corners = [0, 2, 4, 6].map((start) => values.slice(start, start + 2)); to.set = true; } else { to.corners = to.auto; to.set = false; }
  } else if (one.field === 'turned') {
    to.corners = [2, 3, 0, 1].map((corner) => to.corners[corner]);
    to.labels.reverse();
    to.proposed?.reverse();
  } else if (one.field === 'source_id') to.device = one.value;
  else if (one.field === 'unusable') to.unusable = Boolean(one.value);
  else if (one.field === 'comment') to.comment = one.value;
}
function refresh() {
  const entry = queue[place];
  entry.graded = photo.labels.filter(Boolean).length;
  entry.unusable = photo.unusable;
  entry.device = photo.device;
}

function grade(value) {
  if (!photo?.corners) { message('Put the corners on the phone first.'); return; }
  change([{ field: 'label', value, ...placeOf(cell) }]);
  if (value && cell < photo.labels.length - 1) select(cell + 1);
}
function fill(valueFor) {
  if (!photo?.corners) { message('Put the corners on the phone first.'); return; }
  const changes = photo.labels.flatMap((value, number) => (value ? [] : [{ field: 'label', value: valueFor(number), ...placeOf(number) }]));
  if (changes.length) change(changes);
}
const guess = (number) => { const chances = photo.proposed?.[number]; return chances ? String(chances.indexOf(Math.max(...chances))) : ''; };
const accept = () => { if (photo.proposed) fill(guess); };
async function undo() {
  outline.flush();
  const last = undone.pop();
  if (!last) return;
  if (last.id !== photo.id) await open(queue.findIndex((one) => one.id === last.id));
  if (last.id !== photo?.id) { undone.push(last); return; }
  change(last.changes, { undoing: true });
  for (const one of last.changes) { if (one.field === 'source_id') at('device').value = one.value || photo.suggested; if (one.field === 'comment') at('comment').value = one.value; if (one.field === 'unusable') at('unusable').checked = photo.unusable; }
  select(last.cell);
}
// Everybody's grades turn with the phone: the app does that.
function turn() {
  if (!photo?.corners) return;
  outline.flush();
  if (!photo.set) change([{ field: 'corners', value: written(photo.corners) }]);
  change([{ field: 'turned', value: '' }]);
}
async function find() {
  const shown = photo;
  try {
    const found = await ask(`/api/photos/${shown.id}/outline`);
    if (shown !== photo) return; // another photo is open by now
    if (!found.corners) { message(found.why); return; }
    const turned = [2, 3, 0, 1].map((corner) => found.corners[corner]);
    const far = (corners) => corners.reduce((sum, [x, y], corner) => sum + Math.hypot(x - photo.corners[corner][0], y - photo.corners[corner][1]), 0);
    change([{ field: 'corners', value: written(photo.corners && far(turned) < far(found.corners) ? turned : found.corners) }]);
  } catch (error) { message(error.message); }
}

function select(number) { cell = Math.min(Math.max(number, 0), rows * columns - 1); draw(); }
function draw() {
  const done = queue.filter((one) => one.unusable || one.graded === one.cells).length;
  at('progress').max = queue.length; at('progress').value = done;
  at('count').textContent = `${done} of ${queue.length} photos done`;
  [...at('strip').children].forEach((dot, number) => {
    const one = queue[number];
    dot.className = one.unusable ? 'out' : one.graded === one.cells ? 'done' : one.graded ? 'some' : '';
    if (number === place) dot.setAttribute('aria-current', 'true'); else dot.removeAttribute('aria-current');
  });
  [...at('cells').children].forEach((button, number) => {
    const [value, proposed] = [photo.labels[number], guess(number)];
    const badge = button.firstChild;
    const chances = photo.proposed?.[number];
    badge.textContent = value === folder.unusable ? '✕' : value || (proposed ? `${proposed}? ${Math.round(100 * Math.max(...chances))} %` : '');
    badge.className = value ? '' : 'guess';
    badge.hidden = !value && !proposed;
    badge.style.background = colourOf(value, classes);
    button.setAttribute('aria-selected', number === cell);
    button.setAttribute('aria-label', `row ${placeOf(number).row + 1}, column ${placeOf(number).col + 1}: ${value === '' ? 'not graded' : folder.class_names[value] || 'cannot be graded'}`);
    button.style.boxShadow = value && number !== cell ? `inset 0 0 0 2px ${colourOf(value, classes)}` : '';
  });
  for (const button of at('palette').children) button.setAttribute('aria-pressed', button.dataset.value === photo.labels[cell]);
  at('undo').disabled = !undone.length;
  at('accept').hidden = !photo.proposed;
  const flat = photo.corners ? phoneAddress(photo, photo.corners) : '';
  if (at('flat').getAttribute('src') !== flat) { if (flat) at('flat').src = flat; else at('flat').removeAttribute('src'); }
  at('phone').hidden = !flat;
  outline.show(photo);
  at('hint').textContent = photo.corners ? (photo.set ? '' : 'Outline found by itself: drag a corner where it is off.') : `${photo.why}. Drag the corners onto the phone's.`;
  lens();
}
function lens() {
  at('flat').style.filter = `brightness(${at('brightness').value}) contrast(${at('contrast').value})`;
  const { row, col } = placeOf(cell);
  at('phone').style.transformOrigin = `${100 * (col + 0.5) / columns}% ${100 * (row + 0.5) / rows}%`;
  at('phone').style.transform = `scale(${at('zoom').value})`;
}

let opening = 0;
let busy = false; // between two photos; keys typed meanwhile are meant for the next one
const typed = [];
async function open(number) {
  const mine = ++opening;
  busy = true;
  try { await openNow(number, () => mine === opening); } finally { if (mine === opening) busy = false; }
  while (!busy && typed.length) press(typed.shift());
}
async function openNow(number, wanted) {
  const before = place;
  place = Math.min(Math.max(number, 0), queue.length - 1);
  const { id } = queue[place];
  let next;
  try { next = await fetched(id); } catch (error) { known.delete(id); if (wanted()) { place = before; typed.length = 0; message(error.message); } return; }
  if (!wanted()) return;
  message('');
  photo = next;
  cell = Math.max(photo.labels.indexOf(''), 0);
  at('name').textContent = photo.name; at('name').title = photo.name;
  at('picture').src = photoAddress(photo);
  at('device').value = photo.device || photo.suggested;
  at('because').textContent = !photo.device && photo.because ? `suggested: ${photo.because}` : '';
  at('devices').replaceChildren(...photo.devices.map((value) => element('option', { value })));
  at('comment').value = photo.comment;
  at('unusable').checked = photo.unusable;
  at('bench').hidden = false;
  draw();
  document.body.dataset.photo = photo.name;
  const after = queue[place + 1];
  if (after) fetched(after.id).then((later) => { for (const one of [photoAddress(later), later.corners && phoneAddress(later, later.corners)]) if (one) new Image().src = one; }).catch(() => known.delete(after.id));
}
async function go(step) {
  if (place + step >= queue.length) { message(`That was the last photo. ${queue.filter((one) => !one.unusable && one.graded < one.cells).length} still have cells without a grade.`); return; }
  if (place + step < 0) return;
  saveFields();
  busy = true;
  const { id } = queue[place + step];
  // a device is suggested by what was said of other photos: what was fetched before that is asked for again
  const ahead = await known.get(id)?.catch(() => null);
  if (!ahead?.device && !ahead?.labels.some(Boolean)) { await Promise.race([saver.idle(), new Promise((done) => { setTimeout(done, 1500); })]); known.delete(id); }
  await open(place + step);
}
function saveFields() {
  outline.flush();
  if (!photo) return;
  const changes = [];
  const device = at('device').value.trim();
  if (device && device !== photo.device && (photo.labels.some(Boolean) || device !== photo.suggested)) changes.push({ field: 'source_id', value: device });
  if (at('comment').value.trim() !== photo.comment) changes.push({ field: 'comment', value: at('comment').value.trim() });
  if (changes.length) change(changes);
}
at('device').addEventListener('change', saveFields);
at('comment').addEventListener('change', saveFields);
at('unusable').addEventListener('change', () => change([{ field: 'unusable', value: at('unusable').checked ? '1' : '' }]));
for (const id of ['brightness', 'contrast', 'zoom']) at(id).addEventListener('input', lens);
at('plain').addEventListener('click', () => { for (const id of ['brightness', 'contrast', 'zoom']) at(id).value = 1; lens(); });
at('rest').addEventListener('click', () => fill(() => '0'));
at('accept').addEventListener('click', accept);
at('undo').addEventListener('click', undo);
at('previous').addEventListener('click', () => go(-1));
at('next').addEventListener('click', () => go(1));
at('turn').addEventListener('click', turn);
at('find').addEventListener('click', find);
at('who').addEventListener('click', enter);
at('lens').addEventListener('wheel', (event) => { if (!event.ctrlKey && at('zoom').value === '1') return; event.preventDefault(); zoom(-Math.sign(event.deltaY)); }, { passive: false });
function zoom(step) { at('zoom').value = Number(at('zoom').value) + 0.5 * step; lens(); }

const SHORT = { x: () => grade(folder.unusable), delete: () => grade(''), backspace: () => grade(''), f: () => fill(() => '0'), a: accept, z: undo, enter: () => go(1), n: () => go(1), p: () => go(-1), t: turn, o: find, '+': () => zoom(1), '-': () => zoom(-1), arrowleft: () => select(cell - 1), arrowright: () => select(cell + 1), arrowup: () => select(cell >= columns ? cell - columns : cell), arrowdown: () => select(cell < columns * (rows - 1) ? cell + columns : cell) };
addEventListener('keydown', (event) => {
  const typing = ['INPUT', 'TEXTAREA', 'SELECT'].includes(event.target.tagName) && event.target.type !== 'range' && event.target.type !== 'checkbox';
  if (at('door').open || !queue.length || event.altKey || event.metaKey || event.target.classList?.contains('handle')) return;
  if (typing) { if (event.key === 'Enter' || event.key === 'Escape') event.target.blur(); return; }
  const name = event.key.toLowerCase();
  if (event.ctrlKey && name !== 'z') return;
  if (!/^\d$/.test(name) && !SHORT[name]) return;
  event.preventDefault();
  if (busy) typed.push(name); else if (photo) press(name);
});
function press(name) {
  if (SHORT[name]) SHORT[name]();
  else if (Number(name) < classes) grade(name);
}

async function enter() {
  saveFields();
  busy = true;
  at('annotator').value = me.annotator || stored.annotator || '';
  at('round').value = me.round;
  at('annotators').replaceChildren(...folder.annotators.map((value) => element('option', { value })));
  at('door').showModal();
  await new Promise((done) => { at('door').addEventListener('close', done, { once: true }); });
  const name = at('annotator').value.trim();
  if (!name) { enter(); return; }
  [me.annotator, me.round] = [name, Math.min(Math.max(Math.round(Number(at('round').value)) || 1, 1), 99)];
  localStorage.setItem('gridlite-annotator', JSON.stringify(me));
  await begin();
}
async function begin() {
  at('who').textContent = `${me.annotator} · round ${me.round}`;
  known.clear(); undone = []; typed.length = 0; photo = null; at('bench').hidden = true; delete document.body.dataset.photo;
  try { queue = await ask(`/api/queue?annotator=${encodeURIComponent(me.annotator)}&round=${me.round}`); } catch (error) { message(error.message); return; }
  at('strip').replaceChildren(...queue.map((one, number) => { const dot = element('button', { title: one.name, type: 'button', ariaLabel: one.name }); dot.addEventListener('click', () => { saveFields(); open(number); }); return dot; }));
  const first = queue.findIndex((one) => !one.unusable && one.graded < one.cells);
  await open(Math.max(first, 0));
  if (first < 0) message('Every photo is done. Click a square above to look at one again.');
  if (folder.left_out.length) at('count').title = `left out: ${folder.left_out.join('; ')}`;
}
document.body.dataset.ready = 'yes';
if (me.annotator) await begin(); else await enter();
