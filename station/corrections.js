// Corrections: kept in this browser until they are saved as a file, which `make collect` reads.
const key = `gridlite corrections ${told.by} ${told.title}`, bar = document.getElementById("corrections"), menu = document.getElementById("menu"), who = document.getElementById("who");
let said = { cells: {}, right: {} };
try { said = JSON.parse(localStorage.getItem(key)) ?? said; who.value = localStorage.getItem("gridlite who") ?? ""; } catch { /* a browser that keeps nothing */ }
const keep = () => { try { localStorage.setItem(key, JSON.stringify(said)); localStorage.setItem("gridlite who", who.value); } catch { /* as above */ } };
const answer = (photo, cell) => said.cells[photo]?.[cell] ?? told.photos[photo][cell];
const photosOf = (card) => [...card.querySelectorAll("a[data-photo]")].map((link) => link.dataset.photo);
const touched = () => [...new Set([...Object.keys(said.cells), ...Object.keys(said.right)])].filter((photo) => told.photos[photo]);
const counted = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;

function count() {
  const cells = Object.values(said.cells).reduce((sum, one) => sum + Object.keys(one).length, 0), photos = touched();
  bar.hidden = !document.body.classList.contains("correcting") && !photos.length;
  bar.querySelector("span").textContent = photos.length ? `${counted(cells, "cell")} corrected, ${counted(Object.keys(said.right).length, "photo")} confirmed` : "Click a cell to say what it shows; then confirm the other cells.";
  bar.querySelector("button").disabled = !photos.length || !who.value.trim();
}

function paint(card) {
  for (const link of card.querySelectorAll("a[data-photo]")) {
    const { photo } = link.dataset;
    [...link.querySelector(".edit")?.children ?? []].forEach((button, cell) => {
      const now = answer(photo, cell), changed = said.cells[photo]?.[cell] !== undefined;
      button.className = changed ? "changed" : said.right[photo] ? "right" : "";
      button.style.background = changed ? `${told.colours[now]}cc` : "none";
      button.title = `row ${Math.floor(cell / told.columns) + 1}, column ${cell % told.columns + 1}: ${told.labels[now]}${changed ? `, was ${told.labels[told.photos[photo][cell]]}` : ""}`;
      button.setAttribute("aria-label", button.title);
    });
  }
  card.querySelector(".confirm").setAttribute("aria-pressed", photosOf(card).every((photo) => said.right[photo]));
}

function place(link) { // over its picture, whatever size that has
  const image = link.querySelector("img"), edit = link.querySelector(".edit");
  Object.assign(edit.style, { left: `${image.offsetLeft}px`, top: `${image.offsetTop}px`, width: `${image.offsetWidth}px`, height: `${image.offsetHeight}px` });
}

function open(card) {
  for (const link of card.querySelectorAll("a[data-photo]")) {
    if (!link.querySelector(".edit")) {
      const { photo } = link.dataset, edit = document.createElement("div"), image = link.querySelector("img");
      edit.className = image.classList.contains("turned") ? "edit turned" : "edit";
      edit.style.gridTemplateColumns = `repeat(${told.columns}, 1fr)`;
      told.photos[photo].forEach((_, cell) => {
        const button = document.createElement("button");
        button.addEventListener("click", (event) => { event.preventDefault(); event.stopPropagation(); ask(card, photo, cell, button); });
        edit.append(button);
      });
      link.append(edit);
      link.addEventListener("click", (event) => { if (document.body.classList.contains("correcting")) event.preventDefault(); });
      image.addEventListener("load", () => place(link));
    }
    place(link);
  }
  paint(card);
}

function ask(card, photo, cell, at) {
  menu.replaceChildren(...told.labels.map((label, grade) => {
    const button = document.createElement("button"), dot = document.createElement("i");
    button.setAttribute("role", "menuitem");
    dot.style.background = told.colours[grade];
    button.append(dot, label);
    if (grade === answer(photo, cell)) button.className = "now";
    button.addEventListener("click", () => {
      said.cells[photo] ??= {};
      if (grade === told.photos[photo][cell]) delete said.cells[photo][cell]; else said.cells[photo][cell] = grade;
      if (!Object.keys(said.cells[photo]).length) delete said.cells[photo];
      menu.hidden = true;
      keep(); paint(card); count();
    });
    return button;
  }));
  menu.hidden = false;
  const box = at.getBoundingClientRect();
  menu.style.left = `${Math.max(8, Math.min(box.left + scrollX, scrollX + innerWidth - menu.offsetWidth - 8))}px`;
  menu.style.top = `${box.bottom + scrollY + 4}px`;
  menu.querySelector(".now")?.focus({ preventScroll: true });
}

const near = new IntersectionObserver((entries) => { for (const one of entries) if (one.isIntersecting) open(one.target); });
document.getElementById("correct").addEventListener("click", (event) => {
  const on = document.body.classList.toggle("correcting");
  event.currentTarget.setAttribute("aria-pressed", on);
  for (const card of cards) if (on) near.observe(card); else near.unobserve(card);
  menu.hidden = true;
  count();
});
for (const card of cards) card.querySelector(".confirm").addEventListener("click", (event) => {
  const on = event.currentTarget.getAttribute("aria-pressed") !== "true";
  for (const photo of photosOf(card)) if (on) said.right[photo] = true; else delete said.right[photo];
  keep(); paint(card); count();
});
document.addEventListener("click", (event) => { if (!event.target.closest("#menu")) menu.hidden = true; });
document.addEventListener("keydown", (event) => { if (event.key === "Escape") menu.hidden = true; });
addEventListener("resize", () => { for (const link of document.querySelectorAll("a[data-photo]:has(.edit)")) place(link); });
who.addEventListener("input", () => { keep(); count(); });
bar.querySelector("button").addEventListener("click", () => {
  const cellsOf = (photo) => Object.entries(said.cells[photo] ?? {}).map(([cell, grade]) => ({
    row: Math.floor(cell / told.columns), col: cell % told.columns, label: told.labels[grade], before: told.labels[told.photos[photo][cell]],
  }));
  const made = {
    graded_by: told.by, annotator: who.value.trim(), time: new Date().toISOString(),
    photos: touched().map((photo) => ({ photo, confirmed: Boolean(said.right[photo]), cells: cellsOf(photo) })),
  };
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(made, null, 1)], { type: "application/json" }));
  link.download = "corrections.json";
  link.click();
});
count();
