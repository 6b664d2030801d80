// A dispute as one story: statements that do not go together side by side, and the whole case over the desk.

import { fill, h } from "./dom.js";
import { Transcript, bar } from "./transcript.js";

// Each pair of statements beside each other; a click leads to the message. Nothing where nothing stands against another.
export function pairs(texts, found, goTo) {
  if (!found || !found.length) return null;
  const side = (said) => h("div", { class: "side" },
    said.seq === null ? h("small", {}, said.where) : h("button", { type: "button", class: "quiet", title: fill(texts.go_to, { n: said.seq + 1 }), onclick: () => goTo(said.seq) }, said.where),
    h("b", {}, said.what), said.text ? h("span", {}, said.text) : null);
  return h("section", { class: "pairs", "aria-label": texts.against }, h("h2", {}, texts.against), found.map((pair) => h("div", { class: "pair" }, side(pair.one), side(pair.other))));
}

// The case in a dialog of the desk: read with J and K and the arrows, left with Escape, back to where the hands were.
export function caseDialog(desk, answer) {
  const { shade, texts } = desk;
  const head = h("header", {}, h("h2", {}, texts.whole_case), h("button", { type: "button", class: "close", "aria-label": texts.close, onclick: () => shade.close() }, "×"));
  shade.setAttribute("aria-label", texts.whole_case);
  shade.classList.add("case");
  const body = answer.error ? [h("p", {}, answer.error)] : told(texts, answer);
  shade.replaceChildren(head, ...body.filter(Boolean));
  shade.onclose = () => {
    shade.classList.remove("case");
    shade.onkeydown = null;
    desk.focusCurrent();
  };
  if (!shade.open) shade.showModal();
}

function told(texts, answer) {
  const transcript = new Transcript(texts, { mark: "s" });
  transcript.show(answer.items);
  const goTo = (seq) => {
    transcript.choose(seq, true);
    transcript.rows.get(seq)?.node.scrollIntoView({ block: "center" });
  };
  const top = bar(texts, transcript, answer.header, { fill });
  transcript.list.tabIndex = 0;
  transcript.list.addEventListener("keydown", (event) => {
    const by = { j: 1, k: -1 }[event.key.toLowerCase()];
    if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    transcript.move(by);
  });
  return [top.node, pairs(texts, answer.pairs, goTo), transcript.list];
}
