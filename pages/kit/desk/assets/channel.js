// How the desk and its courier find each other: both scripts import this one module.

const waiting = [];
let send = null;
let receive = () => {};

// The desk asks for something to be carried; kept until the courier is there.
export function post(event, value) {
  if (send) send(event, value);
  else waiting.push([event, value]);
}

export function onAnswer(handler) {
  receive = handler;
}

export function courierReady(sender) {
  send = sender;
  // Never during mounting: Streamlit drops what is sent then.
  setTimeout(() => waiting.splice(0).forEach(([event, value]) => send && send(event, value)), 50);
}

export function courierGone() {
  send = null;
}

export function deliver(answer) {
  receive(answer);
}
