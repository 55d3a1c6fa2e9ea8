import { Runner, ready, abilities, accuracyText, ask, element, listFiles, median, modelBytes, readGrades, timeFile, whoAmI } from './runtime.js';

const at = (id) => document.getElementById(id);
const [files, can, me] = await Promise.all([listFiles(), abilities(), whoAmI()]);
const left = new Set(); // out, by their numbers
const seen = new Map(); // the fastest times of files without a record, ms
const chosen = () => files.filter((file) => !left.has(file.id));
let stopped = false;

at('device').value = localStorage.getItem('gridlite-device') || me.device;
at('device').addEventListener('change', () => localStorage.setItem('gridlite-device', at('device').value));
for (let count = 1; count <= can.threads; count += 1) at('threads').append(element('option', { value: count, textContent: count }));
if (can.threads > 1) at('threads').append(element('option', { value: 'each', textContent: `each of 1 to ${can.threads}` }));
at('threads').value = can.threads > 1 ? 'each' : '1';
at('gpu-choice').hidden = !can.webgpu;
at('missing').replaceChildren(...can.missing.map((text) => element('p', { className: 'note', textContent: text })));
show(files);
offer();

// Which buttons can do anything with the files that are ticked, and why not.
function offer() {
  const loose = chosen().filter((file) => file.unrecorded);
  const scorable = chosen().some((file) => file.scored_on_phones);
  at('start').disabled = !chosen().length;
  at('score').disabled = !scorable;
  at('why').textContent = [
    !chosen().length && 'No file is ticked.',
    chosen().length && !scorable && (loose.length === chosen().length ? 'Scoring wants a run with validation pictures.' : 'These files are scored on the computer alone.'),
    loose.length && `${loose.map((file) => file.title).join(', ')}: no run, hence no record: neither scored nor are its times kept.`,
  ].filter(Boolean).join(' ');
}

function show(list) {
  const head = element('tr', {}, ...['file', 'validation', 'here', 'ms here'].map((text) => element('th', { textContent: text })));
  const two = (above, below) => element('td', { textContent: above }, element('small', { textContent: below }));
  const rows = list.map((file) => {
    const score = file.scores.findLast((one) => one.device === at('device').value);
    const fastest = file.timings.filter((one) => one.device === at('device').value).map((one) => one.ms);
    const here = score ? two(accuracyText(score['val/accuracy']), `accuracy, ${accuracyText(score.agreement)} alike`) : two('–', '');
    const tick = element('input', { type: 'checkbox', checked: !left.has(file.id) });
    tick.addEventListener('change', () => { if (tick.checked) left.delete(file.id); else left.add(file.id); offer(); });
    const name = element('td', {}, element('label', { className: 'tick' }, tick, element('span', { textContent: file.title })), element('small', { textContent: `${file.initial_weights ? `${file.initial_weights} weights, ` : ''}${(file.size_bytes / 1000).toFixed(0)} kB` }));
    const known = file.unrecorded ? two('unknown', 'no record') : two(file.share ? accuracyText(file.accuracy) : file.accuracy?.toFixed(3) ?? '–', `${file.figure}, ${file.cells} ${file.preprocessing.grid ? 'cells' : 'images'}`);
    const shown = seen.get(file.id);
    const row = element('tr', {}, name, known, here, fastest.length ? two(Math.min(...fastest).toFixed(2), 'fastest') : shown ? two(shown.toFixed(2), 'fastest, not kept') : two('–', ''));
    if (file.unrecorded) row.className = 'unrecorded';
    return file.warning ? [row, element('tr', {}, element('td', { className: 'error', colSpan: 4, textContent: file.warning }))] : [row];
  });
  const baselines = [...new Set(list.map((file) => file.baseline).filter(Boolean))];
  at('baselines').textContent = baselines.length ? `The answer that looks at no picture: ${baselines.join('; ')}.` : '';
  at('files').replaceChildren(head, ...rows.flat());
}

const chart = [];
const refused = []; // by the GPU: no failure, but worth a word
const list = (names) => (names.length > 1 ? `${names.slice(0, -1).join(', ')} and ${names.at(-1)}` : names[0]);

function bar(one, longest) {
  const track = element('div', { className: 'track', textContent: one.ms ? '' : 'not taken' });
  if (one.ms) {
    track.append(element('div', { className: one.delegate === 'webgpu' ? 'fill gpu' : 'fill' }));
    track.firstChild.style.width = `${100 * one.ms / longest}%`;
  }
  return element('div', { className: one.ms ? 'bar' : 'bar untaken' }, element('span', { textContent: one.by }), track, element('span', { textContent: one.ms ? one.ms.toFixed(2) : '–' }));
}

