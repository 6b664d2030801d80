// The criterion or red line in focus, in full: what it means, whose part, why, evidence, note, precedents.

import { fill, h } from "./dom.js";

// `desk` is the workspace (desk.js): {data, texts, marks, current, changed(), announce()}.
export function criterionDetail(desk, criterion) {
  const { data, texts, marks } = desk;
  const mark = marks.of(criterion.id);
  const field = (name) => (event) => {
    marks.change(criterion.id, { [name]: event.target.value });
    desk.changed(name === "note" ? "quiet" : "lines");
  };
  const anchors = criterion.anchors.filter(Boolean);
  return [
    h("h3", {}, criterion.label, h("small", {}, criterion.price)),
    criterion.graded ? h("p", { class: "level" }, criterion.names.map((name, n) => h("span", { class: !mark.na && n === marks.value(criterion.id) ? "on" : "" }, `${n} ${name}`))) : null,
    criterion.help ? h("p", { class: "help" }, criterion.help) : null,
    anchors.length ? h("ul", { class: "anchors" }, anchors.map((anchor) => h("li", {}, anchor))) : null,
    proposal(desk, criterion),
    marks.loses(criterion.id) ? h("div", { class: "pair" }, owners(desk, criterion, mark), causes(desk, criterion, mark)) : null,
    marks.loses(criterion.id) ? usual(desk, criterion) : null,
    mark.na ? h("p", { class: "shift" }, desk.shift(criterion)) : null,
    evidence(desk, criterion, mark),
    h("label", { class: "note" }, h("span", {}, texts.note), h("textarea", { rows: 2, maxlength: 2000, value: mark.note, "data-field": "note", oninput: field("note") })),
    precedents(desk, (precedent) => precedent.criterion === criterion.id),
  ];
}

export function hitDetail(desk, hit) {
  const { texts, marks, data } = desk;
  const rule = data.rules[hit.rule_id];
  const decide = (decision) => () => desk.decide(hit, decision);
  return [
    h("h3", { class: "red" }, `${hit.rule_id} ${rule ? rule.label : ""}`, h("small", {}, rule ? rule.effect_text : "")),
    hit.matched ? h("blockquote", {}, hit.matched) : null,
    rule && rule.basis ? h("p", { class: "help" }, rule.basis) : null,
    h("div", { class: "pair buttons" },
      h("button", { type: "button", class: "confirm", "data-field": "confirm", "aria-pressed": String(hit.decision === "confirmed"), onclick: decide("confirmed") }, h("kbd", {}, "Y"), ` ${texts.confirm}`),
      h("button", { type: "button", class: "clear", "data-field": "clear", "aria-pressed": String(hit.decision === "cleared"), onclick: decide("cleared") }, h("kbd", {}, "N"), ` ${texts.clear}`),
      hit.machine ? null : h("button", { type: "button", onclick: () => desk.drop(hit) }, texts.remove)),
    hit.decision ? h("div", { class: "reasons", role: "group", "aria-label": texts.reason }, desk.reasons.map((reason, at) => h("button", {
      type: "button", "data-field": `reason${at}`, "aria-pressed": String(hit.reason === reason), onclick: () => desk.reasoned(hit, reason),
    }, h("kbd", {}, String(at + 1)), ` ${reason}`))) : null,
    h("label", { class: "note" }, h("span", {}, texts.reason), h("textarea", {
      rows: 1, maxlength: 1000, value: hit.reason, "data-field": "note", "aria-required": "true",
      placeholder: texts.reason_needed,
      oninput: (event) => {
        hit.reason = event.target.value;
        desk.changed("quiet");
      },
    })),
    precedents(desk, (precedent) => precedent.rule === hit.rule_id),
  ];
}

export function remarkDetail(desk) {
  const { texts, marks } = desk;
  return [
    h("h3", {}, texts.comment),
    h("textarea", {
      rows: 3, maxlength: 2000, value: marks.comment, "data-field": "note", "aria-label": texts.comment,
      oninput: (event) => {
        marks.comment = event.target.value;
        desk.changed("quiet");
      },
    }),
  ];
}

