// The keyboard: one listener for the life of the desk, deaf while somebody writes or a dialog is open.

import { isWriting, origin } from "./dom.js";

export const HELP = [
  ["↑ ↓", "key_move"], ["0 – 9", "key_score"], ["← →", "key_step"], ["N", "key_na"], ["J K", "key_message"], ["H", "key_hit"], ["E", "key_evidence"], ["A X", "key_suggestion"],
  ["Y N", "key_decide"], ["1 – 5", "key_reason"], ["M", "key_note"], ["O", "key_owner"], ["W", "key_cause"], ["/", "key_find"], ["C", "key_case"], ["Ctrl+Enter", "key_submit"], ["U", "key_undo"], ["S", "key_skip"], ["?", "key_help"],
];

export function listen(desk) {
  const keys = {
    ArrowDown: () => desk.step(1), ArrowUp: () => desk.step(-1), ArrowRight: () => desk.nudge(1), ArrowLeft: () => desk.nudge(-1),
    n: () => desk.currentNotApplicable(), y: () => desk.confirmCurrent(), e: () => desk.markEvidence(), m: () => desk.write("note"), o: () => desk.nextOwner(), w: () => desk.write("cause"),
    j: () => desk.transcript.move(1), k: () => desk.transcript.move(-1), h: () => desk.transcript.nextHit(), "/": () => desk.bar.input.focus(),
    c: () => desk.tellCase(), a: () => desk.suggested(true), x: () => desk.suggested(false), u: () => desk.undo(), s: () => desk.askSkip(), "?": () => desk.help(),
  };
  const heard = (event) => {
    if (desk.blind) return event.preventDefault();
    const from = origin(event);
    if (event.isComposing || desk.dialogOpen() || (from.closest && from.closest('[role="dialog"], [data-testid="stPopoverBody"]'))) return;
    const inside = event.composedPath().includes(desk.root);
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      if (isWriting(from) && !inside) return;
      if (!event.repeat) desk.data.mode === "start" ? desk.first() : desk.submit();
    } else if (event.ctrlKey || event.metaKey || event.altKey) return;
    else if (isWriting(from)) {
      if (event.key !== "Escape" || !inside) return;
      if (desk.bar && from === desk.bar.input) desk.bar.clear();
      desk.leaveField();
    } else if (/^[0-9]$/.test(event.key)) desk.number(Number(event.key));
    else if (event.key === "Enter" && desk.data.mode === "start") {
      if (from.closest && from.closest("button, a, summary")) return;
      if (!event.repeat) desk.first();
    } else {
      const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
      if (!act || desk.data.mode !== "work" && event.key.toLowerCase() !== "u") return;
      act();
    }
    event.preventDefault();
    event.stopPropagation();
  };
  document.addEventListener("keydown", heard, true);
  return () => document.removeEventListener("keydown", heard, true);
}
