// Draws the replicas, and again every half second.
"use strict";

const REFRESH_MS = 500;
const REASONS = {
  "in-a-row": "requests in a row failed",
  "outlier": "many more of its answers are faults than of the others'",
};
const body = document.getElementById("replicas");
const stale = document.getElementById("stale");
const before = new Map();

function rate(replica, now) {
  const last = before.get(replica.address);
  before.set(replica.address, { at: now, answered: replica.answered });
  if (!last || now === last.at) return "";
  return Math.round(((replica.answered - last.answered) * 1000) / (now - last.at)).toString();
}

function row(replica, now) {
  const tr = document.createElement("tr");
  const state = document.createElement("span");
  state.className = `state ${replica.state}`;
  state.textContent = replica.state;
  if (replica.ejected_by) state.title = `ejected: ${REASONS[replica.ejected_by]}`;
  const cells = [replica.address, state, replica.latency_ms.toFixed(2), replica.in_flight,
    rate(replica, now), replica.answered, replica.failed, replica.faults, replica.ejections];
  for (const cell of cells) {
    const td = document.createElement("td");
    td.append(cell);
    tr.append(td);
  }
  return tr;
}

async function refresh() {
  try {
    const answer = await fetch("/replicas", { cache: "no-store" });
    if (!answer.ok) throw new Error(`the gateway answered ${answer.status}`);
    const replicas = await answer.json();
    const now = performance.now();
    body.replaceChildren(...replicas.map((replica) => row(replica, now)));
    stale.textContent = "";
  } catch (error) {
    stale.textContent = `Not current: ${error.message}.`;
  }
  setTimeout(refresh, REFRESH_MS);
}

refresh();
