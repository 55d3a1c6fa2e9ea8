// LiteRT.js behind a small face: files of the shelf, what this browser can do, a file that answers.
import { loadLiteRt, loadAndCompile, Tensor, supportsFeature } from '/litert/core/dist/index.js';
import { inverse, prepared } from './inputs.js';

export async function ask(path, body) {
  const answer = await fetch(path, body === undefined ? {} : {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
  }).catch(() => { throw new Error('the computer that serves this page is not reached'); });
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error || `${path}: ${answer.status}`);
  return answer;
}

// The files, each with a `title` that no other one has.
export async function listFiles() {
  const files = await (await ask('/api/files')).json();
  const several = new Set(files.map((file) => file.run)).size > 1;
  for (const file of files) file.title = `${several && file.data ? `${file.data}: ` : ''}${file.name}${file.kind ? ` ${file.kind}` : ''}`;
  for (const file of files) {
    const alike = files.filter((one) => one.title === file.title);
    if (alike.length > 1) alike.forEach((one) => { one.title += `, ${one.run.slice(-8)}`; });
  }
  return files;
}

// Marks the page as ready, and keeps what it loaded for when the computer is not reached.
export async function ready() {
  document.body.dataset.ready = 'yes';
  if (!navigator.serviceWorker || new URLSearchParams(location.search).has('by-itself')) return;
  await navigator.serviceWorker.register('/offline.js');
  const worker = await navigator.serviceWorker.ready;
  worker.active.postMessage([location.href, ...performance.getEntriesByType('resource').map((one) => one.name)].filter((one) => one.startsWith(location.origin)));
}

// LiteRT.js refuses threads without relaxed SIMD, which Safari lacks.
const threadsWork = async () => self.crossOriginIsolated && await supportsFeature('threads') && await supportsFeature('relaxedSimd');

export async function abilities() {
  const threads = await threadsWork();
  let adapter = null;
  try { adapter = navigator.gpu ? await navigator.gpu.requestAdapter() : null; } catch { /* none */ }
  return {
    threads: threads ? Math.min(4, navigator.hardwareConcurrency || 1) : 1,
    webgpu: adapter !== null,
    camera: Boolean(navigator.mediaDevices?.getUserMedia),
    missing: [
      !self.isSecureContext && 'This address is not secure: no camera, no threads. Open it as localhost (adb reverse) or with https=true.',
      self.isSecureContext && !threads && 'This browser has no threads in WebAssembly: one thread is measured.',
      !adapter && 'No WebGPU here: files run on the CPU alone.',
    ].filter(Boolean),
  };
}

export async function whoAmI() {
  const hints = await navigator.userAgentData?.getHighEntropyValues?.(['model', 'platformVersion', 'architecture', 'bitness']).catch(() => null);
  const agent = navigator.userAgent;
  const browser = navigator.userAgentData?.brands?.find((one) => !/not.?a.?brand/i.test(one.brand) && one.brand !== 'Chromium')
    || navigator.userAgentData?.brands?.find((one) => one.brand === 'Chromium');
  const found = /(Firefox|Chrome|Version)\/(\d+)/.exec(agent);
  const os = hints?.platform || navigator.userAgentData?.platform
    || (/iPhone|iPad/.test(agent) ? 'iOS' : /Android/.test(agent) ? 'Android' : navigator.platform || 'unknown');
  return {
    // iPhones, and browsers that hide the model, all give the same name: then the person has to
    device: hints?.model || (/iPhone|iPad|Android/.test(agent) ? '' : `${os} computer, ${navigator.hardwareConcurrency || '?'} cores`),
    processor: hints?.architecture ? `${hints.architecture} ${hints.bitness || ''}`.trim() : '',
    os: `${os} ${hints?.platformVersion || ''}`.trim(),
    browser: browser ? `${browser.brand} ${browser.version}` : found ? `${found[1] === 'Version' ? 'Safari' : found[1]} ${found[2]}` : 'unknown browser',
  };
}

let loaded;
const runtime = () => (loaded ||= (async () => loadLiteRt('/litert/core/wasm/', { threads: await threadsWork() }))()
  .catch((error) => { loaded = undefined; throw error; }));

export async function modelBytes(file) {
  return new Uint8Array(await (await ask(`/api/files/${file.id}/model.tflite?sha256=${file.sha256}`)).arrayBuffer());
}

