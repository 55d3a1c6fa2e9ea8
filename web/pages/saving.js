// Changes go to the app one after the other, in their order; what could not be sent yet survives a closed browser.
export class Saver {
  constructor(folder, show) {
    this.key = `gridlite-unsaved-${folder}`;
    this.show = show;
    this.waiting = JSON.parse(localStorage.getItem(this.key) || '[]');
    this.running = false;
    if (this.waiting.length) this.send();
  }

  // changes: [{field, value, row?, col?}] of photo `id`.
  put(id, annotator, round, changes) {
    this.waiting.push({ id, body: { annotator, round, changes } });
    this.keep();
    this.send();
  }

  keep() { localStorage.setItem(this.key, JSON.stringify(this.waiting)); }

  // Changes of this photo that the app does not know yet.
  of(id) { return this.waiting.filter((one) => one.id === id).flatMap((one) => one.body.changes); }

  async send() {
    if (this.running) return;
    this.running = true;
    this.show('saving…');
    while (this.waiting.length) {
      const { id, body } = this.waiting[0];
      let problem = '';
      try {
        const answer = await fetch(`/api/photos/${id}`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
        if (!answer.ok) {
          problem = (await answer.json().catch(() => ({}))).error || `the app answered ${answer.status}`;
          if (answer.status === 422) { this.waiting.shift(); this.keep(); this.refused?.(id, problem); continue; } // nonsense stays nonsense
        }
      } catch { problem = 'the app does not answer'; }
      if (problem) {
        this.show(`not saved: ${problem}; trying again`, true);
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
export const colourOf = (grade, count) => (grade === '' ? 'transparent' : Number.isNaN(Number(grade)) ? '#ced4da' : `hsl(${130 - 130 * grade / Math.max(count - 1, 1)} 75% 52%)`);
export const phoneAddress = (id, corners) => `/api/photos/${id}/phone.jpg?corners=${corners.flat().map((one) => Number(one).toFixed(1)).join('%20')}`;
