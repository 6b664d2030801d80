// What the desk asks of the server, what comes back, and what it does while nobody answers. Nothing that was marked is
// given up before the server has put it on record.

import { post } from "./channel.js";
import { skipDialog } from "./dialogs.js";
import { caseDialog } from "./story.js";
import { fill, mark, points } from "./dom.js";
import { Face } from "./face.js";

const PATIENCE = 20000;
const GLANCE = 0.3; // seconds a message; nobody reads faster
const LONG = 15; // seconds that are enough for a conversation of any length

export class Asking extends Face {
  // --- what comes back ---

  answered(answer) {
    if (answer.kind === "probe") this.link.answered();
    else if (answer.kind === "save") this.drafts.answered(answer);
    else if (answer.kind === "case" && answer.n === this.telling && this.dialogOpen()) caseDialog(this, answer);
    else if (answer.kind === "promises" && answer.id === this.id) answer.rows.forEach((row) => this.transcript.promise(row.seq, row.promises));
    else if (answer.kind === "convert" && answer.n === this.converting) this.transcript.convert(answer.texts);
  }

  // What was asked is answered, well or not.
  settle() {
    clearTimeout(this.patience);
    this.busy = false;
    this.nonce = null;
    this.leaving = null;
  }

  refused(text, fresh) {
    this.note("refused", text);
    if (!fresh && this.data.mode === "work") this.drafts.changed();
  }

  // The server is gone: read on and mark.
  lost() {
    if (!this.data) return;
    if (this.busy) {
      clearTimeout(this.patience);
      this.busy = false;
      this.drafts.changed();
    }
    this.note("offline", this.texts.offline);
    this.status("offline");
  }

  // The server is back, and so is the page on it.
  found() {
    this.note("offline", "");
    this.note("out", "");
    this.drafts.back = true;
    this.status("back");
  }

  out(yes) {
    this.note("out", yes ? this.texts.signed_out : "");
  }

  // --- what is asked ---

  submit() {
    if (this.busy || this.data.mode !== "work") return;
    const missing = this.marks.undecided();
    if (missing.length) {
      this.current = `h${this.marks.hits.indexOf(missing[0])}`;
      this.draw();
      const open = missing.filter((hit) => !hit.decision).length;
      this.note("refused", open ? fill(this.texts.undecided, { n: open }) : fill(this.texts.unreasoned, { n: missing.length }));
      return this.focusCurrent();
    }
    if (!this.result) return this.note("refused", this.texts.nothing_applies);
    if (!this.asked && this.untouched() && !this.read()) {
      this.asked = true;
      return this.note("refused", fill(this.texts.unread, { points: points(this.result.total) }));
    }
    this.ask("submit", { sheet: this.marks.sheet(), active_seconds: this.active });
  }

  // Nothing on the sheet says that somebody thought about this conversation …
  untouched() {
    return !Object.keys(this.marks.marks).length && !this.marks.hits.length && !this.marks.comment.trim();
  }

  // … and its end was never in view, or only for a glance.
  read() {
    return this.transcript.ended && this.active >= Math.min(LONG, GLANCE * this.transcript.items.length);
  }

  // The next sample, or the one the address names.
  take(named = null) {
    if (!this.busy && this.data.mode === "start") this.ask("next", { assignment: named });
  }

  // The one thing to do on the start panel.
  first() {
    this.parts.left.querySelector(".acts button")?.click();
  }

  ask(event, more) {
    if (this.link.missed) return this.note("offline", this.texts.offline_ask);
    this.drafts.stop();
    this.busy = true;
    // The same nonce again when no answer came: the server knows whether it has acted on it.
    this.nonce = this.nonce || mark();
    this.send(event, { assignment: this.data.assignment, version: this.data.version, nonce: this.nonce, ...more });
    clearTimeout(this.patience);
    this.patience = setTimeout(() => {
      this.busy = false;
      this.note("refused", this.texts.no_answer);
      this.drafts.changed();
      this.link.doubt();
      this.drawFoot();
    }, PATIENCE);
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

  // The whole case of a dispute: everything about its order, as the archive has it now.
  tellCase() {
    if (!this.data.case) return;
    if (this.link.missed) return this.note("offline", this.texts.offline_ask);
    this.telling = mark();
    caseDialog(this, { error: this.texts.reading_case });
    post("tell", { n: this.telling, assignment: this.data.assignment });
  }

  convert(to) {
    this.converting = mark();
    if (to === "original") return this.transcript.convert(null);
    post("convert", { n: this.converting, id: this.id, to, texts: this.transcript.items.map((item) => item.text) });
  }
}
