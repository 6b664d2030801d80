// The desk at work: what is marked, what is in focus, and what goes to the server. How it looks is face.js.

import { onAnswer, post } from "./channel.js";
import { helpDialog, skipDialog, versionsDialog } from "./dialogs.js";
import { fill, h, mark } from "./dom.js";
import { Drafts } from "./draft.js";
import { Face } from "./face.js";
import { listen } from "./keys.js";
import { Marks, valueText } from "./sheet.js";
import { Transcript, bar } from "./transcript.js";

const PATIENCE = 20000;
const IDLE = 60000;

export class Desk extends Face {
  constructor(parent) {
    super(parent);
    this.reads = false;
    this.busy = false;
    this.id = null;
    this.undoUntil = 0;
    this.drafts = new Drafts(this);
    this.deaf = listen(this);
    this.fitted = () => this.fit();
    window.addEventListener("resize", this.fitted);
    this.moved = () => (this.lastMove = Date.now());
    for (const name of ["keydown", "pointermove", "wheel"]) document.addEventListener(name, this.moved, { passive: true });
    this.clock = setInterval(() => this.tick(), 1000);
    onAnswer((answer) => this.answered(answer));
    requestAnimationFrame(this.fitted);
  }

  close() {
    this.drafts.close();
    this.deaf();
    clearInterval(this.clock);
    clearTimeout(this.patience);
    window.removeEventListener("resize", this.fitted);
    for (const name of ["keydown", "pointermove", "wheel"]) document.removeEventListener(name, this.moved);
    onAnswer(() => {});
    this.root.remove();
  }

  // --- what the server says ---

  update(data) {
    const fresh = data.id !== this.id;
    const language = this.data && this.data.language !== data.language;
    const kept = !fresh && data.mode === "work" ? this.content() : null;
    this.data = data;
    this.texts = data.texts;
    this.root.lang = data.language.replace("_", "-");
    this.root.classList.toggle("empty", data.mode === "empty");
    if (fresh || language) this.open(data, kept);
    if (data.undo) this.undoUntil = Date.now() + data.undo.left;
    if (fresh || (data.say && data.say.to === this.nonce)) this.settled(fresh ? "" : data.say.text);
    if (fresh && data.say && data.mode === "work" && data.say.text && data.say.to === this.asked) this.note("warning", data.say.text);
    this.drawFoot();
    this.fit();
  }

  open(data, kept) {
    this.id = data.id;
    this.notes = {};
    if (data.mode === "empty") {
      this.drafts.start(null, 0);
      return this.drawEmpty();
    }
    if (kept === null) this.begin(data);
    else this.marks = new Marks(data, kept);
    this.transcript = new Transcript(this.texts, { chosen: () => this.drawRows("stay") });
    this.transcript.show(data.items);
    const lead = [h("div", {}, h("dt", {}, data.source), h("dd", {}, data.calibration ? fill(this.texts.calibration, { name: data.calibration }) : `#${data.assignment}`))];
    this.bar = bar(this.texts, this.transcript, data.header, { fill, lead, convert: (to) => this.convert(to) });
    this.parts.left.setAttribute("aria-label", this.texts.conversation);
    this.right.setAttribute("aria-label", this.texts.scorecard);
    this.parts.left.replaceChildren(this.bar.node, this.transcript.list);
    this.parts.rows.scrollTop = 0;
    this.current = this.stops()[0];
    this.draw();
    if (kept === null) this.focusCurrent();
  }

  // A new place: the draft of the database, unless this tab holds something the server has never confirmed.
  begin(data) {
    const saved = data.draft;
    this.drafts.start(data.assignment, saved ? saved.version : 0);
    const mine = this.drafts.kept();
    const content = mine ? mine.content : saved ? saved.content : {};
    this.marks = new Marks(data, content);
    this.active = Number(content.active_seconds) || 0;
    this.lastMove = Date.now();
    if (mine) {
      this.drafts.version = mine.version;
      this.drafts.changed();
    }
    if (mine || saved) this.note("restored", this.texts.restored, 6000);
    if (saved && saved.other) this.conflict(saved.other);
  }

  answered(answer) {
    if (answer.kind === "save") this.drafts.answered(answer);
    else if (answer.kind === "convert" && answer.n === this.converting) this.transcript.convert(answer.texts);
  }

