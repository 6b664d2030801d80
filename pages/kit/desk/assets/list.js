// The scorecard itself: one line a criterion, red lines on top, the totals above.

import { fill, h, points, signed } from "./dom.js";

export function totals(desk, result) {
  const { data, texts } = desk;
  const parts = data.rubric.dimensions.map((dimension, index) => {
    const got = result && result.dimensions[index];
    const share = got && got.possible ? got.earned / got.possible : 0;
    return h("div", { class: "dim" }, h("span", {}, dimension.label), h("b", {}, got && got.possible ? points(got.earned) : texts.na),
      got && got.possible ? h("small", {}, `/${points(got.possible)}`) : null, h("i", { style: `--share:${share}` }));
  });
  const red = result && result.total !== result.total_without_redlines;
  const low = result && result.total < data.rubric.pass_line;
  return [
    h("div", { class: `sum${red ? " red" : ""}` }, h("span", {}, texts.total), h("b", { "data-total": result ? result.total : "" }, result ? points(result.total) : "–"),
      h("small", {}, red ? fill(texts.without, { points: points(result.total_without_redlines) }) : result && low ? fill(texts.failed, { points: points(data.rubric.pass_line) }) : result ? texts.passed : "")),
    ...parts,
  ];
}

export function hitRow(desk, hit, index) {
  const { texts, data } = desk;
  const rule = data.rules[hit.rule_id];
  const open = !hit.decision || !hit.reason.trim();
  const choice = (decision, label) => h("button", {
    type: "button", class: decision, role: "radio", "aria-checked": String(hit.decision === decision), tabindex: -1, onclick: () => desk.decide(hit, decision),
  }, label);
  return h("div", { class: `row hit${open ? " open" : ""} ${hit.decision}`, role: "radiogroup", "aria-label": [hit.rule_id, rule ? rule.label : "", hit.matched ? `“${hit.matched}”` : `#${hit.seq + 1}`].join(" "), "data-stop": `h${index}` },
    h("span", { class: "label" }, h("b", {}, hit.rule_id), ` ${rule ? rule.label : ""} `, h("small", {}, hit.matched ? `“${hit.matched}”` : `#${hit.seq + 1}`)),
    h("span", { class: "choices" }, choice("confirmed", texts.confirm), choice("cleared", texts.clear)),
    h("span", { class: "points", title: open && hit.decision ? texts.reason_needed : null }, hit.decision && open ? "✎" : ""));
}

export function criterionRow(desk, criterion, result) {
  const { texts, marks } = desk;
  const mark = marks.of(criterion.id);
  const value = marks.value(criterion.id);
  const change = result && criterion.id in result.lines ? result.lines[criterion.id] : 0;
  const others = marks.loses(criterion.id) && mark.owner !== "agent";
  const choice = (n) => h("button", {
    type: "button", role: "radio", "aria-checked": String(!mark.na && value === n), tabindex: -1, title: criterion.graded ? criterion.names[n] : null,
    "aria-label": criterion.names[n],
    onclick: () => desk.score(criterion, n),
  }, criterion.faces[n]);
  const open = marks.proposal(criterion.id);
  const extra = [open ? "◇" : "", mark.note ? "✎" : "", mark.evidence.length ? `⚑${mark.evidence.length}` : ""].join("");
  return h("div", {
    class: `row ${mark.na ? "na" : change < 0 ? "lost" : change > 0 ? "won" : others ? "others" : ""}`, role: "radiogroup", "data-stop": `c${criterion.id}`, "aria-label": criterion.label,
  },
  h("span", { class: "label", title: criterion.label }, criterion.label, extra ? h("small", { class: "extra", title: open ? texts.suggestion_open : null }, extra) : null),
  h("span", { class: "choices" }, criterion.order.slice(0, 10).map(choice), criterion.na ? h("button", { type: "button", class: "none", role: "radio", "aria-checked": String(mark.na), tabindex: -1, onclick: () => desk.notApplicable(criterion) }, texts.na) : null),
  h("span", { class: "points", title: others ? texts.not_agent : null }, others ? "(0)" : change ? signed(change) : ""));
}

export function remarkRow(desk) {
  return h("div", {}, h("div", { class: "row remark", "data-stop": "remark", tabindex: -1, role: "group", "aria-label": desk.texts.comment },
    h("span", { class: "label" }, desk.texts.comment, desk.marks.comment ? h("small", { class: "extra" }, "✎") : null)));
}
