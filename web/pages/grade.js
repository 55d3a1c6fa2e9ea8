import { Runner, ready, ask, element, floats, listFiles, modelBytes, abilities, readGrades } from './runtime.js';
import { agreed, findOutline, flipped } from './outline.js';
import { Marker, byKind, colourOf as markColour, legend, markedOf, outlines, pathOf } from './damage.js';
import { cellPixels, checkCorners, deviceGrade, homography, rectify } from './cells.js';
import { clock, screenshot, shareOrSave } from './screenshot.js';
import { offerRuntime } from './settings.js';
import { hue } from './colours.js';
import { drawPicture, resize } from './resize.js';

const at = (id) => document.getElementById(id);
const svg = (tag, settings) => { const made = document.createElementNS('http://www.w3.org/2000/svg', tag); for (const [name, value] of Object.entries(settings)) made.setAttribute(name, value); return made; };
const [every, can] = await Promise.all([listFiles(), abilities()]);
const [files, marking] = await byKind(every.filter((file) => file.preprocessing.grid));
const say = (text, bad) => { at('status').textContent = text; at('status').className = bad ? 'error' : ''; };
const OUTLINE = { resolution: 160, size: [160, 160] };
let [runner, finder, picture, corners, found, missing] = [null, null, null, null, null, ''];

const without = (file) => (marking.includes(file) ? ' (marks damage)' : files.includes(file) ? '' : ' (no cells)');
for (const file of every) at('file').append(element('option', { value: file.id, disabled: !files.includes(file), textContent: `${file.title}${without(file)}` }));
const marker = new Marker(at('damage'), marking);
const setting = offerRuntime(at('threads'), at('delegate'), can);
at('missing').replaceChildren(...can.missing.map((text) => element('p', { className: 'note', textContent: text })));
if (files.length) at('file').value = String((files.find((file) => file.advised) || files[0]).id);
// Whether a file leaves a cell to a person: its best grade is not sure enough (`ask`, see metrics/conformal.py).
const asksFor = (file, answer) => file.ask?.threshold != null && answer.grade === 0 && answer.probabilities[0] <= file.ask.threshold;
const colourOf = (grade, count) => hue(grade / Math.max(count - 1, 1));

let turn = 0;
async function open() {
  const mine = ++turn;
  runner?.close();
  runner = null;
  const file = files.find((one) => one.id === Number(at('file').value));
  if (!file) return;
  at('warning').textContent = file.warning;
  at('warning').hidden = !file.warning;
  const made = await Runner.open(file, await modelBytes(file), setting());
  if (mine !== turn) { made.close(); return; } // another file has been chosen since
  runner = made;
  await marker.open(setting());
  try {
    if (finder?.threads === setting().threads) return;
    finder?.close();
    finder = null;
    finder = await Runner.open(OUTLINE, new Uint8Array(await (await ask('/api/outline.tflite')).arrayBuffer()), { threads: setting().threads });
  } catch (error) { missing = error.message; }
}
let opened = Promise.resolve();
const openNow = () => { opened = open().catch((error) => say(error.message, true)); return opened; };

// The outline of the phone in the picture; throws where it cannot be trusted.
async function outline(photo) {
  if (!finder) throw new Error(missing);
  const side = OUTLINE.resolution;
  const pixels = resize(photo.data, photo.width, photo.height, side);
  const masks = [];
  for (const [down, across] of [[false, false], [false, true], [true, false], [true, true]]) masks.push(flipped(floats(await finder.run(flipped(pixels, side, side, 3, down, across))), side / 2, side / 2, 1, down, across));
  return findOutline(agreed(masks), side / 2, side / 2, photo.width, photo.height);
}

// One photo at a time: what was begun for another photo, other corners or another file is dropped when it comes late.
let asked = 0;
let before = Promise.resolve();
function grade() {
  const mine = ++asked;
  before = before.then(() => (mine === asked ? gradeNow(() => mine === asked) : undefined));
  return before;
}

