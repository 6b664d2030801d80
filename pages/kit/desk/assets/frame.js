// What surrounds every page and Streamlit does not do itself: the language of the document, the toolkit's own English in
// the reader's language, and that nothing an account left in this tab is there for the next one.

const PREFIX = "spotcheck-draft-";
const OURS = '[data-testid="stHtml"], [data-testid="stMarkdownContainer"] .sc-text, textarea, [contenteditable="true"]';
const OFFLINE = "Connection error";
const NAMED = ["aria-label", "title", "placeholder"];

let words = new Map();
let patterns = [];

export default function frame({ data }) {
  document.documentElement.lang = data.lang;
  words = new Map(Object.entries(data.words));
  patterns = data.patterns.map(([found, said]) => [new RegExp(`^${found}$`), said]);
  dropOthers(data.me);
  translate(document.body);
  uploads(document.body);
  const app = document.querySelector(".stApp");
  const lit = new MutationObserver(() => scheme(app));
  if (app) lit.observe(app, { attributes: true, attributeFilter: ["class"] });
  scheme(app);
  const watch = new MutationObserver((changes) => changes.forEach(seen));
  watch.observe(document.body, { childList: true, subtree: true, characterData: true });
  return () => [watch, lit].forEach((one) => one.disconnect());
}

// Dialogs and menus lie outside the app's own element: they are light or dark as it is.
function scheme(app) {
  if (app) document.documentElement.style.colorScheme = getComputedStyle(app).colorScheme;
}

function seen(change) {
  if (change.type === "characterData") text(change.target);
  else change.addedNodes.forEach((node) => { translate(node); uploads(node); });
}

// The toolkit's upload box has a name and is focusable, yet says of itself that it means nothing.
function uploads(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) return;
  for (const box of node.querySelectorAll('section[role="presentation"][aria-label]')) box.setAttribute("role", "group");
}

function translate(node) {
  if (!words.size) return;
  if (node.nodeType === Node.TEXT_NODE) return text(node);
  if (node.nodeType !== Node.ELEMENT_NODE || node.closest(OURS)) return;
  const walk = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) text(walk.currentNode);
  [node, ...node.querySelectorAll("[aria-label], [title], [placeholder]")].forEach(names);
}

function text(node) {
  if (!words.size || !node.parentElement || node.parentElement.closest(OURS)) return;
  const said = spoken(node.nodeValue.trim());
  // the desk knows this dialog by its English, which is gone after the next line
  if (node.nodeValue.trim() === OFFLINE) node.parentElement.closest('[data-testid="stDialog"]')?.setAttribute("data-offline", "");
  if (said !== null) node.nodeValue = node.nodeValue.replace(node.nodeValue.trim(), said);
}

function names(node) {
  for (const name of NAMED) {
    const said = node.getAttribute(name) && spoken(node.getAttribute(name));
    if (said) node.setAttribute(name, said);
  }
}

function spoken(english) {
  if (!english) return null;
  if (words.has(english)) return words.get(english);
  for (const [found, said] of patterns) if (found.test(english)) return english.replace(found, said);
  return null;
}

function dropOthers(me) {
  try {
    const mine = `${PREFIX}${me}-`;
    Object.keys(sessionStorage).filter((key) => key.startsWith(PREFIX) && !key.startsWith(mine)).forEach((key) => sessionStorage.removeItem(key));
  } catch { /* storage may be switched off */ }
}
