// How the desk, its courier and its bell find each other. They are served under different names, so each has a copy of
// this module; what they share hangs on the window, under a name nobody else uses.

const shared = (globalThis[Symbol.for("spotcheck.desk")] ??= { waiting: [], senders: {}, receive: () => {} });
const CARRIED_BY = { save: "courier", convert: "courier", ring: "bell" };

// The desk asks for something to be carried; kept until there is somebody to carry it.
export function post(event, value) {
  const send = shared.senders[CARRIED_BY[event]];
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
