// A short list whose rows open something: a table where there is room, a list of the rows where there is not. The
// toolkit's grid weighs more than the rest of such a page.

import { h } from "./dom.js";

const made = new WeakMap();

export default function rows({ data, parentElement, setTriggerValue }) {
  let one = made.get(parentElement);
  if (!one) made.set(parentElement, one = { root: parentElement.appendChild(h("div", { class: "rows" })), all: false, open: null });
  one.open = (row) => setTriggerValue("opened", row);
  draw(one, data);
  return () => {
    one.root.remove();
    made.delete(parentElement);
  };
}

function draw(one, data) {
  const shown = one.all ? data.rows : data.rows.slice(0, data.most);
  const focus = one.root.getRootNode().activeElement?.dataset.row;
  one.root.replaceChildren(
    h("table", { role: "table", "aria-label": data.label, onclick: (event) => clicked(one, event), onkeydown: (event) => moved(one, event) },
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, data.heads.map((head, at) => h("th", { role: "columnheader", scope: "col", class: kind(data, at) }, head)))),
      h("tbody", { role: "rowgroup" }, shown.map((cells, row) => h("tr", { role: "row" }, cells.map((text, at) => cell(data, text, at, row)))))),
    ...(shown.length < data.rows.length ? [h("button", { type: "button", class: "more", onclick: () => more(one, data) }, data.more)] : []));
  if (focus !== undefined) button(one, focus)?.focus({ preventScroll: true });
}

function cell(data, text, at, row) {
  const content = at === data.title ? h("button", { type: "button", "data-row": row }, text || "–") : text;
  return h("td", { role: "cell", class: kind(data, at), "data-label": data.heads[at], title: at === data.title ? text : null }, ...(content ? [content] : []));
}

function kind(data, at) {
  return [at === data.title ? "title" : "", data.numbers.includes(at) ? "number" : ""].join(" ").trim() || null;
}

function clicked(one, event) {
  const row = event.target.closest("tbody tr");
  if (row && !String(getSelection())) one.open(Number(row.querySelector("button").dataset.row));
}

function moved(one, event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const from = event.target.dataset.row;
  if (!step || from === undefined) return;
  const next = button(one, Number(from) + step);
  if (!next) return;
  event.preventDefault();
  next.focus();
}

function more(one, data) {
  one.all = true;
  draw(one, data);
  button(one, data.most)?.focus();
}

function button(one, row) {
  return one.root.querySelector(`button[data-row="${row}"]`);
}
