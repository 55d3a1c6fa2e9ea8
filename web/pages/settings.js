// What a person has chosen on a page, kept in this browser for the next time.
const NAME = 'gridlite-';

export function kept(name, otherwise) {
  try { return JSON.parse(localStorage.getItem(NAME + name)) ?? otherwise; } catch { return otherwise; }
}

export function keep(name, value) {
  try { localStorage.setItem(NAME + name, JSON.stringify(value)); } catch { /* a private window, or no room: it holds until the page is left */ }
}

// A select or a field for a number shows what was kept, where it still can be, and keeps what is chosen.
export function keepField(field, name) {
  const old = kept(name, null);
  const fits = field.tagName === 'SELECT' ? [...field.options].some((one) => one.value === String(old)) : old !== null && Number.isFinite(Number(old));
  if (fits) field.value = String(old);
  field.addEventListener('change', () => keep(name, field.value));
}

// A number within the limits of its field; what is none, or left empty, is the default.
export function numberIn(field) {
  const value = field.value.trim() === '' ? NaN : Number(field.value);
  if (!Number.isFinite(value)) return Number(field.defaultValue);
  return Math.min(Math.max(value, Number(field.min)), field.max === '' ? Infinity : Number(field.max));
}

// The choices of threads and of CPU or GPU, as this browser has them, kept for all pages.
export function offerRuntime(threads, delegate, can) {
  for (let count = 1; count <= can.threads; count += 1) threads.append(new Option(count, count));
  threads.value = String(can.threads);
  if (can.webgpu) delegate.append(new Option('GPU', 'webgpu'));
  keepField(threads, 'threads');
  keepField(delegate, 'delegate');
  const show = () => { threads.disabled = delegate.value === 'webgpu'; };
  delegate.addEventListener('change', show);
  show();
  return () => ({ delegate: delegate.value, threads: Number(threads.value) });
}
