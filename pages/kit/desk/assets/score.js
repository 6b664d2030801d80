// The live total: sums over the tables of losses and gains by value that the server sends, which stays the authority
// (scoring/sheet.py). A test compares the two on random sheets. All values are whole numbers of 1/100 point, so products
// stay far below 2^53.

const AGENT = "agent";

// a / b rounded half to even, a ≥ 0 and b > 0 whole numbers.
export function ratio(a, b) {
  const whole = Math.floor(a / b);
  const rest = a - whole * b;
  if (2 * rest < b) return whole;
  if (2 * rest > b) return whole + 1;
  return whole % 2 === 0 ? whole : whole + 1;
}

// What is marked in `dimension` as applying, in all.
function worth(dimension, marks) {
  const applies = (criterion) => !(marks[criterion.id] && marks[criterion.id].na);
  return dimension.criteria.filter(applies).reduce((sum, criterion) => sum + criterion.worth, 0);
}

function dimensionScore(dimension, marks, lines) {
  const applicable = worth(dimension, marks);
  if (!applicable) return null;
  let lost = 0;
  let taken = 0;
  for (const criterion of dimension.criteria) {
    const mark = marks[criterion.id] || {};
    if (mark.na) continue;
    const loss = criterion.losses[mark.value ?? criterion.default];
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
    const gain = criterion.gains[mark.value ?? criterion.default];
    if (!gain) continue;
    const added = Math.min(gain, room);
    room -= added;
    lines[criterion.id] = added;
  }
  return dimension.points - room;
}

// What a loss in `dimension` counts with what is marked as not applicable left out; null when nothing applies.
export function weight(dimension, marks) {
  const applicable = worth(dimension, marks);
  return applicable ? (loss) => ratio(loss * dimension.points, applicable) : null;
}

// marks: criterion id → {value, na, owner}; hits: [{rule_id, decision}]; rules: rule id → {effect: {zeroes, limit, order}}.
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
  for (const { zeroes, limit } of confirmed.filter((id) => rules[id]).map((id) => rules[id].effect).sort((a, b) => a.order - b.order)) {
    if (earned.has(zeroes)) {
      earned.set(zeroes, 0);
      total = ratio(rubric.full * sum(), possible);
    }
    if (limit !== null) total = Math.min(total, limit);
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
