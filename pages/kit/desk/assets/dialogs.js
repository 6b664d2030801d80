// Questions and lists over the desk, in the browser's own modal dialog: focus stays inside, Escape closes.

import { fill, h } from "./dom.js";
import { HELP } from "./keys.js";
import { differences } from "./sheet.js";

function open(desk, title, ...children) {
  const { shade, texts } = desk;
  const head = h("header", {}, h("h2", {}, title), h("button", { type: "button", class: "close", "aria-label": texts.close, onclick: () => shade.close() }, "×"));
  shade.setAttribute("aria-label", title);
  shade.replaceChildren(head, ...children);
  shade.onclose = () => desk.focusCurrent();
  shade.showModal();
}

export function helpDialog(desk) {
  open(desk, desk.texts.shortcuts, h("dl", { class: "keys" }, HELP.map(([keys, name]) => h("div", {}, h("dt", {}, keys.split(" ").map((key) => (key === "–" ? " – " : h("kbd", {}, key)))), h("dd", {}, desk.texts[name])))));
}

export function skipDialog(desk, done) {
  const { texts, shade } = desk;
  const input = h("input", { type: "text", maxlength: 500, "aria-label": texts.reason, placeholder: texts.reason });
  const go = h("button", { type: "submit", class: "submit" }, texts.skip_confirm);
  const ready = () => (go.disabled = input.value.trim().length < 3);
  input.addEventListener("input", ready);
  const form = h("form", {
    onsubmit: (event) => {
      event.preventDefault();
      if (go.disabled) return;
      shade.close();
      done(input.value.trim());
    },
  },
  h("p", {}, texts.skip_hint),
  h("div", { class: "reasons" }, texts.skip_reasons.split("|").map((reason) => h("button", {
    type: "button", onclick: () => {
      input.value = reason;
      ready();
      input.focus();
    },
  }, reason))),
  input,
  h("div", { class: "acts" }, h("button", { type: "button", class: "quiet", onclick: () => shade.close() }, texts.cancel), go));
  ready();
  open(desk, texts.skip_title, form);
  input.focus();
}

export function versionsDialog(desk, other, choose) {
  const { texts, shade, data } = desk;
  const rows = differences(data, texts, desk.content(), other.content || {});
  const pick = (which) => () => {
    shade.close();
    choose[which]();
  };
  open(desk, texts.differences,
    rows.length
      ? h("table", {}, h("tr", {}, ["", texts.mine, texts.other].map((name) => h("th", {}, name))), rows.map((row) => h("tr", {}, row.map((cell) => h("td", {}, cell)))))
      : h("p", {}, fill(texts.same)),
    h("div", { class: "acts" }, h("button", { type: "button", class: "quiet", onclick: pick("other") }, texts.take_other), h("button", { type: "button", class: "submit", onclick: pick("mine") }, texts.keep_mine)));
}
