// Whether the server can be reached. Streamlit connects again by itself, but a server that was started anew knows nothing
// of this page, so nothing is sent before the whole page has run there once: the probe asks until it answers.
// Streamlit's own English dialog would lock the page meanwhile; it is put away.

import { post } from "./channel.js";
import { mark } from "./dom.js";

const STATE = "data-test-connection-state";
const UP = "CONNECTED";
const AGAIN = 4000;
const ASK = 5000;

export class Link {
  constructor(desk) {
    this.desk = desk;
    this.up = true;
    this.sure = true;
    this.missed = false;
    this.app = document.querySelector('[data-testid="stApp"]');
    this.watch = new MutationObserver(() => this.look());
    if (this.app) this.watch.observe(this.app, { attributes: true, attributeFilter: [STATE] });
    this.dialogs = new MutationObserver(() => this.putAway());
    this.dialogs.observe(document.body, { childList: true });
    // What the browser thinks of the network is a hint: a server on this very machine needs none.
    this.hint = () => this.up && this.doubt();
    for (const name of ["offline", "online"]) window.addEventListener(name, this.hint);
    this.look();
  }

  close() {
    this.watch.disconnect();
    this.dialogs.disconnect();
    clearTimeout(this.probing);
    clearInterval(this.asking);
    for (const name of ["offline", "online"]) window.removeEventListener(name, this.hint);
  }

  look() {
    const up = !this.app || [null, UP].includes(this.app.getAttribute(STATE));
    if (up === this.up) return;
    this.up = up;
    clearInterval(this.asking);
    if (up) this.doubt();
    else {
      this.sure = false;
      clearTimeout(this.probing);
      this.asking = setInterval(() => this.ask(), ASK);
      this.miss();
    }
  }

  miss() {
    this.missed = true;
    this.desk.lost();
  }

  // The connection may be as good as none: find out before anything else is sent.
  doubt() {
    this.sure = false;
    clearTimeout(this.probing);
    this.probes = 0;
    this.probing = setTimeout(() => this.probe(), 100);
  }

  probe() {
    if (!this.up || this.sure) return;
    if (this.probes) this.miss();
    this.probes += 1;
    post("probe", mark());
    this.probing = setTimeout(() => this.probe(), AGAIN);
  }

  // The probe is answered: the page has run, everything can be sent.
  answered() {
    if (this.sure || !this.up) return;
    this.proven();
    this.desk.drafts.again();
  }

  proven() {
    clearTimeout(this.probing);
    this.sure = true;
    if (this.missed) this.desk.found();
    this.missed = false;
  }

  // A server that answers but sends us to its sign-in page has ended our session.
  async ask() {
    try {
      const answer = await fetch(location.pathname, { redirect: "manual", cache: "no-store" });
      this.desk.out(answer.type === "opaqueredirect");
    } catch { /* nobody there */ }
  }

  putAway() {
    if (this.up) return;
    for (const dialog of document.body.querySelectorAll(':scope > [data-testid="stDialog"]')) {
      if (!dialog.hasAttribute("data-offline") && !dialog.textContent.includes("Connection error")) continue;
      dialog.style.display = "none";
      dialog.querySelector('button[aria-label="Close"]')?.click();
      this.desk.blind = true;
      this.seeAgain(60);
    }
  }

  // The page is locked for some frames more: no key may mean something else meanwhile than where it was typed.
  seeAgain(frames) {
    if (frames && document.getElementById("root")?.inert) return requestAnimationFrame(() => this.seeAgain(frames - 1));
    this.desk.refocus();
    this.desk.blind = false;
  }
}
