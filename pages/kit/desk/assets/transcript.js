// The conversation: bubbles, days, events; finding, focus, red lines and evidence in place.

import { h } from "./dom.js";

const URL_ONLY = /^https?:\/\/[^\s]+$/i;

export class Transcript {
  constructor(texts, handlers = {}) {
    this.texts = texts;
    this.handlers = handlers;
    this.rows = new Map();
    this.list = h("ol", { class: "talk", role: "list", "aria-label": texts.conversation, onclick: (event) => this.clicked(event) });
    this.list.addEventListener("focusin", (event) => this.focused(event));
    this.list.addEventListener("scroll", () => this.look(), { passive: true });
    this.current = null;
    this.query = "";
    this.converted = null;
  }

  show(items) {
    this.items = items.filter((item) => item.k === "m");
    this.converted = null;
    this.query = "";
    this.proven = new Map();
    this.rows.clear();
    const fragment = document.createDocumentFragment();
    for (const item of items) fragment.append(item.k === "m" ? this.message(item) : item.k === "d" ? this.day(item) : this.event(item));
    this.list.replaceChildren(fragment);
    this.list.scrollTop = 0;
    this.ended = false;
    requestAnimationFrame(() => this.look());
    this.current = null;
    if (this.items.length) this.rows.get(this.items[0].seq).node.tabIndex = 0;
  }

  // Whether the last message was ever in view.
  look() {
    if (this.list.scrollTop + this.list.clientHeight >= this.list.scrollHeight - 24) this.ended = true;
  }

  day(item) {
    return h("li", { class: "day" }, h("span", {}, item.text));
  }

  event(item) {
    return h("li", { class: `event ${item.kind}` }, h("time", {}, item.at || ""), h("b", {}, item.title), item.text ? h("span", {}, item.text) : null);
  }

  message(item) {
    const name = `${this.handlers.mark || "m"}${item.seq}`; // what a screen reader says on reaching the message
    const body = h("div", { class: "body", id: `${name}t` });
    const proof = h("div", { class: "proof", id: `${name}p` });
    const node = h(
      "li", { class: `msg ${item.role}${item.n ? ` other${Math.min(item.n, 3)}` : ""}${item.part ? " disputed" : ""}`, "data-seq": item.seq, tabindex: -1, "aria-labelledby": `${name}w ${name}t ${item.spans ? `${name}h ` : ""}${name}v ${name}p` },
      h("div", { class: "meta", id: `${name}w` }, item.role === "agent" ? h("span", { class: "unseen" }, this.texts.agent) : null, h("span", { class: "who" }, item.who), h("time", {}, item.at || ""), h("small", { class: "no", "aria-hidden": "true" }, `#${item.seq + 1}`), item.wait ? h("span", { class: "wait", title: item.measure || null }, item.wait) : null),
      h("div", { class: "bubble" }, item.kind ? h("span", { class: "kind" }, item.kind) : null, body),
      item.spans ? h("ul", { class: "hits", id: `${name}h` }, ...this.reasons(item.spans)) : null,
      h("ul", { class: "promises", id: `${name}v` }),
      proof,
    );
    this.rows.set(item.seq, { item, node, body, proof });
    if (item.promises) this.promise(item.seq, item.promises);
    this.paint(item.seq);
    return node;
  }

  // What became of the promises made in a message, beside it.
  promise(seq, promises) {
    const row = this.rows.get(seq);
    if (row) row.node.querySelector(".promises").replaceChildren(...promises.map((one) => h("li", { class: one.status }, h("b", {}, one.what), h("span", {}, ` ${one.text}`))));
  }

  reasons(spans) {
    const seen = new Map(spans.map((span) => [span.rule, span]));
    return [...seen.values()].map((span) => h("li", { title: span.reason || null }, h("b", {}, span.rule), " ", span.title, span.reason ? h("span", {}, ` ${span.reason}`) : null));
  }

  // The text of one message, with red lines and finds marked.
  paint(seq) {
    const { item, body } = this.rows.get(seq);
    const text = this.converted ? this.converted.get(seq) ?? item.text : item.text;
    if (!text.trim()) return body.replaceChildren(item.kind ? "" : h("i", { class: "nothing" }, this.texts.empty_message));
    if (item.kind && URL_ONLY.test(text.trim())) {
      return body.replaceChildren(h("a", { href: text.trim(), target: "_blank", rel: "noopener noreferrer nofollow", title: this.texts.open_link }, text.trim()));
    }
    if (!item.spans && !this.query) return body.replaceChildren(text);
    const marks = [...this.redlines(item, text), ...this.finds(text)];
    body.replaceChildren(...cut(text, marks));
  }

  redlines(item, text) {
    if (!item.spans) return [];
    const letters = Array.from(text);
    // Conversion may change lengths; then the whole message is marked instead of a wrong part of it.
    const whole = letters.length !== Array.from(item.text).length;
    const at = [0];
    for (const letter of letters) at.push(at[at.length - 1] + letter.length);
    const place = (offset) => at[Math.max(0, Math.min(letters.length, offset))];
    return item.spans.filter((span) => span.end > span.start).map((span) => ({
      from: whole ? 0 : place(span.start), to: whole ? text.length : place(span.end), kind: "hit", title: `${span.rule} ${span.title}`,
    }));
  }

