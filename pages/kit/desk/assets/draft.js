// Drafts that are never lost: kept in this tab at once, in the database two seconds after the last change, when the
// window loses the focus, when the page hides and when the server is back. Nothing counts as saved before it says so.
// What this tab keeps belongs to one account: another person's is never read, and dropped as soon as somebody else works.

import { post } from "./channel.js";

const QUIET = 2000;
const LONGEST = 10000;
const RETRY = 8000;
const BEAT = 5 * 60 * 1000;
const KEPT = 7 * 24 * 3600 * 1000;
const PREFIX = "spotcheck-draft-";

export class Drafts {
  constructor(desk) {
    this.desk = desk;
    this.back = false;
    this.start(null, 0);
    this.leave = () => this.flush();
    this.hide = () => document.visibilityState === "hidden" && this.flush();
    window.addEventListener("blur", this.leave);
    window.addEventListener("pagehide", this.leave);
    document.addEventListener("visibilitychange", this.hide);
  }

  close() {
    this.flush();
    this.stop();
    window.removeEventListener("blur", this.leave);
    window.removeEventListener("pagehide", this.leave);
    document.removeEventListener("visibilitychange", this.hide);
  }

  start(assignment, version) {
    this.stop();
    Object.assign(this, { assignment, version, dirty: false, sent: null, sentText: "", since: 0, settling: false, beaten: Date.now() });
    this.desk.status("");
  }

  stop() {
    clearTimeout(this.timer);
    clearTimeout(this.retry);
  }

  get slot() {
    return `${this.mine}${this.assignment}`;
  }

  get mine() {
    return `${PREFIX}${this.desk.data.me}-`;
  }

  // Somebody is at work here: what other accounts left in this tab goes.
  dropOthers() {
    try {
      const left = Object.keys(sessionStorage).filter((key) => key.startsWith(PREFIX) && !key.startsWith(this.mine));
      left.forEach((key) => sessionStorage.removeItem(key));
    } catch { /* storage may be switched off */ }
  }

  // What this tab still holds and the server has not confirmed.
  kept() {
    try {
      const found = JSON.parse(sessionStorage.getItem(this.slot));
      return found && Date.now() - found.at < KEPT ? found : null;
    } catch {
      return null;
    }
  }

  forget() {
    this.stop();
    this.dirty = false;
    this.drop(this.slot);
  }

  drop(slot) {
    try {
      sessionStorage.removeItem(slot);
    } catch { /* storage may be switched off */ }
  }

  changed() {
    if (this.assignment === null) return;
    const now = Date.now();
    if (!this.dirty) this.since = now;
    this.dirty = true;
    try {
      sessionStorage.setItem(this.slot, JSON.stringify({ at: now, version: this.version, content: this.desk.content() }));
    } catch { /* full or switched off: the database has it in two seconds */ }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), Math.max(0, Math.min(QUIET, this.since + LONGEST - now)));
    this.desk.status(this.desk.link.missed ? "offline" : "saving");
  }

  // Working without marking anything keeps the sample reserved, too.
  beat() {
    if (this.assignment === null || this.dirty || Date.now() - this.beaten < BEAT) return;
    this.dirty = true;
    this.flush();
  }

  // The server is back: what was under way may be lost, so it is sent again.
  again() {
    clearTimeout(this.retry);
    this.sent = null;
    this.flush();
  }

  flush() {
    clearTimeout(this.timer);
    if (!this.dirty || this.assignment === null || this.desk.busy || this.sent || !this.desk.link.sure) return;
    this.send();
  }

  send() {
    const content = this.desk.content();
    this.beaten = Date.now();
    this.sent = `${Date.now()}-${Math.random()}`;
    this.sentText = JSON.stringify(content);
    post("save", { n: this.sent, assignment: this.assignment, draft_version: this.version, content, settle: this.settling });
    clearTimeout(this.retry);
    this.retry = setTimeout(() => {
      this.desk.status("unsaved");
      this.desk.link.doubt();
    }, RETRY);
  }

  settle() {
    this.settling = true;
    this.dirty = true;
    this.flush();
  }

  answered(answer) {
    if (answer.n !== this.sent || answer.assignment !== this.assignment) return;
    clearTimeout(this.retry);
    this.sent = null;
    this.desk.link.proven();
    if (answer.error) {
      this.desk.status("refused", answer.error);
      return;
    }
    this.version = answer.version;
    this.settling = false;
    if (JSON.stringify(this.desk.content()) === this.sentText) {
      this.forget();
      this.desk.status(!answer.held ? "not_held" : this.back ? "back_saved" : "saved", answer.at);
      this.back = false;
    } else {
      this.since = Date.now();
      this.timer = setTimeout(() => this.flush(), QUIET);
    }
    this.desk.conflict(answer.other);
  }
}
