// Changes go to the app one after the other, in their order; what could not be sent yet survives a closed browser.
import { hue } from './colours.js';
const TAB = Math.random().toString(36).slice(2);
const DEAD_MS = 4000; // a tab that still tries says so every 1.5 s

export class Saver {
  // show(text, bad) tells how it stands; refused(id, why, changes) is called for what the app will never take.
  constructor(folder, show, refused) {
    Object.assign(this, { prefix: `gridlite-unsaved-${folder}-`, show, refused, waiting: [], running: false, tries: new Map(), flight: null });
    this.key = this.prefix + TAB;
    this.adopt();
    if (this.waiting.length) this.send();
  }

  // Takes over what tabs left behind that are closed.
  adopt() {
    const before = this.waiting.length;
    for (const key of Object.keys(localStorage).filter((one) => one.startsWith(this.prefix) && one !== this.key)) {
      let left = {};
      try { left = JSON.parse(localStorage.getItem(key)); } catch { /* nothing that could be read */ }
      if (Date.now() - (left.at || 0) < DEAD_MS) { setTimeout(() => { this.adopt(); this.send(); }, DEAD_MS); continue; }
      this.waiting.push(...(left.waiting || []));
      localStorage.removeItem(key);
    }
    this.keep();
    if (this.waiting.length > before) this.adopted?.(this.waiting.slice(before).map((one) => one.id));
  }

  // changes: [{field, value, row?, col?, default?}] of photo `id`.
  put(id, annotator, round, changes) {
    this.waiting.push({ id, body: { annotator, round, changes } });
    this.keep();
    this.send();
  }

  keep() {
    try {
      if (this.waiting.length) localStorage.setItem(this.key, JSON.stringify({ at: Date.now(), waiting: this.waiting }));
      else localStorage.removeItem(this.key);
    } catch (error) { this.show(`the browser keeps nothing: ${error.message}`, true); }
  }

  // Changes of this photo by this annotator that the app does not know yet.
  of(id, annotator, round) { return this.waiting.filter((one) => one.id === id && one.body.annotator === annotator && one.body.round === round).flatMap((one) => one.body.changes); }

  // How often something was sent of this photo; `quiet` waits until nothing of it is under way.
  attempts(id) { return this.tries.get(id) || 0; }

  async quiet(id) { while (this.flight === id) await new Promise((done) => { setTimeout(done, 10); }); return this.attempts(id); }

  async idle() { while (this.waiting.length && this.running) await new Promise((done) => { setTimeout(done, 10); }); }

  async send() {
    if (this.running) return;
    this.running = true;
    while (this.waiting.length) {
      this.show('saving…');
      const { id, body } = this.waiting[0];
      let problem = '';
      this.flight = id;
      this.tries.set(id, this.attempts(id) + 1);
      try {
        const answer = await fetch(`/api/photos/${id}`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
        if (!answer.ok) {
          problem = (await answer.json().catch(() => ({}))).error || `the app answered ${answer.status}`;
          if ([404, 413, 422].includes(answer.status)) { // nonsense stays nonsense
            this.flight = null;
            this.waiting.shift();
            this.keep();
            this.refused(id, `not saved: ${problem}`, body.changes);
            continue;
          }
        }
      } catch { problem = 'the app does not answer'; }
      this.flight = null;
      if (problem) {
        this.show(`not saved: ${problem}; trying again`, true);
        this.keep();
        await new Promise((done) => { setTimeout(done, 1500); });
        continue;
      }
      this.waiting.shift();
      this.keep();
    }
    this.running = false;
    this.show('saved');
  }
}

export async function ask(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error || `${address}: ${answer.status}`);
  return answer.json();
}

export const at = (id) => document.getElementById(id);
export function element(tag, settings = {}, ...children) { const made = Object.assign(document.createElement(tag), settings); made.append(...children); return made; }
export const colourOf = (grade, count) => (grade === '' ? 'transparent' : Number.isNaN(Number(grade)) ? '#ced4da' : hue(grade / Math.max(count - 1, 1)));
export const written = (corners) => corners.flat().map((one) => Number(one).toFixed(1)).join(' ');
export const photoAddress = (photo, side = 1400) => `/api/photos/${photo.id}/photo.jpg?side=${side}&v=${photo.version}`;
export const phoneAddress = (photo, corners) => `/api/photos/${photo.id}/phone.jpg?v=${photo.version}&corners=${encodeURIComponent(written(corners))}`;
