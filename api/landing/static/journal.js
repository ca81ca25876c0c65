/** The journal: every command with its times and its outcome, the newest first. */

import { announce, byId, element } from "./dom.js";

const WORDS = { waiting: "waits here", sending: "sending" };
const STEPS = { waiting: 0, sending: 1, queued: 2, running: 2, uncertain: 2 };

export function journal(outbox) {
  const list = byId("journal");
  const rows = new Map();
  const showChanged = (entries) => {
    for (const entry of entries) show(rows, list, entry);
    if (rows.size > outbox.entries.length) forget(rows, outbox.entries);
    byId("journal-empty").hidden = outbox.entries.length > 0;
    byId("clear").disabled = outbox.entries.length === 0;
    byId("resend").disabled = !outbox.last;
  };
  outbox.addEventListener("change", ({ detail }) => showChanged(detail ? [detail] : []));
  outbox.addEventListener("final", ({ detail: { label, problem, state } }) => {
    announce(`${label}: ${problem?.title ?? state}`);
  });
  byId("clear").addEventListener("click", () => outbox.forgetFinal());
  byId("resend").addEventListener("click", () => outbox.sendAgain(outbox.last));
  showChanged(outbox.entries);
}

function forget(rows, entries) {
  const known = new Set(entries.map((entry) => entry.key));
  for (const [key, row] of rows) {
    if (known.has(key)) continue;
    rows.delete(key);
    row.remove();
  }
}

function show(rows, list, entry) {
  if (!rows.has(entry.key)) {
    rows.set(entry.key, entryOf(entry));
    list.prepend(rows.get(entry.key));
  }
  const row = rows.get(entry.key);
  const marks = JSON.stringify([entry.state, entry.note, entry.replays, entry.sends, entry.acceptedMs, entry.finalMs]);
  if (row.dataset.marks === marks) return;
  row.dataset.marks = marks;
  row.dataset.state = entry.state;
  row.dataset.steps = STEPS[entry.state] ?? 3;
  row.querySelector(".state").textContent = WORDS[entry.state] ?? entry.state;
  row.querySelector(".times").textContent = times(entry);
  row.querySelector(".replayed").textContent = replayed(entry.replays);
  row.querySelector(".why").textContent = why(entry);
  if (row.querySelector("details[open]")) fill(row, entry);
}

function entryOf(entry) {
  return element(
    "li",
    { "data-type": entry.body.type, "data-key": entry.key },
    element(
      "details",
      { ontoggle: ({ target }) => fill(target, entry) },
      element(
        "summary",
        {},
        rowOf("label", entry.label, "state"),
        rowOf("type", entry.body.type, "times"),
        element("span", { class: "track", "aria-hidden": "true" }, element("i"), element("i"), element("i")),
        element("span", { class: "replayed" }),
        element("span", { class: "why" }),
      ),
      element("div", { class: "json" }),
    ),
  );
}

function rowOf(name, text, other) {
  return element("span", { class: "row" }, element("span", { class: name }, text), element("span", { class: other }));
}

function fill(row, entry) {
  const sent = { "Idempotency-Key": entry.key, ...entry.body };
  const parts = [block("Sent", sent)];
  if (entry.command) parts.push(block("The command as last seen", entry.command));
  else if (entry.problem) parts.push(block("Refused", entry.problem));
  row.querySelector(".json").replaceChildren(...parts);
}

function block(title, value) {
  const text = element("pre", {}, JSON.stringify(value, null, 2));
  return element("figure", {}, element("figcaption", {}, title), text);
}

function times({ acceptedMs, finalMs, state }) {
  const reached = [[acceptedMs, "202"], [state === "refused" ? null : finalMs, "final"]].filter(([ms]) => ms !== null);
  reached.sort(([one], [other]) => one - other); // the stream may be faster than the answer
  return reached.map(([ms, what]) => `${what} in ${milliseconds(ms)}`).join(" · ");
}

function milliseconds(number) {
  return number < 9_950 ? `${Math.round(number)} ms` : `${(number / 1000).toFixed(1)} s`;
}

function replayed(count) {
  return count === 0 ? "" : count === 1 ? "replayed" : `replayed ${count} times`;
}

function why({ problem, note }) {
  if (problem) return `${problem.title}. ${problem.detail ?? ""}`;
  return note;
}
