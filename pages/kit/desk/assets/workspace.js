// The desk at work: what is marked, what is in focus, what is said. How it looks is face.js, what the server is asked
// is asking.js.

import { Asking } from "./asking.js";
import { onAnswer, post } from "./channel.js";
import { helpDialog, versionsDialog } from "./dialogs.js";
import { fill, h, points } from "./dom.js";
import { Drafts } from "./draft.js";
import { focusRow } from "./face.js";
import { listen } from "./keys.js";
import { weight } from "./score.js";
import { Link } from "./link.js";
import { Marks } from "./sheet.js";
import { Transcript, bar } from "./transcript.js";

const IDLE = 60000;

export class Desk extends Asking {
  constructor(parent) {
    super(parent);
    this.reads = false;
    this.busy = false;
    this.id = null;
    this.undoUntil = 0;
    this.link = new Link(this);
    this.drafts = new Drafts(this);
    this.deaf = listen(this);
    this.fitted = () => this.fit();
    window.addEventListener("resize", this.fitted);
    this.moved = () => (this.lastMove = Date.now());
    for (const name of ["keydown", "pointermove", "wheel"]) document.addEventListener(name, this.moved, { passive: true });
    this.clock = setInterval(() => this.tick(), 1000);
    this.root.addEventListener("focusin", (event) => (this.hands = event.target));
    onAnswer((answer) => this.answered(answer));
    requestAnimationFrame(this.fitted);
  }

  close() {
    this.drafts.close();
    this.link.close();
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
    const other = !this.data || this.data.me !== data.me;
    this.data = data;
    if (other) this.drafts.dropOthers();
    this.texts = data.texts;
    this.root.lang = data.language.replace("_", "-");
    this.root.classList.toggle("start", data.mode === "start");
    const answer = this.nonce && data.say && data.say.to === this.nonce ? data.say : null;
    const left = this.leaving;
    if (answer || fresh) this.settle();
    // What this tab keeps goes only when the server has put this very submit on record.
    if (answer && !answer.text && left) this.drafts.drop(left);
    if (fresh || language) this.open(data, kept);
    else if (data.mode === "start") this.drawStart();
    if (data.undo) this.undoUntil = Date.now() + data.undo.left;
    if (answer && answer.text) this.refused(answer.text, fresh);
    if (fresh) this.announce(left && data.undo);
    if (this.link.missed) this.lost();
    this.drawFoot();
    this.fit();
  }

  open(data, kept) {
    const again = this.id !== null;
    this.id = data.id;
    this.notes = {};
    if (data.mode === "start") {
      this.drafts.start(null, 0);
      this.drawStart();
      if (again || this.free()) this.refocus();
      return;
    }
    if (kept === null) this.begin(data);
    else this.marks = new Marks(data, kept);
    this.transcript = new Transcript(this.texts);
    this.transcript.show(data.items);
    if (data.promises) post("promises", { id: data.id, assignment: data.assignment });
    const lead = [h("div", {}, h("dt", {}, data.source), h("dd", {}, data.calibration ? fill(this.texts.calibration, { name: data.calibration }) : `#${data.assignment}`))];
    const act = data.case ? h("button", { type: "button", class: "quiet", "aria-keyshortcuts": "C", onclick: () => this.tellCase() }, this.texts.whole_case, " ", h("kbd", { "aria-hidden": "true" }, "C")) : null;
    this.bar = bar(this.texts, this.transcript, data.header, { fill, lead, act, convert: (to) => this.convert(to) });
    this.parts.left.setAttribute("aria-label", this.texts.conversation);
    this.right.setAttribute("aria-label", this.texts.scorecard);
    this.parts.left.replaceChildren(this.bar.node, this.transcript.list);
    this.parts.rows.scrollTop = 0;
    this.current = this.stops()[0];
    this.draw();
    if (kept === null && (again || this.free())) this.focusCurrent();
  }

  // What came instead of the last sample, for those who hear the page.
  announce(submitted) {
    const { data, texts } = this;
    const said = submitted ? [fill(texts.submitted, { points: data.undo.total })] : [];
    if (data.mode === "start") said.push(data.why || fill(texts.start_left, { n: data.progress.left }));
    else said.push(fill(texts.opened, { source: data.source, number: data.assignment, messages: this.transcript.items.length, hits: this.marks.hits.length }));
    this.say(said.join(texts.full_stop));
  }

  // A new place: the draft of the database, unless this tab holds something the server has never confirmed.
  begin(data) {
    const saved = data.draft;
    this.drafts.start(data.assignment, saved ? saved.version : 0);
    const mine = this.drafts.kept();
    const content = mine ? mine.content : saved ? saved.content : {};
    this.marks = new Marks(data, content);
    this.active = Number(content.active_seconds) || 0;
    this.asked = false;
    this.lastMove = Date.now();
    if (mine) {
      this.drafts.version = mine.version;
      this.drafts.changed();
    }
    if (mine || saved) this.note("restored", this.texts.restored, 6000);
    if (saved && saved.other) this.conflict(saved.other);
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
    if (!(value in criterion.losses)) return;
    this.marks.change(criterion.id, { value, na: false });
    this.changed();
    this.tell();
  }

  notApplicable(criterion) {
    if (!criterion.na) return;
    this.current = `c${criterion.id}`;
    this.marks.change(criterion.id, { na: !this.marks.of(criterion.id).na, value: null });
    this.changed();
    this.tell(this.shift(criterion));
  }

