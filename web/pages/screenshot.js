// A picture with what was answered to it, as one PNG that can be handed on.
const [WIDTH, MARGIN, LINE] = [720, 24, 30];
const FONT = 'system-ui, sans-serif';

// The text, cut where it would leave its column.
function fitted(drawing, text, most) {
  if (drawing.measureText(text).width <= most) return text;
  let end = text.length;
  while (end > 1 && drawing.measureText(`${text.slice(0, end)}…`).width > most) end -= 1;
  return `${text.slice(0, end)}…`;
}

// Words in as many lines as they need.
function wrapped(drawing, text, most) {
  const lines = [''];
  for (const word of text.split(' ')) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (lines.at(-1) && drawing.measureText(longer).width > most) lines.push(word); else lines[lines.length - 1] = longer;
  }
  return lines;
}

function bars(drawing, answers, top) {
  const [from, wide] = [MARGIN + 250, WIDTH - 2 * MARGIN - 250 - 90];
  answers.forEach(({ name, share, colour, text }, number) => {
    const y = top + number * LINE;
    drawing.font = `17px ${FONT}`;
    drawing.fillStyle = '#14181f';
    drawing.fillText(fitted(drawing, name, 240), MARGIN, y + 21);
    drawing.textAlign = 'right';
    drawing.fillText(text, WIDTH - MARGIN, y + 21);
    drawing.textAlign = 'left';
    drawing.fillStyle = '#eceef2';
    drawing.fillRect(from, y + 6, wide, 18);
    drawing.fillStyle = colour || '#0b5fff';
    drawing.fillRect(from, y + 6, wide * Math.min(Math.max(share, 0), 1), 18);
  });
}

function cells(drawing, answers, columns, top) {
  const gap = 6;
  const wide = (WIDTH - 2 * MARGIN - gap * (columns - 1)) / columns;
  answers.forEach(({ name, colour, text }, number) => {
    const [x, y] = [MARGIN + (number % columns) * (wide + gap), top + Math.floor(number / columns) * 58];
    drawing.globalAlpha = 0.3;
    drawing.fillStyle = colour;
    drawing.fillRect(x, y, wide, 52);
    drawing.globalAlpha = 1;
    drawing.fillStyle = '#14181f';
    drawing.textAlign = 'center';
    drawing.font = `600 ${columns > 4 ? 13 : 15}px ${FONT}`;
    drawing.fillText(fitted(drawing, name, wide - 6), x + wide / 2, y + 22);
    drawing.font = `14px ${FONT}`;
    drawing.fillText(text, x + wide / 2, y + 42);
    drawing.textAlign = 'left';
  });
}

// picture: a canvas; title: in large letters; notes: lines below it; answers: [{ name, share, colour, text }], as bars, or, of
// a grid, with `columns`, as cells → a PNG.
export async function screenshot({ picture, title, notes, answers, columns }) {
  const canvas = document.createElement('canvas');
  const drawing = canvas.getContext('2d');
  const most = WIDTH - 2 * MARGIN;
  drawing.font = `16px ${FONT}`;
  const lines = notes.flatMap((note) => wrapped(drawing, note, most));
  const scale = Math.min(most / picture.width, 960 / picture.height);
  const [wide, high] = [picture.width * scale, picture.height * scale];
  const top = MARGIN + high + 24 + 14 + lines.length * 24 + 14;
  canvas.width = WIDTH;
  canvas.height = Math.ceil(top + (columns ? Math.ceil(answers.length / columns) * 58 : answers.length * LINE) + MARGIN);
  drawing.fillStyle = '#fff';
  drawing.fillRect(0, 0, canvas.width, canvas.height);
  drawing.drawImage(picture, (WIDTH - wide) / 2, MARGIN, wide, high);
  drawing.fillStyle = '#14181f';
  drawing.font = `600 24px ${FONT}`;
  drawing.fillText(fitted(drawing, title, most), MARGIN, MARGIN + high + 34);
  drawing.font = `16px ${FONT}`;
  drawing.fillStyle = '#5c6370';
  lines.forEach((line, number) => drawing.fillText(line, MARGIN, MARGIN + high + 62 + number * 24));
  if (columns) cells(drawing, answers, columns, top); else bars(drawing, answers, top);
  return new Promise((give) => canvas.toBlob(give, 'image/png'));
}

// When a picture was graded, on this phone's clock.
export const clock = (date) => `${date.getFullYear()}-${[date.getMonth() + 1, date.getDate()].map((one) => String(one).padStart(2, '0')).join('-')} ${date.toTimeString().slice(0, 8)}`;

// Hands a PNG to the phone's own list of apps where there is one, else saves it. False where the person went back.
export async function shareOrSave(blob, name) {
  const file = new File([blob], name, { type: 'image/png' });
  if (navigator.canShare?.({ files: [file] })) {
    try { await navigator.share({ files: [file], title: name }); return true; } catch (error) { if (error.name === 'AbortError') return false; }
  }
  const link = Object.assign(document.createElement('a'), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  return true;
}