  settled(text) {
    clearTimeout(this.patience);
    this.busy = false;
    this.nonce = null;
    if (!text && this.leaving) this.drafts.drop(this.leaving);
    this.leaving = null;
    if (text) {
      this.note("refused", text);
      if (this.data.mode === "work") this.drafts.changed();
    }
  }

  // --- what is marked ---

  content() {
    return this.data && this.data.mode === "work" ? { ...this.marks.sheet(), active_seconds: this.active } : {};
  }

  // `how`: "quiet" while typing (the field must keep the cursor), "lines" (rows and totals) or "all".
  changed(how = "all") {
    this.note("refused", "");
    this.drafts.changed();
    if (how === "all") this.draw();
    else this.drawRows(how === "quiet" ? "stay" : "");
  }

  score(criterion, value) {
    this.current = `c${criterion.id}`;
    if (value < 0 || value > criterion.max) return;
    this.marks.change(criterion.id, { value, na: false });
    this.changed();
    this.tell(criterion);
  }

  notApplicable(criterion) {
    if (!criterion.na) return;
    this.current = `c${criterion.id}`;
    this.marks.change(criterion.id, { na: !this.marks.of(criterion.id).na, value: null });
    this.changed();
    this.tell(criterion);
  }

  decide(hit, decision) {
    this.current = `h${this.marks.hits.indexOf(hit)}`;
    hit.decision = decision;
    for (const other of this.marks.hits) if (other.rule_id === hit.rule_id && !other.decision) Object.assign(other, { decision, reason: other.reason || hit.reason });
    this.changed();
    if (!hit.reason.trim()) this.write("note");
  }

  report(rule) {
    const seq = this.transcript.current ?? (this.transcript.items[0] || {}).seq;
    if (seq === undefined || this.marks.hits.some((hit) => hit.rule_id === rule && hit.seq === seq)) return;
    this.marks.hits.push({ rule_id: rule, seq, decision: "confirmed", reason: "", matched: "", machine: false });
    this.current = `h${this.marks.hits.length - 1}`;
    this.changed();
    this.write("note");
  }

  drop(hit) {
    this.marks.hits = this.marks.hits.filter((one) => one !== hit);
    this.current = this.stops()[0];
    this.changed();
    this.focusCurrent();
  }

  markEvidence() {
    const seq = this.transcript.current;
    const criterion = this.criterion();
    if (seq === null || !criterion) return;
    const had = this.marks.of(criterion.id).evidence;
    this.marks.change(criterion.id, { evidence: had.includes(seq) ? had.filter((one) => one !== seq) : [...had, seq].sort((a, b) => a - b) });
    this.changed();
    this.say(fill(this.texts.evidence_for, { what: `${criterion.label} #${seq + 1}` }));
  }

  nextOwner() {
    const criterion = this.criterion();
    if (!criterion || !this.marks.loses(criterion.id)) return;
    const owners = this.data.rubric.owners;
    const place = owners.findIndex((owner) => owner.id === this.marks.of(criterion.id).owner);
    const owner = owners[(place + 1) % owners.length];
    this.marks.change(criterion.id, { owner: owner.id });
    this.changed();
    this.say(`${this.texts.owner}: ${owner.label}`);
  }

  // --- what is in focus ---

  stops() {
    return [...this.marks.hits.map((_, index) => `h${index}`), ...this.marks.criteria.map((criterion) => `c${criterion.id}`), "remark"];
  }

  criterion() {
    return this.current && this.current[0] === "c" ? this.marks.byId[this.current.slice(1)] : null;
  }

  hit() {
    return this.current && this.current[0] === "h" ? this.marks.hits[Number(this.current.slice(1))] : null;
  }

  choose(stop) {
    if (stop === this.current) return;
    this.current = stop;
    this.draw();
  }

  step(by) {
    const stops = this.stops();
    this.current = stops[Math.max(0, Math.min(stops.length - 1, stops.indexOf(this.current) + by))];
    this.draw();
    this.focusCurrent();
    const hit = this.hit();
    if (hit) this.transcript.rows.get(hit.seq)?.node.scrollIntoView({ block: "center" });
  }