// How the file's task reads and shows its answers: the module that lies beside the task.
const views = new Map();
export async function viewOf(file) {
  const address = `/api/files/${file.id}/view.js`;
  if (!views.has(address)) views.set(address, await import(address));
  return views.get(address);
}

const largest = (values) => values.indexOf(values.reduce((one, other) => Math.max(one, other)));
export const floats = (outputs) => Float32Array.from(outputs.filter((one) => one.dtype !== 'int32').at(-1).values);
// Files give `grade`, 1 at the grade, before `probabilities`, or these alone; those of format 1 an index, int32.
export function readGrades(outputs) {
  const index = outputs.find((one) => one.dtype === 'int32');
  return { probabilities: floats(outputs), grade: index ? index.values[0] : largest(Float32Array.from(outputs[0].values)) };
}

function refusal(file) {
  const operators = Object.keys(file.left_by_gpu || {});
  const named = operators.length ? `: not ${operators.join(', ')}` : '';
  return Object.assign(new Error(`WebGPU does not take the whole file${named}`), { refused: true, operators });
}

// A compiled file. delegate: wasm or webgpu; threads count for wasm.
export class Runner {
  static async open(file, bytes, { delegate = 'wasm', threads = 1 } = {}) {
    await runtime();
    const began = performance.now();
    const model = await loadAndCompile(bytes.slice(), { accelerator: delegate, cpuOptions: { numThreads: threads } });
    const runner = new Runner();
    Object.assign(runner, { model, file, delegate, threads, initialisationMs: performance.now() - began });
    runner.outputs = model.getOutputDetails();
    if (delegate === 'webgpu' && !(model.isFullyAccelerated && model.options.accelerator === 'webgpu')) { runner.close(); throw refusal(file); }
    return runner;
  }

  // inverted: light and dark change places before the file sees a picture.
  // pixels: Float32Array, height × width × 3, RGB 0..255 → [{ dtype, values }], the outputs in the file's order
  async run(pixels) {
    const { channels = 3 } = this.file.input || {};
    let input = new Tensor(prepared(this.inverted ? inverse(pixels) : pixels, this.file.input), [1, ...this.file.size, channels]);
    if (this.delegate === 'webgpu') input = await input.moveTo('webgpu');
    const results = await this.model.run([input]);
    input.delete();
    const outputs = [];
    for (const [place, result] of results.entries()) {
      const here = result.accelerator === 'webgpu' ? await result.moveTo('wasm') : result;
      outputs.push({ dtype: this.outputs[place].dtype, values: here.toTypedArray().slice() });
      here.delete();
    }
    return outputs;
  }

  close() { this.model?.delete(); this.model = null; }
}

// The smallest step of this page's clock, ms.
function clockTick() {
  let least = Infinity;
  for (let turn = 0; turn < 5; turn += 1) {
    const began = performance.now();
    let now = began;
    while (now === began) now = performance.now();
    least = Math.min(least, now - began);
  }
  return least;
}

// Times a file: warm-up runs that do not count, then runs; onProgress gets 0..1.
export async function timeFile(runner, { warmup = 10, runs = 100, onProgress = () => {} } = {}) {
  const [height, width] = runner.file.size;
  const pixels = Float32Array.from({ length: height * width * 3 }, (_, place) => (place * 7919) % 256);
  const tick = clockTick();
  const times = [];
  for (let run = -warmup; run < 0; run += 1) await runner.run(pixels);
  while (times.length < runs) {
    // A coarse clock (1 ms in pages that are not isolated) would call a fast file 0 ms: then several runs share a reading.
    const began = performance.now();
    let count = 0;
    do { await runner.run(pixels); count += 1; } while (performance.now() - began < 20 * tick && times.length + count < runs);
    const each = Math.max((performance.now() - began) / count, 1e-3);
    for (let one = 0; one < count; one += 1) times.push(each);
    if (times.length % 10 < count) { onProgress((times.length + warmup) / (warmup + runs)); await new Promise((go) => setTimeout(go)); }
  }
  return times;
}

export const median = (values) => { const sorted = [...values].sort((a, b) => a - b); return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2; };
export const accuracyText = (share) => (share == null ? '–' : `${(100 * share).toFixed(1)} %`);

export function element(tag, settings = {}, ...children) {
  const made = Object.assign(document.createElement(tag), settings);
  made.append(...children);
  return made;
}
