// How the desk, its saver and its probe find each other. They are served under different names, so each has a copy of
// this module; what they share hangs on the window, under a name nobody else uses.

const shared = (globalThis[Symbol.for("spotcheck.desk")] ??= { waiting: [], senders: {}, receive: () => {} });
const SENT_BY = { save: "saver", convert: "saver", tell: "saver", promises: "saver", probe: "probe" };

// The desk asks for something to be sent; kept until what sends it is there.
export function post(event, value) {
  const send = shared.senders[SENT_BY[event]];
  if (send) send(event, value);
  else shared.waiting.push([event, value]);
}

export function onAnswer(handler) {
  shared.receive = handler;
}

export function ready(who, sender) {
  shared.senders[who] = sender;
  // Never during mounting: Streamlit drops what is sent then.
  setTimeout(() => shared.waiting.splice(0).forEach(([event, value]) => post(event, value)), 50);
}

export function gone(who) {
  delete shared.senders[who];
}

export function deliver(answer) {
  shared.receive(answer);
}