function draw() {
  const longest = Math.max(...chart.map((one) => one.ms ?? 0));
  at('results').hidden = false;
  at('chart').replaceChildren(...[...new Set(chart.map((one) => one.file))].flatMap((file) => [
    element('h3', { textContent: file }), ...chart.filter((one) => one.file === file).map((one) => bar(one, longest))]));
  at('refused').replaceChildren(...refused.map(({ file, operators }) => element('p', { className: 'note' },
    element('b', { textContent: file }), ` runs on the CPU alone: ${operators.length ? `WebGPU does not take its ${list(operators)}.` : 'WebGPU does not take all of it.'}`)));
}

function settings() {
  const counts = at('threads').value === 'each' ? Array.from({ length: can.threads }, (_, place) => place + 1) : [Number(at('threads').value)];
  const found = counts.map((threads) => ({ delegate: 'wasm', threads }));
  return can.webgpu && at('gpu').value === 'yes' ? [...found, { delegate: 'webgpu', threads: 1 }] : found;
}

const where = (setting) => ({ ...me, device: at('device').value.trim() || me.device, ...setting });
const by = ({ delegate, threads }) => (delegate === 'webgpu' ? 'GPU' : `${threads} thread${threads > 1 ? 's' : ''}`);
const called = (file, setting) => `${file.title}, ${by(setting)}`;

async function all(work) {
  if (!where({}).device) {
    at('status').textContent = 'Give this phone a name first, such as iPhone 13: its browser does not tell it.';
    at('status').className = 'error';
    at('device').focus();
    return [at('status').textContent];
  }
  stopped = false;
  for (const id of ['start', 'score']) at(id).disabled = true;
  at('stop').hidden = at('progress').hidden = false;
  const failed = [];
  refused.length = 0;
  try { await work((text, share) => { at('status').textContent = text; at('progress').value = share; }, failed); } catch (error) { failed.push(error.message); }
  offer();
  at('stop').hidden = at('progress').hidden = true;
  at('status').textContent = failed.length ? failed.join('; ') : stopped ? 'Stopped; what was measured is kept.' : chosen().every((file) => file.unrecorded) ? 'Done.' : 'Done; everything is in the records.';
  at('status').className = failed.length ? 'error' : 'good';
  show(await listFiles());
  return failed;
}

at('stop').addEventListener('click', () => { stopped = true; });

const measureAll = () => all(async (say, failed) => {
  const jobs = chosen().flatMap((file) => settings().map((setting) => ({ file, setting })));
  chart.length = 0;
  for (const [place, { file, setting }] of jobs.entries()) {
    if (stopped) return;
    const name = called(file, setting);
    say(`${name} (${place + 1} of ${jobs.length})`, place / jobs.length);
    let runner;
    try {
      runner = await Runner.open(file, await modelBytes(file), setting);
      const times = await timeFile(runner, { onProgress: (share) => say(at('status').textContent, (place + share) / jobs.length) });
      if (file.unrecorded) seen.set(file.id, Math.min(median(times), seen.get(file.id) ?? Infinity));
      else await ask(`/api/files/${file.id}/latency`, { ...where(setting), sha256: file.sha256, warmup_runs: 10, times_ms: times, initialisation_ms: Math.max(runner.initialisationMs, 1e-3) });
      chart.push({ file: file.title, by: by(setting), ms: median(times), delegate: setting.delegate });
    } catch (error) {
      if (error.refused) {
        refused.push({ file: file.title, operators: error.operators, told: `${name}: ${error.message}` });
        chart.push({ file: file.title, by: by(setting), delegate: setting.delegate });
      } else failed.push(`${name}: ${error.message}`);
    } finally { runner?.close(); }
    if (chart.length) draw();
  }
});
at('start').addEventListener('click', measureAll);

at('score').addEventListener('click', () => all(async (say, failed) => {
  const setting = { delegate: 'wasm', threads: can.threads };
  const scorable = chosen().filter((file) => file.scored_on_phones);
  for (const [place, file] of scorable.entries()) {
    let runner;
    try {
      runner = await Runner.open(file, await modelBytes(file), setting);
      const [grades, size] = [[], file.resolution ** 2 * 3];
      for (let first = 0; first < file.cells; first += 64) {
        if (stopped) return;
        say(`${called(file, setting)}: ${first} of ${file.cells} cells`, (place + first / file.cells) / scorable.length);
        const bytes = new Uint8Array(await (await ask(`/api/files/${file.id}/cells?first=${first}&count=64`)).arrayBuffer());
        for (let from = 0; from < bytes.length; from += size) grades.push(readGrades(await runner.run(Float32Array.from(bytes.subarray(from, from + size)))).grade);
      }
      await ask(`/api/files/${file.id}/score`, { ...where(setting), sha256: file.sha256, grades });
    } catch (error) { failed.push(`${called(file, setting)}: ${error.message}`); } finally { runner?.close(); }
  }
}));

ready().catch(() => {}); // without a worker the pages work as long as the computer is reached
if (new URLSearchParams(location.search).has('by-itself')) {
  const short = (texts) => texts.map((text) => text.slice(0, 500));
  ask('/api/done', { failed: short(await measureAll()), refused: short(refused.map((one) => one.told)) });
}
