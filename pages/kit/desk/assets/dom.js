// Building elements. Text only ever becomes text: nothing here, or anywhere in the desk, reads markup out of a string.

const SVG = "http://www.w3.org/2000/svg";

export function h(tag, props = {}, ...children) {
  const node = tag === "svg" || tag === "path" ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "value") node.value = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export function fill(text, facts = {}) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in facts ? String(facts[name]) : whole));
}

// Centi-points as people read them: 9640 → "96.4", 8000 → "80".
export function points(centi) {
  const text = (centi / 100).toFixed(2);
  return text.replace(/\.?0+$/, "");
}

export function signed(centi) {
  return centi > 0 ? `+${points(centi)}` : centi < 0 ? `−${points(-centi)}` : "0";
}

// Where an event really came from, through shadow roots.
export function origin(event) {
  return event.composedPath()[0];
}

export function isWriting(node) {
  return node instanceof HTMLElement && (node.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(node.tagName));
}

// Light or dark, as the page is now: by how bright its ink is.
export function scheme(root) {
  const [red, green, blue] = getComputedStyle(root).color.match(/[\d.]+/g).map(Number);
  const dark = red + green + blue > 384;
  root.classList.toggle("dark", dark);
  root.classList.toggle("light", !dark);
}

// A random name for one request. Works on plain HTTP too, where crypto.randomUUID does not exist.
export function mark() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
