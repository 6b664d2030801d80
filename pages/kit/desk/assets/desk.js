// Entry of the desk. Streamlit calls the exported function at every change of `data`; the desk of one place on the
// page is made once and told of the change.

import { Desk } from "./workspace.js";
import { Reader } from "./reader.js";

const made = new WeakMap();

export default function desk({ data, parentElement, setTriggerValue }) {
  let one = made.get(parentElement);
  if (!one || one.reads !== (data.mode === "read")) {
    if (one) one.close();
    one = data.mode === "read" ? new Reader(parentElement) : new Desk(parentElement);
    made.set(parentElement, one);
  }
  one.send = setTriggerValue;
  one.update(data);
  return () => {
    one.close();
    made.delete(parentElement);
  };
}