  finds(text) {
    if (!this.query) return [];
    const found = [];
    const low = text.toLowerCase();
    if (low.length !== text.length) return text.includes(this.query) ? [{ from: text.indexOf(this.query), to: text.indexOf(this.query) + this.query.length, kind: "find" }] : [];
    for (let at = low.indexOf(this.query); at >= 0; at = low.indexOf(this.query, at + this.query.length)) found.push({ from: at, to: at + this.query.length, kind: "find" });
    return found;
  }

  // Marks `query` everywhere; returns the messages that hold it.
  find(query) {
    const before = this.query;
    this.query = query.trim().toLowerCase();
    const holds = [];
    for (const [seq, row] of this.rows) {
      const text = (this.converted ? this.converted.get(seq) ?? row.item.text : row.item.text).toLowerCase();
      const has = this.query && text.includes(this.query);
      if (has) holds.push(seq);
      if (has || (before && text.includes(before))) this.paint(seq);
    }
    return holds;
  }

  convert(texts) {
    this.converted = texts && new Map(this.items.map((item, index) => [item.seq, texts[index]]));
    for (const seq of this.rows.keys()) this.paint(seq);
  }

  // Which messages prove what: message → labels. Only what changed is touched; there may be a thousand messages.
  evidence(found) {
    for (const seq of new Set([...this.proven.keys(), ...found.keys()])) {
      const row = this.rows.get(seq);
      const labels = found.get(seq) || [];
      if (!row || String(labels) === String(this.proven.get(seq) || [])) continue;
      row.proof.replaceChildren(...labels.map((label) => h("span", {}, label)));
    }
    this.proven = found;
  }

  clicked(event) {
    const row = event.target.closest(".msg");
    if (row && !event.target.closest("a")) this.choose(Number(row.dataset.seq), false);
  }

  focused(event) {
    const row = event.target.closest(".msg");
    if (row && Number(row.dataset.seq) !== this.current) this.choose(Number(row.dataset.seq), false);
  }

  choose(seq, scroll = true) {
    const row = this.rows.get(seq);
    if (!row) return;
    const before = this.rows.get(this.current) || this.rows.get(this.items[0].seq);
    before.node.removeAttribute("aria-current");
    before.node.tabIndex = -1;
    this.current = seq;
    row.node.setAttribute("aria-current", "true");
    row.node.tabIndex = 0;
    if (scroll) {
      row.node.focus({ preventScroll: true });
      row.node.scrollIntoView({ block: "nearest" });
    }
    if (this.handlers.chosen) this.handlers.chosen(seq);
  }

  move(step) {
    const index = this.items.findIndex((item) => item.seq === this.current);
    const next = this.items[Math.max(0, Math.min(this.items.length - 1, index < 0 ? 0 : index + step))];
    if (next) this.choose(next.seq);
  }

  nextHit() {
    const marked = this.items.filter((item) => item.spans).map((item) => item.seq);
    if (!marked.length) return;
    const place = this.items.findIndex((item) => item.seq === this.current);
    const later = this.items.slice(place + 1).find((item) => item.spans);
    this.choose(later ? later.seq : marked[0]);
  }
}

// `text` cut at the borders of all marks; overlapping marks share pieces.
function cut(text, marks) {
  const borders = [...new Set([0, text.length, ...marks.flatMap((mark) => [mark.from, mark.to])])].sort((a, b) => a - b);
  const pieces = [];
  for (let i = 0; i + 1 < borders.length; i += 1) {
    const part = text.slice(borders[i], borders[i + 1]);
    const over = marks.filter((mark) => mark.from <= borders[i] && mark.to >= borders[i + 1]);
    if (!over.length) pieces.push(part);
    else {
      const titles = [...new Set(over.map((mark) => mark.title).filter(Boolean))].join("\n");
      pieces.push(h("mark", { class: [...new Set(over.map((mark) => mark.kind))].join(" "), title: titles || null }, part));
    }
  }
  return pieces;
}

// The bar above: facts, find, characters.
export function bar(texts, transcript, facts, handlers = {}) {
  const count = h("span", { class: "count", "aria-live": "polite" });
  let holds = [];
  let at = -1;
  const look = () => {
    holds = transcript.find(input.value);
    at = -1;
    count.textContent = input.value.trim() ? (holds.length ? handlers.fill(texts.found, { n: "–", total: holds.length }) : texts.none_found) : "";
  };
  const step = (by) => {
    if (!holds.length) return;
    at = (at + by + holds.length) % holds.length;
    transcript.choose(holds[at], false);
    transcript.rows.get(holds[at]).node.scrollIntoView({ block: "center" });
    count.textContent = handlers.fill(texts.found, { n: at + 1, total: holds.length });
  };
  const clear = () => {
    input.value = "";
    look();
    input.blur();
  };
  const input = h("input", {
    type: "search", class: "search", placeholder: texts.find, "aria-label": texts.find, oninput: look,
    onkeydown: (event) => {
      if (event.key === "Enter") step(event.shiftKey ? -1 : 1);
      else if (event.key === "Escape") clear();
      else return;
      event.preventDefault();
      event.stopPropagation();
    },
  });
  const script = handlers.convert
    ? h("select", { class: "script", "aria-label": texts.script, onchange: () => handlers.convert(script.value) },
        ...["original", "simplified", "traditional"].map((name) => h("option", { value: name }, texts[name])))
    : null;
  const node = h(
    "header", { class: "bar" },
    h("dl", { class: "facts" }, ...(handlers.lead || []), ...facts.map((fact) => h("div", {}, h("dt", {}, fact.label), h("dd", { title: fact.value }, fact.value)))),
    h("div", { class: "tools" }, handlers.act || null, input, count, script),
  );
  return { node, input, script, clear };
}
