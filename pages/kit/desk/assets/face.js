// The face of the desk: its parts and how each is drawn from what the desk holds. Decides nothing; what is clicked goes
// to the methods of workspace.js, which is built on it. Knows the score only through score.js.

import { criterionDetail, hitDetail, remarkDetail } from "./detail.js";
import { fill, h, mark } from "./dom.js";
import { criterionRow, hitRow, remarkRow, totals } from "./list.js";
import { score } from "./score.js";

export class Face {
  constructor(parent) {
    this.parts = {
      left: h("section", { class: "left" }), sums: h("div", { class: "sums", "aria-live": "off" }), rows: h("div", { class: "rows" }),
      detail: h("div", { class: "detail" }), foot: h("footer", {}), notice: h("div", { class: "notices", role: "status" }),
    };
    this.live = h("div", { class: "unseen", "aria-live": "polite" });
    this.right = h("section", { class: "right" }, this.parts.sums, this.parts.notice, this.parts.rows, this.parts.detail, this.parts.foot);
    this.shade = h("dialog", {});
    this.root = h("div", { class: "desk" }, this.parts.left, this.right, this.live, this.shade);
    parent.append(this.root);
  }

  // Where the desk begins on the page, whatever of the page is scrolled away just now.
  fit() {
    const page = document.querySelector('[data-testid="stMain"]');
    const top = this.root.getBoundingClientRect().top + window.scrollY + (page ? page.scrollTop : 0);
    this.root.style.setProperty("--top", `${Math.max(0, top)}px`);
    this.colour();
  }

  // Light or dark, as the page is now: by how bright its ink is.
  colour() {
    const [red, green, blue] = getComputedStyle(this.root).color.match(/[\d.]+/g).map(Number);
    const dark = red + green + blue > 384;
    this.root.classList.toggle("dark", dark);
    this.root.classList.toggle("light", !dark);
  }

  draw() {
    this.drawRows();
    const hit = this.hit();
    const criterion = this.criterion();
    const typing = this.parts.detail.contains(this.root.getRootNode().activeElement);
    const field = typing && this.root.getRootNode().activeElement.dataset.field;
    this.parts.detail.replaceChildren(...(hit ? hitDetail(this, hit) : criterion ? criterionDetail(this, criterion) : remarkDetail(this)).filter(Boolean));
    this.parts.detail.scrollTop = 0;
    if (field) this.write(field);
  }

  drawRows(focus = "") {
    if (!this.marks || this.data.mode !== "work") return;
    const { marks, data, texts } = this;
    this.result = score(data.rubric, marks.marks, marks.hits.filter((hit) => hit.decision), data.rules);
    this.parts.sums.replaceChildren(...totals(this, this.result));
    if (focus === "stay" && this.drawnFor === this.current) return this.transcript.evidence(marks.evidence());
    this.drawnFor = this.current;
    const had = this.parts.rows.contains(this.root.getRootNode().activeElement);
    const groups = data.rubric.dimensions.map((dimension) => h("section", { "aria-label": dimension.label }, h("h2", {}, dimension.label),
      marks.criteria.filter((criterion) => criterion.dimension === dimension.id).map((criterion) => criterionRow(this, criterion, this.result))));
    this.parts.rows.replaceChildren(this.redlines(), ...groups, remarkRow(this));
    const row = [...this.parts.rows.querySelectorAll(".row")].find((one) => one.dataset.stop === this.current);
    if (row) {
      row.classList.add("current");
      row.tabIndex = 0;
      if (had) row.focus({ preventScroll: true });
      row.scrollIntoView({ block: "nearest" });
    }
    for (const one of this.parts.rows.querySelectorAll(".row")) one.addEventListener("mousedown", () => this.choose(one.dataset.stop));
    this.transcript.evidence(marks.evidence());
    this.parts.rows.setAttribute("aria-label", texts.scorecard);
  }

  redlines() {
    const { marks, data, texts } = this;
    const rules = Object.entries(data.rules);
    const add = rules.length
      ? h("select", { class: "report", "aria-label": texts.add_redline, title: texts.add_redline_here, onchange: (event) => event.target.value && this.report(event.target.value) },
          h("option", { value: "" }, texts.add_redline), rules.map(([id, rule]) => h("option", { value: id }, `${id} ${rule.label}`)))
      : null;
    return h("section", { class: "reds", "aria-label": texts.redlines }, h("h2", {}, texts.redlines, add), marks.hits.map((hit, index) => hitRow(this, hit, index)));
  }

  drawNotes() {
    const rows = Object.entries(this.notes || {}).filter(([, note]) => note).map(([kind, [text, other]]) => h("div", { class: `notice ${kind}` }, h("span", {}, text),
      kind === "conflict" ? h("button", { type: "button", onclick: () => this.compare(other) }, this.texts.differences) : null,
      h("button", { type: "button", class: "close", "aria-label": this.texts.close, onclick: () => this.note(kind, "") }, "×")));
    this.parts.notice.replaceChildren(...rows);
  }

  drawFoot() {
    const { texts, data } = this;
    const working = data.mode === "work";
    this.undoNode = h("button", { type: "button", class: "undo", onclick: () => this.undo() });
    this.timeNode = h("span", { title: texts.time_here });
    const saved = this.saved && this.saved.kind;
    const state = saved === "saved" ? `${texts.saved} ${this.saved.detail}` : saved === "refused" ? this.saved.detail : saved ? texts[saved] : "";
    const day = [fill(texts.done_today, { n: data.progress.done }), fill(texts.left, { n: data.progress.left }), data.progress.median ? fill(texts.median, { time: data.progress.median }) : ""];
    this.parts.foot.replaceChildren(...[
      h("div", { class: "day" }, ...day.filter(Boolean).map((text) => h("span", {}, text)), working ? this.timeNode : null, h("span", { class: `saved ${saved || ""}` }, state)),
      h("div", { class: "acts" }, this.undoNode,
        working ? h("button", { type: "button", class: "quiet", onclick: () => this.help(), "aria-label": texts.shortcuts, title: texts.shortcuts }, "?") : null,
        working ? h("button", { type: "button", class: "quiet", disabled: this.busy, onclick: () => this.askSkip() }, texts.skip) : null,
        working ? h("button", { type: "button", class: "submit", disabled: this.busy, "aria-busy": String(this.busy), onclick: () => this.submit() }, this.busy ? texts.submitting : texts.submit, h("kbd", {}, "Ctrl ↵")) : null),
    ]);
    this.drawTime();
  }

  drawTime() {
    if (!this.undoNode) return;
    const left = Math.ceil((this.undoUntil - Date.now()) / 1000);
    const undo = this.data.undo;
    this.undoNode.hidden = !undo || left <= 0;
    if (!this.undoNode.hidden) this.undoNode.replaceChildren(`${fill(this.texts.submitted, { points: undo.total })} · `, h("b", {}, fill(this.texts.undo, { n: left })));
    const seconds = this.active || 0;
    this.timeNode.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }

  drawEmpty() {
    this.parts.left.replaceChildren(h("div", { class: "nothing" }, h("p", {}, this.data.why),
      this.data.elsewhere ? h("button", { type: "button", onclick: () => this.send("next", { n: mark() }) }, this.texts.next_sample) : null));
    for (const name of ["sums", "rows", "detail"]) this.parts[name].replaceChildren();
  }
}
