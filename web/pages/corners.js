// A photo's outline: four corners that can be dragged, or moved by arrow keys once they have the focus.
import { photoAddress } from './saving.js';

const svg = (tag, settings) => { const made = document.createElementNS('http://www.w3.org/2000/svg', tag); for (const [name, value] of Object.entries(settings)) made.setAttribute(name, value); return made; };
const NAMES = ['top left', 'top right', 'bottom right', 'bottom left'];
const LOUPE = { side: 130, times: 3 };

export class Outline {
  // frame holds the picture and the drawing; moved(corners) is called when a corner has been put somewhere.
  constructor(frame, drawing, loupe, moved) {
    Object.assign(this, { frame, drawing, loupe, moved });
    this.shown = '';
  }

  show(photo) {
    if (this.later && photo.id === this.photo.id) return; // a corner is being moved by keys
    this.photo = photo;
    this.corners = (photo.corners || [[0.25, 0.1], [0.75, 0.1], [0.75, 0.9], [0.25, 0.9]].map(([x, y]) => [x * photo.width, y * photo.height])).map((one) => [...one]);
    const now = JSON.stringify([photo.id, this.corners, photo.set]);
    if (now === this.shown) return;
    this.shown = now;
    this.drawing.setAttribute('viewBox', `0 0 ${photo.width} ${photo.height}`);
    this.drawing.replaceChildren(svg('polygon', { class: 'outline' }), svg('line', { class: 'edge' }));
    const unit = Math.max(photo.width, photo.height) / 100;
    this.corners.forEach((_, number) => {
      const handle = svg('circle', { class: 'handle', r: 1.9 * unit, 'stroke-width': unit / 3, tabindex: 0, role: 'slider', 'aria-label': `${NAMES[number]} corner` });
      handle.addEventListener('pointerdown', (press) => { handle.setPointerCapture(press.pointerId); this.grip = this.pointer(press).map((one, axis) => this.corners[number][axis] - one); press.preventDefault(); handle.focus(); this.magnify(number); });
      handle.addEventListener('pointermove', (move) => {
        if (!handle.hasPointerCapture(move.pointerId)) return;
        this.put(number, this.pointer(move).map((one, axis) => one + this.grip[axis]));
        this.magnify(number);
      });
      handle.addEventListener('pointerup', () => { this.loupe.hidden = true; this.tell(); });
      handle.addEventListener('pointercancel', () => { this.loupe.hidden = true; this.shown = ''; this.show(this.photo); });
      handle.addEventListener('keydown', (press) => {
        const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[press.key];
        if (press.key === 'Escape' || press.key === 'Enter') handle.blur();
        if (!step) return;
        press.preventDefault();
        this.put(number, this.corners[number].map((one, axis) => one + step[axis] * (press.shiftKey ? 10 : 1)));
        clearTimeout(this.later);
        this.later = setTimeout(() => this.flush(), 400);
      });
      handle.addEventListener('blur', () => this.flush());
      this.drawing.append(handle);
    });
    this.place();
  }

  pointer(event) { const box = this.drawing.getBoundingClientRect(); return [(event.clientX - box.left) / box.width * this.photo.width, (event.clientY - box.top) / box.height * this.photo.height]; }

  put(number, [x, y]) { this.corners[number] = [Math.min(Math.max(x, 0), this.photo.width), Math.min(Math.max(y, 0), this.photo.height)]; this.place(); }

  place() {
    const [shape, edge, ...handles] = this.drawing.children;
    shape.setAttribute('points', this.corners.map((one) => one.join()).join(' '));
    const [[x1, y1], [x2, y2]] = this.corners; // the top of the phone, marked
    for (const [name, value] of Object.entries({ x1, y1, x2, y2 })) edge.setAttribute(name, value);
    handles.forEach((handle, number) => { handle.setAttribute('cx', this.corners[number][0]); handle.setAttribute('cy', this.corners[number][1]); });
  }

  magnify(number) {
    const [box, [x, y]] = [this.drawing.getBoundingClientRect(), this.corners[number]];
    const [left, top] = [x / this.photo.width * box.width, y / this.photo.height * box.height];
    const half = LOUPE.side / 2;
    Object.assign(this.loupe.style, {
      backgroundImage: `url("${photoAddress(this.photo, 2400)}")`, backgroundSize: `${box.width * LOUPE.times}px ${box.height * LOUPE.times}px`,
      backgroundPosition: `${half - left * LOUPE.times}px ${half - top * LOUPE.times}px`, left: `${left + (left > box.width / 2 ? -LOUPE.side - 24 : 24)}px`, top: `${Math.min(Math.max(top - half, 0), box.height - LOUPE.side)}px`,
    });
    this.loupe.hidden = false;
  }

  // Tells of what keys have moved, before something else happens.
  flush() {
    if (!this.later) return;
    clearTimeout(this.later);
    this.later = null;
    this.tell();
  }

  tell() { this.shown = ''; this.moved(this.corners.map((one) => [...one])); }
}