function owners(desk, criterion, mark) {
  const { data, texts, marks } = desk;
  return h("label", {}, h("span", {}, texts.owner), h("select", {
    "data-field": "owner", value: mark.owner,
    onchange: (event) => {
      marks.change(criterion.id, { owner: event.target.value });
      desk.changed("lines");
    },
  }, ...data.rubric.owners.map((owner) => h("option", { value: owner.id, selected: owner.id === mark.owner }, owner.label))));
}

function causes(desk, criterion, mark) {
  const { data, texts, marks } = desk;
  const options = [h("option", { value: "" }, texts.no_cause), ...data.rubric.causes.map((cause) => h("option", { value: cause.id, selected: cause.id === mark.root_cause }, cause.label))];
  return h("label", {}, h("span", {}, texts.cause), h("select", {
    "data-field": "cause",
    onchange: (event) => {
      marks.change(criterion.id, { root_cause: event.target.value });
      desk.changed("all");
      if (proposed(desk, criterion)) desk.say(fill(texts.owner_usual, { owner: proposed(desk, criterion).label }));
    },
  }, ...options));
}

// Whose part the root cause usually is, where somebody else is named. The owner is changed by whoever scores, never by it.
function proposed(desk, criterion) {
  const mark = desk.marks.of(criterion.id);
  const cause = desk.data.rubric.causes.find((one) => one.id === mark.root_cause);
  const owner = cause && cause.owner && cause.owner !== mark.owner && desk.data.rubric.owners.find((one) => one.id === cause.owner);
  return owner || null;
}

function usual(desk, criterion) {
  const owner = proposed(desk, criterion);
  if (!owner) return null;
  const take = () => {
    desk.marks.change(criterion.id, { owner: owner.id });
    desk.changed("all");
    desk.tell();
  };
  return h("p", { class: "usual" }, h("span", {}, fill(desk.texts.owner_usual, { owner: owner.label })), h("button", { type: "button", "data-field": "usual", onclick: take }, fill(desk.texts.owner_take, { owner: owner.label })));
}

// What the data proposes, with the messages it rests on; taken or refused, never marked by itself.
function proposal(desk, criterion) {
  const { texts, marks } = desk;
  const one = marks.proposal(criterion.id);
  if (!one) return null;
  const chips = one.seqs.map((seq) => h("button", { type: "button", class: "chip", "data-field": `hint${seq}`, "aria-label": fill(texts.go_to, { n: seq + 1 }), onclick: () => desk.transcript.choose(seq) }, `#${seq + 1}`));
  return h("p", { class: "usual" }, h("span", {}, fill(texts.suggestion, { value: criterion.names[one.value] })), ...chips,
    h("button", { type: "button", "data-field": "take", onclick: () => desk.suggested(true) }, h("kbd", {}, "A"), ` ${texts.suggestion_take}`),
    h("button", { type: "button", "data-field": "refuse", onclick: () => desk.suggested(false) }, h("kbd", {}, "X"), ` ${texts.suggestion_refuse}`));
}

function evidence(desk, criterion, mark) {
  const { texts } = desk;
  const chips = mark.evidence.map((seq) => h("button", { type: "button", class: "chip", "data-field": `proof${seq}`, "aria-label": fill(texts.go_to, { n: seq + 1 }), onclick: () => desk.transcript.choose(seq) }, `#${seq + 1}`));
  return h("div", { class: "evidence" }, h("span", {}, texts.evidence), ...(chips.length ? chips : [h("small", {}, texts.no_evidence)]));
}

function precedents(desk, about) {
  const found = desk.data.precedents.filter(about);
  if (!found.length) return null;
  return h("details", { class: "precedents", open: true }, h("summary", {}, `${desk.texts.precedents} (${found.length})`),
    h("ul", { "aria-label": desk.texts.precedents }, found.map((precedent) => h("li", { class: precedent.kind }, h("a", { href: precedent.href, target: "_blank" }, precedent.title), h("span", {}, precedent.lesson)))));
}