async function gradeNow(wanted) {
  await opened;
  if (!wanted() || !picture) return;
  found = null;
  if (!runner) { draw(); say(files.length ? at('status').textContent || 'No file could be opened.' : 'None of the files grades the cells of a phone.', true); return; }
  const [photo, using, began] = [picture, runner, performance.now()];
  const looked = corners === null;
  try {
    let quad = corners;
    if (looked) {
      try { quad = (await outline(photo)).corners; } catch (error) {
        if (!wanted()) return;
        corners = [[0.2, 0.1], [0.8, 0.1], [0.8, 0.9], [0.2, 0.9]].map(([x, y]) => [x * photo.width, y * photo.height]);
        say(`${error.message}. Drag the corners onto the phone's and press Grade.`, true);
        draw();
        return;
      }
    }
    const grid = using.file.preprocessing.grid;
    checkCorners(quad);
    const phone = rectify(photo, quad, grid);
    const answers = [];
    for (const pixels of cellPixels(phone, grid, using.file.resolution)) { if (!wanted()) return; answers.push(readGrades(await using.run(pixels))); }
    const marks = await marker.mark(phone, grid, using.file.screen_mm, wanted);
    if (!wanted()) return;
    corners = quad.map((one) => [...one]);
    found = { file: using.file, grid, looked, answers, marks, grades: answers.map((one) => one.grade), asks: answers.map((one) => asksFor(using.file, one)), corrected: new Set(), when: new Date(), seconds: (performance.now() - began) / 1000 };
    say('');
  } catch (error) { if (wanted()) say(error.message, true); }
  if (wanted()) draw();
}

// Where the cells lie in the photo: a place in the grid → pixels, and a cell's four corners.
function placed() {
  const { columns, rows } = found.grid;
  const map = homography([[0, 0], [columns, 0], [columns, rows], [0, rows]], corners);
  const place = (x, y) => { const scale = map[6] * x + map[7] * y + map[8]; return [(map[0] * x + map[1] * y + map[2]) / scale, (map[3] * x + map[4] * y + map[5]) / scale]; };
  const cornersOf = (number) => [[0, 0], [1, 0], [1, 1], [0, 1]].map(([x, y]) => place(number % columns + x, Math.floor(number / columns) + y));
  return { place, cornersOf };
}

function draw() {
  const overlay = at('overlay');
  overlay.setAttribute('viewBox', `0 0 ${picture.width} ${picture.height}`);
  overlay.replaceChildren();
  const unit = Math.max(picture.width, picture.height) / 100;
  if (found) {
    const { place, cornersOf } = placed();
    found.grades.forEach((one, number) => {
      const [row, column] = [Math.floor(number / found.grid.columns), number % found.grid.columns];
      const cell = svg('polygon', { class: 'cell', points: cornersOf(number).map((one) => one.join()).join(' '), fill: colourOf(one, found.file.labels.length), 'fill-opacity': 0.38, 'stroke-width': unit / 5 });
      cell.addEventListener('click', () => correct(number));
      overlay.append(cell);
      if (!unsure(number)) return;
      const [x, y] = place(column + 0.5, row + 0.5);
      overlay.append(Object.assign(svg('text', { class: 'ask', x, y, 'font-size': 4 * unit, 'stroke-width': unit / 2.5 }), { textContent: '?' }));
    });
  }
  if (found?.marks) for (const { label, lines } of outlines(found.marks, found.grid, placed().place)) overlay.append(svg('path', { class: 'mark', d: pathOf(lines), stroke: markColour(label) }));
  if (!corners) { tell(); return; }
  overlay.append(svg('polygon', { class: 'outline', points: corners.map((one) => one.join()).join(' ') }));
  corners.forEach(([x, y], number) => {
    const handle = svg('circle', { class: 'handle', cx: x, cy: y, r: 2.2 * unit, 'stroke-width': unit / 3 });
    handle.addEventListener('pointerdown', (press) => { handle.setPointerCapture(press.pointerId); press.preventDefault(); });
    handle.addEventListener('pointermove', (move) => {
      if (!handle.hasPointerCapture(move.pointerId)) return;
      const box = overlay.getBoundingClientRect();
      corners[number] = [(move.clientX - box.left) / box.width * picture.width, (move.clientY - box.top) / box.height * picture.height];
      handle.setAttribute('cx', corners[number][0]); handle.setAttribute('cy', corners[number][1]);
      overlay.querySelector('.outline').setAttribute('points', corners.map((one) => one.join()).join(' '));
    });
    handle.addEventListener('pointerup', () => { asked += 1; found = null; draw(); say('Press Grade when the corners are right.'); });
    overlay.append(handle);
  });
  tell();
}

const unsure = (number) => found.asks[number] && !found.corrected.has(number);

function tell() {
  at('result').hidden = !found;
  at('save').disabled = at('share').disabled = !found;
  if (!found) return;
  const { labels } = found.file;
  at('device').textContent = found.file.rules.length ? deviceGrade(found.grades.map((one) => labels[one]), found.file.rules) : 'no rule knows these labels';
  at('seconds').textContent = `${found.grades.length} cells in ${found.seconds.toFixed(2)} s${found.looked ? ', outline included' : ''}, with ${found.file.title}`;
  const asked = found.grades.filter((_, number) => unsure(number)).length;
  at('ask').hidden = !found.file.ask?.threshold;
  at('ask').textContent = `${asked} of ${found.grades.length} cells to look at, marked with "?": so at most ${Math.round(1000 * (found.file.ask?.most_missed ?? 0)) / 10} % of a damaged phone's damage is expected to pass.`;
  at('marked').replaceChildren(...(found.marks ? legend(found.marks) : []), marker.missing);
  at('cells').style.gridTemplateColumns = `repeat(${found.grid.columns}, minmax(0, 1fr))`;
  at('cells').style.setProperty('--columns', found.grid.columns);
  at('cells').classList.toggle('many', found.grid.columns > 3);
  at('cells').replaceChildren(...told().map(({ name, text, colour }, number) => {
    const button = element('button', { className: unsure(number) ? 'plain ask' : 'plain' }, name, element('small', { textContent: text }));
    button.style.background = colour.replace(')', ' / .3)');
    button.addEventListener('click', () => correct(number));
    return button;
  }));
}

