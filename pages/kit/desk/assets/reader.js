// The conversation alone, for reading.

import { fill, h } from "./dom.js";
import { Transcript, bar } from "./transcript.js";

export class Reader {
  constructor(parent) {
    this.reads = true;
    this.root = h("section", { class: "desk reader" });
    parent.append(this.root);
    this.seen = "";
  }

  update(data) {
    const now = JSON.stringify(data);
    if (now === this.seen) return;
    this.seen = now;
    const transcript = new Transcript(data.texts);
    transcript.show(data.items);
    transcript.evidence(new Map(Object.entries(data.evidence || {}).map(([seq, label]) => [Number(seq), [label]])));
    const top = bar(data.texts, transcript, data.header, { fill });
    this.root.style.height = `${data.height}px`;
    this.root.lang = data.language.replace("_", "-");
    this.root.replaceChildren(h("div", { class: "left" }, top.node, transcript.list));
    const row = transcript.rows.get(data.focus);
    if (row) {
      transcript.choose(data.focus, false);
      transcript.list.scrollTop = row.node.offsetTop - transcript.list.offsetTop - 60;
    }
  }

  close() {
    this.root.remove();
  }
}
