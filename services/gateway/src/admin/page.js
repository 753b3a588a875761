// Draws the replicas, and again every half second.
"use strict";

const REFRESH_MS = 500;
const body = document.getElementById("replicas");
const REASONS = {
  "in-a-row": "requests in a row failed",
  "outlier": "many more of its answers are faults than of the others'",
};
const changes = document.getElementById("changes");
const stale = document.getElementById("stale");
const before = new Map();

function rate(replica, now) {
  const last = before.get(replica.address);
  before.set(replica.address, { at: now, answered: replica.answered });
  if (!last || now === last.at) return "";
  return Math.round(((replica.answered - last.answered) * 1000) / (now - last.at)).toString();
}

function badge(name) {
  const state = document.createElement("span");
  state.className = `state ${name}`;
  state.textContent = name;
  return state;
}

function row(cells) {
  const tr = document.createElement("tr");
  for (const cell of cells) {
    const td = document.createElement("td");
    td.append(cell);
    tr.append(td);
  }
  return tr;
}

function seen(replica, now) {
  const state = badge(replica.state);
  if (replica.ejected_by) state.title = `ejected: ${REASONS[replica.ejected_by]}`;
  return row([replica.address, state, replica.peak_average_ms.toFixed(2), replica.in_flight,
    rate(replica, now), replica.answered, replica.failed, replica.faults, replica.ejections]);
}

// The changes of all replicas, the latest first.
function happened(replicas) {
  const all = replicas.flatMap((replica) =>
    replica.changes.map((change) => ({ address: replica.address, ...change })));
  all.sort((one, other) => (one.at < other.at ? 1 : -1));
  return all.map((change) =>
    row([change.address, badge(change.state), new Date(change.at).toLocaleString()]));
}

async function refresh() {
  try {
    const answer = await fetch("/replicas", { cache: "no-store" });
    if (!answer.ok) throw new Error(`the gateway answered ${answer.status}`);
    const replicas = await answer.json();
    const now = performance.now();
    body.replaceChildren(...replicas.map((replica) => seen(replica, now)));
    changes.replaceChildren(...happened(replicas));
    stale.textContent = "";
  } catch (error) {
    stale.textContent = `Not current: ${error.message}.`;
  }
  setTimeout(refresh, REFRESH_MS);
}

refresh();
