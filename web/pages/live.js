import { Runner, ready, abilities, element, listFiles, modelBytes, viewOf } from './runtime.js';
import { drawPicture } from './resize.js';
import { clock, screenshot, shareOrSave } from './screenshot.js';
import { lowPass } from './smoothing.js';
import { keep, keepField, kept, numberIn, offerRuntime } from './settings.js';
import { allCaptures, keepCapture, dropCapture } from './captures.js';

const at = (id) => document.getElementById(id);
const [files, can] = await Promise.all([listFiles(), abilities()]);
let [scratch, shown] = [element('canvas'), element('canvas')]; // what is graded now, and what the answers belong to
const say = (text) => { at('status').textContent = text; };
let runner = null;
let source = null; // { element, width, height, moving }
let smooth = null;
let last = null;

for (const file of files) at('file').append(element('option', { value: file.id, textContent: file.title }));
const setting = offerRuntime(at('threads'), at('delegate'), can);
for (const id of ['top', 'smoothing', 'stages', 'resolution']) keepField(at(id), id);
const nameOf = (file) => `${file.run}/${file.kind}`; // by which its own settings are kept
at('missing').replaceChildren(...can.missing.map((text) => element('p', { className: 'note', textContent: text })));
at('camera').disabled = !can.camera;

let turn = 0;
async function open() {
  const mine = ++turn;
  const file = files.find((one) => one.id === Number(at('file').value));
  runner?.close();
  runner = null; smooth = null;
  at('top').max = file.labels.length;
  at('invert').checked = kept(`invert-${nameOf(file)}`, file.invert);
  at('proposed').hidden = !file.invert;
  at('warning').textContent = file.warning;
  at('warning').hidden = !file.warning;
  at('what').hidden = !file.preprocessing.grid;
  say(`loading ${file.title} (${(file.size_bytes / 1e6).toFixed(1)} MB)`);
  try {
    const view = await viewOf(file);
    if (mine !== turn) return; // another file has been chosen since
    at('view').classList.toggle('whole', Boolean(view.whole));
    at('marks').hidden = !view.marks;
    for (const id of ['smoothing', 'stages']) at(id).closest('label').hidden = !view.smoothed;
    at('top').closest('label').hidden = !view.ranked;
    const made = await Runner.open(file, await modelBytes(file), setting());
    if (mine !== turn) { made.close(); return; }
    runner = Object.assign(made, { view, inverted: at('invert').checked });
    say(source ? '' : 'Start the camera or choose a picture.');
  } catch (error) { if (mine === turn) say(error.message); }
}

const percent = ({ share, digits }) => `${(100 * share).toFixed(digits)} %`;

let busy = false;
let again = false; // a still picture came while a frame was graded
async function grade() {
  if (!runner || !source) return;
  if (busy) { again = !source.moving; return; }
  busy = true; again = false;
  try {
    const using = runner;
    smooth ||= lowPass(numberIn(at('smoothing')), Math.round(numberIn(at('stages'))));
    const answer = await using.view.show({
      runner: using, source, scratch, smooth, most: numberIn(at('top')), view: at('view'), canvas: at('marks'), current: () => using === runner,
    });
    if (using !== runner) return;
    [scratch, shown] = [shown, scratch];
    last = { ...answer, name: using.file.title, at: new Date() };
    at('time').textContent = `${answer.ms.toFixed(1)} ms`;
    at('answers').replaceChildren(...answer.bars.map(({ name, share, colour, digits, text }) => {
      const fill = element('div', { className: 'fill' });
      fill.style.width = `${100 * share}%`;
      if (colour) fill.style.background = colour;
      return element('div', { className: 'bar' }, element('span', { textContent: name }), element('div', { className: 'track' }, fill), element('span', { textContent: text ?? percent({ share, digits }) }));
    }));
    at('shot').disabled = at('share').disabled = false;
  } catch (error) { say(error.message); } finally { busy = false; }
  if (again) await grade();
}

async function frames() {
  if (source?.moving) await grade();
  requestAnimationFrame(frames);
}

async function startCamera() {
  try {
    at('video').srcObject?.getTracks().forEach((track) => track.stop());
    const [width, height] = at('resolution').value.split('x').map(Number);
    const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment', width: { ideal: width }, height: { ideal: height } }, audio: false });
    const video = at('video');
    video.srcObject = stream;
    await video.play();
    video.hidden = false; at('still').hidden = true;
    source = { element: video, width: () => video.videoWidth, height: () => video.videoHeight, moving: true };
    smooth = null;
    at('given').textContent = `gives ${video.videoWidth} × ${video.videoHeight}`;
    say('');
  } catch (error) { say(`no camera: ${error.message}`); }
}
at('camera').addEventListener('click', startCamera);
at('resolution').addEventListener('change', () => (source?.moving ? startCamera() : undefined));

at('picture').addEventListener('change', async () => {
  const [chosen] = at('picture').files;
  if (!chosen) return;
  try {
    const still = at('still');
    await drawPicture(chosen, still);
    at('video').srcObject?.getTracks().forEach((track) => track.stop());
    at('video').hidden = true; still.hidden = false;
    source = { element: still, width: () => still.width, height: () => still.height, moving: false };
    say('');
    await grade();
  } catch { say(`${chosen.name}: not a picture that this browser reads`); }
});

at('shot').addEventListener('click', async () => {
  const blob = await new Promise((give) => shown.toBlob(give, 'image/jpeg', 0.9));
  await keepCapture({ at: new Date().toISOString(), blob, label: last.label, share: last.share, file: last.name });
  await gallery();
});

at('share').addEventListener('click', async () => {
  const { bars, label, name, ms, at: when } = last;
  const answers = bars.map((one) => ({ ...one, text: one.text ?? percent(one) }));
  const notes = [name, `${ms.toFixed(1)} ms, ${clock(when)}${runner?.inverted ? ', light and dark changed places' : ''}`];
  await shareOrSave(await screenshot({ picture: shown, title: label, notes, answers }), `gridlite-${clock(when).replace(/\W/g, '-')}.png`);
});

async function gallery() {
  const all = await allCaptures();
  at('gallery').replaceChildren(...all.map((one) => {
    const image = element('img', { src: URL.createObjectURL(one.blob), alt: one.label });
    const drop = element('button', { className: 'plain', textContent: 'remove' });
    drop.addEventListener('click', async () => { await dropCapture(one.id); await gallery(); });
    return element('figure', {}, image, element('figcaption', { textContent: `${one.label}${one.share === undefined ? '' : ` ${(100 * one.share).toFixed(0)} %`}, ${one.file}` }), drop);
  }));
  if (!all.length) at('gallery').textContent = 'none yet';
}

for (const id of ['file', 'threads', 'delegate']) at(id).addEventListener('change', async () => { await open(); await grade(); });
for (const id of ['smoothing', 'stages']) at(id).addEventListener('change', () => { smooth = null; });
at('invert').addEventListener('change', async () => {
  keep(`invert-${nameOf(files.find((one) => one.id === Number(at('file').value)))}`, at('invert').checked);
  if (!runner) return;
  runner.inverted = at('invert').checked;
  smooth = null;
  await grade();
});
at('top').addEventListener('change', grade);
await open();
await gallery().catch(() => { at('gallery').textContent = 'This browser keeps nothing here (a private window?).'; at('shot').hidden = true; });
frames();
ready().catch(() => {});
