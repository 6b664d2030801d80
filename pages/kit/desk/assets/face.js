// The face of the desk: its parts and how each is drawn from what the desk holds. Decides nothing; what is clicked goes
// to the methods of asking.js and workspace.js, which are built on it. Knows the score only through score.js.

import { criterionDetail, hitDetail, remarkDetail } from "./detail.js";
import { fill, h, scheme } from "./dom.js";
import { criterionRow, hitRow, remarkRow, totals } from "./list.js";
import { score } from "./score.js";

// The keyboard stands on the choice that is made, else on the first one: what a screen reader expects of a choice.
export function focusRow(row) {
  (row.querySelector('[role="radio"][tabindex="0"]') || row).focus({ preventScroll: true });
}

export class Face {
  constructor(parent) {
    this.parts = {
      left: h("section", { class: "left" }), sums: h("div", { class: "sums", role: "group" }), rows: h("div", { class: "rows" }),
      detail: h("section", { class: "detail" }), foot: h("footer", {}), notice: h("div", { class: "notices", role: "status" }),
    };
    this.live = h("div", { class: "unseen", "aria-live": "polite" });
    this.right = h("section", { class: "right" }, this.parts.sums, this.parts.notice, this.parts.rows, this.parts.detail, this.parts.foot);
    this.shade = h("dialog", {});
    this.parts.rows.addEventListener("click", (event) => {
      const row = event.target.closest(".row");
      if (row && !event.target.closest("button")) this.choose(row.dataset.stop);
    });
    this.makeFoot();
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

  colour() {
    scheme(this.root);
  }

  draw() {
    this.drawRows();
    const hit = this.hit();
    const criterion = this.criterion();
    const at = this.root.getRootNode().activeElement;
    const field = this.parts.detail.contains(at) ? at.dataset.field : "";
    const stands = field && this.detailOf === this.current;
    this.detailOf = this.current;
    this.parts.detail.replaceChildren(...(hit ? hitDetail(this, hit) : criterion ? criterionDetail(this, criterion) : remarkDetail(this)).filter(Boolean));
    this.parts.detail.setAttribute("aria-label", this.texts.in_focus);
    this.parts.detail.scrollTop = 0;
    if (field) stands && this.write(field) || this.focusCurrent();
  }

  drawRows(focus = "") {
    if (!this.marks || this.data.mode !== "work") return;
    const { marks, data } = this;
    this.result = score(data.rubric, marks.marks, marks.hits.filter((hit) => hit.decision), data.rules);
    this.parts.sums.setAttribute("aria-label", this.texts.total);
    this.parts.sums.replaceChildren(...totals(this, this.result));
    if (focus === "stay" && this.drawnFor === this.current) return this.transcript.evidence(marks.evidence());
    this.drawnFor = this.current;
    const had = this.parts.rows.contains(this.root.getRootNode().activeElement);
    const groups = data.rubric.dimensions.map((dimension) => h("div", { role: "group", "aria-label": dimension.label }, h("h2", {}, dimension.label),
      marks.criteria.filter((criterion) => criterion.dimension === dimension.id).map((criterion) => criterionRow(this, criterion, this.result))));
    this.parts.rows.replaceChildren(this.redlines(), ...groups, remarkRow(this));
    this.transcript.evidence(marks.evidence()); // before the focus, which makes the browser lay everything out
    const row = [...this.parts.rows.querySelectorAll(".row")].find((one) => one.dataset.stop === this.current);
    if (row) {
      row.classList.add("current");
      const stop = row.querySelector('[aria-checked="true"]') || row.querySelector('[role="radio"]') || row;
      stop.tabIndex = 0;
      if (had) focusRow(row);
      row.scrollIntoView({ block: "nearest" });
    }
  }

  redlines() {
    const { marks, data, texts } = this;
    const rules = Object.entries(data.rules);
    const add = rules.length
      ? h("select", { class: "report", "aria-label": texts.add_redline, title: texts.add_redline_here, onchange: (event) => event.target.value && this.report(event.target.value) },
          h("option", { value: "" }, texts.add_redline), rules.map(([id, rule]) => h("option", { value: id }, `${id} ${rule.label}`)))
      : null;
    return h("div", { role: "group", class: "reds", "aria-label": texts.redlines }, h("div", { class: "head" }, h("h2", {}, texts.redlines), add), marks.hits.map((hit, index) => hitRow(this, hit, index)));
  }

  drawNotes() {
    const rows = Object.entries(this.notes || {}).filter(([, note]) => note).map(([kind, [text, other]]) => h("div", { class: `notice ${kind}` }, h("span", {}, text),
      kind === "conflict" ? h("button", { type: "button", onclick: () => this.compare(other) }, this.texts.differences) : null,
      h("button", { type: "button", class: "close", "aria-label": this.texts.close, onclick: () => this.note(kind, "") }, "×")));
    this.parts.notice.replaceChildren(...rows);
  }

  // The foot is made once: whoever stands on one of its buttons stays there.
  makeFoot() {
    const button = (name, act, ...children) => h("button", { type: "button", class: name, onclick: act }, ...children);
    this.foot = {
      day: h("span", { class: "figures" }), time: h("span", { role: "timer", "aria-live": "off" }), saved: h("span", { class: "saved" }),
      undo: button("undo", () => this.undo()), help: button("quiet", () => this.help(), "?"), skip: button("quiet", () => this.askSkip()),
      submit: button("submit", () => this.submit(), h("span", {}), h("kbd", { "aria-hidden": "true" }, "Ctrl ↵")),
    };
    const { day, time, saved, undo, help, skip, submit } = this.foot;
    submit.setAttribute("aria-keyshortcuts", "Control+Enter");
    this.parts.saved = saved;
    this.parts.foot.append(h("div", { class: "day" }, day, time, saved), h("div", { class: "acts" }, undo, help, skip, submit));
  }

  drawFoot() {
    const { texts, data, foot } = this;
    const working = data.mode === "work";
    const day = [fill(texts.done_today, { n: data.progress.done }), fill(texts.left, { n: data.progress.left }), data.progress.median ? fill(texts.median, { time: data.progress.median }) : ""];
    foot.day.replaceChildren(...(working ? day.filter(Boolean).map((text) => h("span", {}, text)) : []));
    foot.saved.className = `saved ${this.saved ? this.saved.kind : ""}`;
    foot.saved.textContent = this.state();
    for (const name of ["help", "skip", "submit", "time"]) foot[name].hidden = !working;
    for (const name of ["skip", "submit"]) foot[name].disabled = this.busy;
    foot.help.title = texts.shortcuts;
    foot.help.setAttribute("aria-label", texts.shortcuts);
    foot.time.title = texts.time_here;
    foot.time.setAttribute("aria-label", texts.time_here);
    foot.skip.textContent = texts.skip;
    foot.submit.setAttribute("aria-busy", String(this.busy));
    foot.submit.firstChild.textContent = this.busy ? texts.submitting : texts.submit;
    this.drawTime();
  }

  // How the draft is, in words.
  state() {
    const { texts } = this;
    const { kind, detail } = this.saved || {};
    if (!kind) return "";
    if (kind === "saved") return `${texts.saved} ${detail}`;
    if (kind === "back_saved") return fill(texts.back_saved, { time: detail });
    if (kind === "refused") return detail;
    if (kind === "offline") return this.drafts.dirty ? texts.unsaved_offline : texts.no_connection;
    return texts[kind];
  }

  drawTime() {
    const { undo, time } = this.foot;
    const left = Math.ceil((this.undoUntil - Date.now()) / 1000);
    const last = this.data.undo;
    const had = undo === this.root.getRootNode().activeElement;
    undo.hidden = !last || left <= 0;
    if (!undo.hidden) undo.replaceChildren(`${fill(this.texts.submitted, { points: last.total })} · `, h("b", {}, fill(this.texts.undo, { n: left })));
    else if (had) this.refocus();
    const seconds = this.active || 0;
    time.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }

  // Before a sample is taken: what waits, what the day was, and one thing to do.
  drawStart() {
    const { data, texts, parts } = this;
    const { progress } = data;
    const day = [fill(texts.done_today, { n: progress.done }), progress.skipped ? fill(texts.skipped_today, { n: progress.skipped }) : "", progress.median ? fill(texts.median, { time: progress.median }) : ""];
    const act = (label, named, first) => h("button", { type: "button", class: first ? "submit" : "quiet", disabled: this.busy, onclick: () => this.take(named) }, h("span", {}, label), first ? h("kbd", { "aria-hidden": "true" }, "↵") : null);
    const acts = data.named !== null ? [act(texts.take_this, data.named, true), act(texts.next_sample, null, false)]
      : data.waiting ? [act(texts.next_sample, null, true)] : [act(texts.look_again, null, false)];
    const had = parts.left.contains(this.root.getRootNode().activeElement);
    parts.left.setAttribute("aria-label", texts.start);
    parts.left.replaceChildren(h("div", { class: "nothing" },
      h("p", { class: "what" }, data.why || (data.named !== null ? fill(texts.named_waits, { number: data.named }) : fill(texts.start_left, { n: progress.left }))),
      h("p", { class: "figures" }, day.filter(Boolean).map((text) => h("span", {}, text))),
      h("div", { class: "acts" }, acts)));
    if (had) this.refocus();
    for (const name of ["sums", "rows", "detail"]) parts[name].replaceChildren();
  }
}
