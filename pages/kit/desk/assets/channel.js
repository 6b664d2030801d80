// How the desk and its courier find each other. The two are served under different names, so each has a copy of this
// module; what they share hangs on the window, under a name nobody else uses.

const shared = (globalThis[Symbol.for("spotcheck.desk")] ??= { waiting: [], send: null, receive: () => {} });

// The desk asks for something to be carried; kept until the courier is there.
export function post(event, value) {
  if (shared.send) shared.send(event, value);
  else shared.waiting.push([event, value]);
}

export function onAnswer(handler) {
  shared.receive = handler;
}

export function courierReady(sender) {
  shared.send = sender;
  // Never during mounting: Streamlit drops what is sent then.
  setTimeout(() => shared.waiting.splice(0).forEach(([event, value]) => post(event, value)), 50);
}

export function courierGone() {
  shared.send = null;
}

export function deliver(answer) {
  shared.receive(answer);
}
