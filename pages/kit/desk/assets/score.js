// The live total: the same integer rule as scoring/sheet.py, which stays the authority. A test compares the two on
// random sheets. All values are whole numbers of 1/100 point, so products stay far below 2^53.

const AGENT = "agent";
const RANK = { flag: 0, zero_dimension: 1, cap: 2, zero_form: 3 };

// a / b rounded half to even, a ≥ 0 and b > 0 whole numbers.
export function ratio(a, b) {
  const whole = Math.floor(a / b);
  const rest = a - whole * b;
  if (2 * rest < b) return whole;
  if (2 * rest > b) return whole + 1;
  return whole % 2 === 0 ? whole : whole + 1;
}

export function defaultValue(criterion) {
  return criterion.kind === "deduction" || criterion.kind === "bonus" ? 0 : criterion.max;
}

export function lossOf(criterion, value) {
  if (criterion.kind === "deduction") return Math.min(criterion.points, (criterion.each || criterion.points) * value);
  if (criterion.kind === "yes_no") return value ? 0 : criterion.points;
  if (criterion.kind === "scale") return criterion.points - criterion.levels[value].points;
  return 0;
}

export function gainOf(criterion, value) {
  return criterion.kind === "bonus" ? Math.min(criterion.points, (criterion.each || criterion.points) * value) : 0;
}

function dimensionScore(dimension, marks, lines) {
  const judged = dimension.criteria.filter((criterion) => criterion.kind !== "bonus");
  const applies = (criterion) => !(marks[criterion.id] && marks[criterion.id].na);
  const applicable = judged.filter(applies).reduce((sum, criterion) => sum + criterion.points, 0);
  if (!applicable) return null;
  let lost = 0;
  let taken = 0;
  for (const criterion of judged) {
    const mark = marks[criterion.id] || {};
    if (mark.na) continue;
    const value = mark.value === null || mark.value === undefined ? defaultValue(criterion) : mark.value;
    const loss = lossOf(criterion, value);
    if (!loss) continue;
    if ((mark.owner || AGENT) === AGENT) {
      lost += loss;
      const now = ratio(lost * dimension.points, applicable);
      lines[criterion.id] = taken - now;
      taken = now;
    } else lines[criterion.id] = 0;
  }
  let room = taken;
  for (const criterion of dimension.criteria) {
    const mark = marks[criterion.id] || {};
    const gain = gainOf(criterion, mark.value || 0);
    if (!gain) continue;
    const added = Math.min(gain, room);
    room -= added;
    lines[criterion.id] = added;
  }
  return dimension.points - room;
}

// What a loss in `dimension` counts with what is marked as not applicable left out; null when nothing applies.
export function weight(dimension, marks) {
  const judged = dimension.criteria.filter((criterion) => criterion.kind !== "bonus" && !(marks[criterion.id] && marks[criterion.id].na));
  const applicable = judged.reduce((sum, criterion) => sum + criterion.points, 0);
  return applicable ? (loss) => ratio(loss * dimension.points, applicable) : null;
}

function order(rules) {
  return (a, b) => {
    const x = rules[a].effect;
    const y = rules[b].effect;
    return RANK[x.kind] - RANK[y.kind] || (x.cap || 0) - (y.cap || 0) || (a < b ? -1 : a > b ? 1 : 0);
  };
}

// marks: criterion id → {value, na, owner}; hits: [{rule_id, decision}]; rules: rule id → {effect}.
// Returns null when no criterion applies.
export function score(rubric, marks, hits = [], rules = {}) {
  const lines = {};
  const earned = new Map();
  let possible = 0;
  for (const dimension of rubric.dimensions) {
    const got = dimensionScore(dimension, marks, lines);
    if (got === null) continue;
    earned.set(dimension.id, got);
    possible += dimension.points;
  }
  if (!possible) return null;
  const sum = () => [...earned.values()].reduce((total, points) => total + points, 0);
  const before = new Map(earned);
  const without = ratio(rubric.full * sum(), possible);
  let total = without;
  const confirmed = [...new Set(hits.filter((hit) => hit.decision === "confirmed").map((hit) => hit.rule_id))];
  for (const rule of confirmed.filter((id) => rules[id]).sort(order(rules))) {
    const effect = rules[rule].effect;
    if (effect.kind === "zero_dimension" && earned.has(effect.dimension)) {
      earned.set(effect.dimension, 0);
      total = ratio(rubric.full * sum(), possible);
    } else if (effect.kind === "cap") total = Math.min(total, Math.max(effect.cap || 0, 0));
    else if (effect.kind === "zero_form") total = 0;
  }
  return {
    total,
    total_without_redlines: without,
    lines,
    dimensions: rubric.dimensions.map((dimension) => ({
      id: dimension.id,
      earned: earned.get(dimension.id) || 0,
      possible: earned.has(dimension.id) ? dimension.points : 0,
      earned_without_redlines: before.get(dimension.id) || 0,
    })),
  };
}
