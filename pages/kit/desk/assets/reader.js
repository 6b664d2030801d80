// The conversation alone, for reading.

import { fill, h, scheme } from "./dom.js";
import { pairs } from "./story.js";
import { Transcript, bar } from "./transcript.js";

export class Reader {
  constructor(parent) {
    this.reads = true;
    this.root = h("section", { class: "desk reader" });
    parent.append(this.root);
    this.seen = "";
    this.night = matchMedia("(prefers-color-scheme: dark)");
    this.turned = () => setTimeout(() => scheme(this.root), 100); // after the page itself
    this.night.addEventListener("change", this.turned);
    // A line of a result names its messages as links: they lead to the message here.
    this.followed = (event) => this.follow(event);
    document.addEventListener("click", this.followed);
  }

  update(data) {
    scheme(this.root);
    const now = JSON.stringify(data);
    if (now === this.seen) return;
    this.seen = now;
    const transcript = (this.transcript = new Transcript(data.texts));
    transcript.show(data.items);
    transcript.evidence(new Map(Object.entries(data.evidence || {}).map(([seq, label]) => [Number(seq), [label]])));
    const top = bar(data.texts, transcript, data.header, { fill });
    this.root.style.height = `${data.height}px`;
    this.root.lang = data.language.replace("_", "-");
    this.root.replaceChildren(h("div", { class: "left" }, top.node, pairs(data.texts, data.pairs, (seq) => this.goTo(seq)), transcript.list));
    const row = transcript.rows.get(data.focus);
    if (row) {
      transcript.choose(data.focus, false);
      this.settle(transcript.list, row.node, 4);
    }
  }

  goTo(seq) {
    const row = this.transcript.rows.get(seq);
    if (!row) return;
    this.transcript.choose(seq, false);
    this.settle(this.transcript.list, row.node, 4);
  }

  follow(event) {
    const link = event.target.closest && event.target.closest('a[href^="#message-"]');
    const row = link && this.transcript && this.transcript.rows.get(Number(link.getAttribute("href").slice(9)) - 1);
    if (!row) return;
    event.preventDefault();
    this.transcript.choose(row.item.seq, false);
    this.root.scrollIntoView({ block: "nearest" });
    this.settle(this.transcript.list, row.node, 4);
  }

  // Messages get their true height only when they come into view, which moves what is below them: look again.
  settle(list, node, times) {
    list.scrollTop = node.offsetTop - list.offsetTop - 60;
    if (times) requestAnimationFrame(() => this.settle(list, node, times - 1));
  }

  close() {
    this.night.removeEventListener("change", this.turned);
    document.removeEventListener("click", this.followed);
    this.root.remove();
  }
}