  nudge(by) {
    const criterion = this.criterion();
    if (this.hit()) return this.number(by < 0 ? 1 : 0);
    if (!criterion) return;
    const value = this.marks.value(criterion.id);
    this.score(criterion, criterion.kind === "yes_no" ? (by > 0 ? 0 : 1) : value + by);
  }

  number(n) {
    if (this.data.mode !== "work") return;
    const hit = this.hit();
    if (hit) return n < 2 && this.decide(hit, n ? "confirmed" : "cleared");
    const criterion = this.criterion();
    if (criterion) this.score(criterion, n);
  }

  currentNotApplicable() {
    if (this.criterion()) this.notApplicable(this.criterion());
  }

  write(field) {
    const found = this.parts.detail.querySelector(`[data-field="${field}"]`);
    if (found) found.focus({ preventScroll: true });
  }

  focusCurrent() {
    const row = this.parts.rows.querySelector(".row.current");
    if (!row) return;
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }

  // --- what goes to the server ---

  submit() {
    if (this.busy || this.data.mode !== "work") return;
    const missing = this.marks.undecided();
    if (missing.length) {
      this.current = `h${this.marks.hits.indexOf(missing[0])}`;
      this.draw();
      this.note("refused", fill(this.texts.undecided, { n: missing.length }));
      return missing[0].decision ? this.write("note") : this.focusCurrent();
    }
    if (!this.result) return this.note("refused", this.texts.nothing_applies);
    this.ask("submit", { sheet: this.marks.sheet(), active_seconds: this.active });
  }

  ask(event, more) {
    this.drafts.stop();
    this.busy = true;
    // The same nonce again when no answer came: the server knows whether it has acted on it.
    this.nonce = this.nonce || mark();
    this.asked = this.nonce;
    this.send(event, { assignment: this.data.assignment, version: this.data.version, nonce: this.nonce, ...more });
    clearTimeout(this.patience);
    this.patience = setTimeout(() => {
      this.busy = false;
      this.note("refused", this.texts.no_answer);
      this.drafts.changed();
      this.drawFoot();
    }, PATIENCE);
    // What this tab keeps goes only when the server has answered: it may be gone.
    this.leaving = event === "submit" ? this.drafts.slot : null;
    this.drafts.dirty = false;
    this.drawFoot();
  }

  undo() {
    const undo = this.data.undo;
    if (this.busy || !undo || Date.now() > this.undoUntil) return;
    this.drafts.flush();
    this.undoUntil = 0;
    this.ask("undo", { inspection: undo.inspection });
  }

  askSkip() {
    if (!this.busy && this.data.mode === "work") skipDialog(this, (reason) => this.ask("skip", { reason }));
  }

  convert(to) {
    this.converting = mark();
    if (to === "original") return this.transcript.convert(null);
    post("convert", { n: this.converting, id: this.id, to, texts: this.transcript.items.map((item) => item.text) });
  }

  help() {
    helpDialog(this);
  }

  dialogOpen() {
    return this.shade.open;
  }

  // --- what is said ---

  tell(criterion) {
    const mark = this.marks.of(criterion.id);
    const total = this.result ? (this.result.total / 100).toFixed(1) : "–";
    this.say(`${fill(this.texts.stop_of, { label: criterion.label, value: mark.na ? this.texts.na : valueText(criterion, this.marks.value(criterion.id), this.texts) })}. ${this.texts.total} ${total}`);
  }

  say(text) {
    this.live.textContent = text;
  }

  note(kind, text, fade = 0) {
    this.notes = { ...this.notes, [kind]: text ? [text] : null };
    this.drawNotes();
    if (fade) setTimeout(() => this.note(kind, ""), fade);
  }

  status(kind, detail = "") {
    this.saved = { kind, detail };
    if (this.data) this.drawFoot();
  }

  conflict(other) {
    this.notes = { ...this.notes, conflict: other ? [this.texts.conflict, other] : null };
    this.drawNotes();
  }

  compare(other) {
    versionsDialog(this, other, {
      mine: () => this.drafts.settle(),
      other: () => {
        this.marks.load(other.content);
        this.drafts.settling = true;
        this.changed();
      },
    });
    this.conflict(null);
  }

  tick() {
    this.colour();
    if (this.data && this.data.mode === "work" && document.visibilityState === "visible" && Date.now() - this.lastMove < IDLE) this.active += 1;
    if (this.data) this.drawTime();
  }
}