  // What leaving a criterion out does to the others of its dimension, in words; empty where it applies.
  shift(criterion) {
    if (!this.marks.of(criterion.id).na) return "";
    const dimension = this.data.rubric.dimensions.find((one) => one.id === criterion.dimension);
    const one = weight(dimension, this.marks.marks);
    if (one === null) return fill(this.texts.na_dimension, { dimension: dimension.label });
    return fill(this.texts.na_shift, { dimension: dimension.label, before: points(300), after: points(one(300)) });
  }

  decide(hit, decision) {
    this.current = `h${this.marks.hits.indexOf(hit)}`;
    hit.decision = decision;
    for (const other of this.marks.hits) if (other.rule_id === hit.rule_id && !other.decision) Object.assign(other, { decision, reason: other.reason || hit.reason });
    this.changed();
    this.say(this.texts.choose_reason);
  }

  // One of the reasons offered; it holds for every find of the same rule that was decided alike and has none yet.
  reasoned(hit, reason) {
    hit.reason = reason;
    for (const other of this.marks.hits) if (other.rule_id === hit.rule_id && other.decision === hit.decision && !other.reason.trim()) other.reason = reason;
    this.changed();
    this.say(reason);
  }

  report(rule) {
    const seq = this.transcript.current ?? (this.transcript.items[0] || {}).seq;
    if (seq === undefined || this.marks.hits.some((hit) => hit.rule_id === rule && hit.seq === seq)) return;
    this.marks.hits.push({ rule_id: rule, seq, decision: "confirmed", reason: "", matched: "", machine: false });
    this.current = `h${this.marks.hits.length - 1}`;
    this.changed();
    this.focusCurrent();
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

  // One key takes what the data proposes, with its messages as evidence, or refuses it. Nothing is marked by itself.
  suggested(take) {
    const criterion = this.criterion() && this.marks.proposal(this.criterion().id) ? this.criterion() : this.marks.criteria.find(({ id }) => this.marks.proposal(id));
    if (!criterion) return;
    const one = this.marks.proposal(criterion.id);
    this.current = `c${criterion.id}`;
    this.marks.answered.add(criterion.id);
    if (take) this.marks.change(criterion.id, { value: one.value, na: false, evidence: one.seqs });
    this.changed();
    this.focusCurrent();
    this.tell(`${criterion.label}: ${take ? this.texts.suggestion_take : this.texts.suggestion_refuse}`);
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
    this.current = stop;
    this.draw();
    this.focusCurrent();
  }

  leaveField() {
    this.drawRows();
    this.focusCurrent();
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
    if (this.hit()) return this.decide(this.hit(), by < 0 ? "confirmed" : "cleared");
    if (!criterion) return;
    const { order } = criterion;
    this.score(criterion, order[order.indexOf(this.marks.value(criterion.id)) + by]);
  }

  number(n) {
    if (this.data.mode !== "work") return;
    const hit = this.hit();
    if (hit && hit.decision && n) return n <= this.reasons.length && this.reasoned(hit, this.reasons[n - 1]);
    if (hit) return n < 2 && this.decide(hit, n ? "confirmed" : "cleared");
    const criterion = this.criterion();
    if (criterion) this.score(criterion, n);
  }

  // N: not applicable for a criterion, no breach for a red line, as on the board.
  currentNotApplicable() {
    if (this.hit()) this.decide(this.hit(), "cleared");
    else if (this.criterion()) this.notApplicable(this.criterion());
  }

  confirmCurrent() {
    if (this.hit()) this.decide(this.hit(), "confirmed");
  }

  get reasons() {
    return this.texts.hit_reasons.split("|");
  }

  write(field) {
    const found = this.parts.detail.querySelector(`[data-field="${field}"]`);
    if (found) found.focus({ preventScroll: true });
    return Boolean(found);
  }

  focusCurrent() {
    const row = this.parts.rows.querySelector(".row.current");
    if (!row) return;
    focusRow(row);
    row.scrollIntoView({ block: "nearest" });
  }

  // Nobody is busy elsewhere on the page.
  free() {
    const at = document.activeElement;
    return !at || at === document.body || at === this.root.getRootNode().host;
  }

  // Back to where the hands were, when something took the focus away.
  refocus() {
    if (this.data.mode === "start") return this.parts.left.querySelector("button:not(:disabled)")?.focus({ preventScroll: true });
    if (this.hands && this.hands.isConnected) this.hands.focus({ preventScroll: true });
    else this.focusCurrent();
  }

  help() {
    helpDialog(this);
  }

  dialogOpen() {
    return this.shade.open;
  }

  // --- what is said ---

  // The choice itself is said by its own focus; this is what it does to the score.
  tell(more = "") {
    const total = this.result ? fill(this.texts.stop_of, { label: this.texts.total, value: points(this.result.total) }) : this.texts.nothing_applies;
    this.say([more, total].filter(Boolean).join(this.texts.full_stop));
  }

  say(text) {
    this.live.textContent = text;
  }

  note(kind, text, fade = 0) {
    this.notes = { ...this.notes, [kind]: text ? [text] : null };
    this.drawNotes();
    if (fade) setTimeout(() => this.note(kind, ""), fade);
  }

  // How the draft is. Said aloud only when it becomes safe, or stops being so.
  status(kind, detail = "") {
    this.saved = { kind, detail };
    if (!this.data) return;
    this.drawFoot();
    if (["", "saving", "offline", this.told].includes(kind)) return;
    if (!(kind === "saved" && this.told === "back_saved")) this.say(this.parts.saved.textContent);
    this.told = kind;
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
    if (this.data && this.data.mode === "work" && document.visibilityState === "visible" && Date.now() - this.lastMove < IDLE) {
      this.active += 1;
      this.drafts.beat();
    }
    if (this.data) this.drawTime();
  }
}
