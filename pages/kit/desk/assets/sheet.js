// The marks being made: what `scoring.sheet.Sheet` holds, in the shape that is quick to change.

export class Marks {
  constructor(data, content) {
    this.criteria = data.rubric.dimensions.flatMap((dimension) => dimension.criteria.map((criterion) => ({ ...criterion, dimension: dimension.id })));
    this.byId = Object.fromEntries(this.criteria.map((criterion) => [criterion.id, criterion]));
    this.found = data.hits;
    this.rules = data.rules;
    this.suggestions = Object.fromEntries((data.suggestions || []).map((one) => [one.criterion, one]));
    this.answered = new Set();
    this.load(content || {});
  }

  load(content) {
    this.marks = {};
    for (const mark of content.marks || []) if (this.byId[mark.criterion_id]) this.marks[mark.criterion_id] = this.fitting(mark);
    this.comment = content.comment || "";
    this.hits = this.found.map((hit) => ({ rule_id: hit.rule, seq: hit.seq, decision: "", reason: "", matched: hit.matched, machine: true }));
    for (const saved of content.hits || []) {
      const hit = this.hits.find((one) => one.rule_id === saved.rule_id && one.seq === saved.seq);
      if (hit) Object.assign(hit, { decision: saved.decision, reason: saved.reason });
      else if (this.rules[saved.rule_id]) this.hits.push({ ...saved, matched: "", machine: false });
    }
  }

  // A mark as this rubric allows it: a draft may come from anywhere.
  fitting(mark) {
    const max = this.byId[mark.criterion_id].losses.length - 1;
    const value = Number.isInteger(mark.value) ? Math.max(0, Math.min(max, mark.value)) : null;
    const { criterion_id: _, ...rest } = mark;
    return { ...this.blank(), ...rest, value, evidence: Array.isArray(mark.evidence) ? mark.evidence : [] };
  }

  blank() {
    return { value: null, na: false, owner: "agent", root_cause: "", note: "", evidence: [] };
  }

  of(id) {
    return this.marks[id] || this.blank();
  }

  change(id, fields) {
    this.marks[id] = { ...this.of(id), ...fields };
  }

  value(id) {
    return this.of(id).value ?? this.byId[id].default;
  }

  loses(id) {
    return !this.of(id).na && this.byId[id].losses[this.value(id)] > 0;
  }

  // What the data proposes of a criterion and nobody has answered yet. A mark is an answer too.
  proposal(id) {
    const one = this.suggestions[id];
    return one && !this.marks[id] && !this.answered.has(id) ? one : null;
  }

  // Evidence of every criterion and hit, by message.
  evidence() {
    const found = new Map();
    for (const criterion of this.criteria)
      for (const seq of this.of(criterion.id).evidence) found.set(seq, [...(found.get(seq) || []), criterion.label]);
    return found;
  }

  undecided() {
    return this.hits.filter((hit) => !hit.decision || !hit.reason.trim());
  }

  sheet() {
    const made = this.criteria.filter(({ id }) => this.marks[id]).map(({ id }) => {
      const mark = this.marks[id];
      return {
        criterion_id: id, value: mark.na ? null : mark.value, na: mark.na, owner: mark.owner, root_cause: mark.root_cause,
        note: mark.note, evidence: [...mark.evidence].sort((a, b) => a - b),
      };
    });
    const hits = this.hits.filter((hit) => hit.decision || hit.reason).map(({ rule_id, seq, decision, reason }) => ({ rule_id, seq, decision, reason }));
    return { marks: made, hits, comment: this.comment };
  }
}

// Two sheets side by side: [label, mine, other] where they differ.
export function differences(data, texts, mine, other) {
  const a = new Marks(data, mine);
  const b = new Marks(data, other);
  const tell = (marks, id) => {
    const mark = marks.of(id);
    const parts = [mark.na ? texts.na : marks.byId[id].names[marks.value(id)]];
    if (mark.owner !== "agent") parts.push((data.rubric.owners.find((one) => one.id === mark.owner) || {}).label || mark.owner);
    if (mark.root_cause) parts.push((data.rubric.causes.find((one) => one.id === mark.root_cause) || {}).label || mark.root_cause);
    if (mark.note) parts.push(mark.note);
    if (mark.evidence.length) parts.push(`${texts.evidence} ${mark.evidence.map((seq) => seq + 1).join(", ")}`);
    return parts.join(" · ");
  };
  const rows = a.criteria.map(({ id, label }) => [label, tell(a, id), tell(b, id)]);
  const hits = (marks) => marks.hits.map((hit) => `${hit.rule_id}: ${hit.decision ? texts[hit.decision === "confirmed" ? "confirm" : "clear"] : "–"} ${hit.reason}`).join("; ");
  rows.push([texts.redlines, hits(a), hits(b)], [texts.comment, a.comment, b.comment]);
  return rows.filter(([, x, y]) => x !== y);
}