// Each cell's answer in words.
const told = () => found.grades.map((one, number) => ({
  name: `${found.file.labels[one]}${unsure(number) ? '?' : ''}`, colour: colourOf(one, found.file.labels.length),
  text: found.corrected.has(number) ? 'corrected' : `${(100 * found.answers[number].probabilities[one]).toFixed(0)} %`,
}));

// The photo with its cells coloured.
function coloured() {
  const canvas = element('canvas', { width: picture.width, height: picture.height });
  const drawing = canvas.getContext('2d');
  drawing.putImageData(picture, 0, 0);
  const { cornersOf, place } = placed();
  drawing.lineWidth = Math.max(picture.width, picture.height) / 400;
  drawing.strokeStyle = '#fff';
  told().forEach(({ colour }, number) => {
    drawing.beginPath();
    cornersOf(number).forEach(([x, y]) => drawing.lineTo(x, y));
    drawing.closePath();
    drawing.globalAlpha = 0.38;
    drawing.fillStyle = colour;
    drawing.fill();
    drawing.globalAlpha = 0.7;
    drawing.stroke();
  });
  drawing.globalAlpha = 1;
  for (const { label, lines } of found.marks ? outlines(found.marks, found.grid, place) : []) {
    drawing.strokeStyle = markColour(label);
    drawing.stroke(new Path2D(pathOf(lines)));
  }
  return canvas;
}

at('share').addEventListener('click', async () => {
  const notes = [picture.name, at('seconds').textContent, clock(found.when)];
  const png = await screenshot({ picture: coloured(), title: at('device').textContent, notes, answers: told(), columns: found.grid.columns });
  await shareOrSave(png, `${picture.name.replace(/\.\w+$/, '')}-graded.png`);
});

function correct(number) {
  found.grades[number] = (found.grades[number] + 1) % found.file.labels.length;
  found.corrected.add(number);
  draw();
}

at('picture').addEventListener('change', async () => {
  const [chosen] = at('picture').files;
  if (!chosen) return;
  say('looking for the phone …');
  try {
    const canvas = at('canvas');
    const { drawing, scale } = await drawPicture(chosen, canvas);
    picture = drawing.getImageData(0, 0, canvas.width, canvas.height);
    Object.assign(picture, { name: chosen.name, scale });
    asked += 1; // what still runs belongs to the last photo
    corners = found = null;
    draw();
  } catch { say(`${chosen.name}: not a picture that this browser reads`, true); return; }
  at('photo').hidden = at('actions').hidden = false;
  await grade();
});

at('again').addEventListener('click', grade);
at('turn').addEventListener('click', async () => { if (!corners) return; corners = [corners[2], corners[3], corners[0], corners[1]]; await grade(); });
for (const id of ['file', 'damage', 'threads', 'delegate']) at(id).addEventListener('change', async () => { asked += 1; if (picture) say('grading again …'); await openNow(); if (picture) await grade(); });
at('save').addEventListener('click', () => {
  const { labels } = found.file;
  const told = {
    photo: picture.name, file: `${found.file.run}/${found.file.kind}`,
    corners: corners.map((one) => one.map((value) => value / picture.scale)), // in pixels of the photo itself
    cells: found.grades.map((one, number) => ({ row: Math.floor(number / found.grid.columns), col: number % found.grid.columns, label: labels[one], grade: one, ask: found.file.ask?.threshold == null ? null : unsure(number), corrected: found.corrected.has(number), marked: found.marks && markedOf(found.marks, number), probabilities: Object.fromEntries(labels.map((label, place) => [label, found.answers[number].probabilities[place]])) })),
    grade: at('device').textContent, seconds: found.seconds,
  };
  const link = element('a', { href: URL.createObjectURL(new Blob([JSON.stringify(told, null, 1)], { type: 'application/json' })), download: `${picture.name.replace(/\.\w+$/, '')}.json` });
  link.click();
});

if (files.length) await openNow(); else say('None of these files grades the cells of a phone.', true);
ready().catch(() => {});
