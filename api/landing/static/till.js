/** The till of the landing page: the wire, the outbox, the stream and the order, and what shows them. */

import { announce, byId } from "./dom.js";
import { journal } from "./journal.js";
import { Outbox } from "./outbox.js";
import { receipt } from "./receipt.js";
import { Sale } from "./sale.js";
import { Shelf } from "./shelf.js";
import { Stream } from "./stream.js";
import { Key, NoAnswer, Unauthenticated, Visitor, Wire } from "./wire.js";

const LOOK_SECONDS = 5;
const isDemo = document.documentElement.dataset.demo === "on";

const wire = new Wire();
const outbox = new Outbox(wire);
const stream = new Stream(wire);
const sale = new Sale(wire, outbox);
const shelf = new Shelf(wire, sale);
let listening = "";

/** Reads change nothing and are tried again sooner or later, so no answer is no error. */
async function attempt(read) {
  try {
    await read();
  } catch (error) {
    if (error instanceof Unauthenticated) unknown();
    else if (!(error instanceof NoAnswer)) console.warn(error);
  }
}

function identify(credentials) {
  wire.identify(credentials);
  byId("key-form").hidden = true;
  byId("shop").inert = false;
  look();
}

/** A visitor's next token will do; a key that is not known now will not be later. */
function unknown() {
  if (!isDemo) askForKey("The server does not know this key.");
}

function askForKey(reason) {
  wire.identify(null);
  byId("key-form").hidden = false;
  byId("shop").inert = true;
  byId("key-reason").textContent = reason;
  if (reason) byId("key").focus(); // not before the visitor has read what this is
}

/** Read every command that the stream may have told of while nobody listened. */
async function catchUp() {
  for (const entry of outbox.open) {
    const { status, body } = await wire.ask("GET", `/api/v1/commands/${entry.command.id}`);
    if (status === 200) outbox.learn(body);
    else if (status === 404 || status === 410) outbox.giveUp(entry, body);
  }
  await sale.sync();
}

function showWire() {
  const { connected, pulled, losing } = wire;
  const plug = byId("plug");
  plug.setAttribute("aria-checked", String(connected));
  document.documentElement.dataset.wire = connected ? "in" : "out";
  byId("plug-state").textContent = connected ? "plugged in" : pulled ? "unplugged" : "your browser is offline";
  byId("lose").setAttribute("aria-pressed", String(losing));
  showStream();
}

function showStream() {
  const isStuck = ({ sends, state }) => !wire.connected || (sends > 0 && state !== "sending");
  const stuck = outbox.unanswered.filter(isStuck).length;
  const here = stuck ? `${stuck} ${stuck === 1 ? "command waits" : "commands wait"} here` : "";
  const closed = !wire.connected ? "stream cut" : wire.credentials ? "opening the stream …" : "";
  byId("wire-state").textContent = here || (stream.isOpen ? listening : closed);
}

async function look() {
  if (document.hidden || !wire.connected) return;
  const strip = byId("health");
  try {
    const { body } = await wire.ask("GET", "/health/", { open: true });
    strip.dataset.status = body.status ?? "unknown";
    byId("health-status").textContent = body.status ?? "unknown";
    byId("health-workers").textContent = body.workers;
    byId("health-backlog").textContent = body.backlog;
    byId("health-oldest").textContent = `${Number(body.oldest_queued_seconds ?? 0).toFixed(1)} s`;
  } catch {
    strip.dataset.status = "unknown";
    byId("health-status").textContent = "no answer";
  }
  if (wire.credentials && outbox.open.length) await attempt(catchUp);
}

stream.addEventListener("command", ({ detail }) => outbox.learn(detail));
stream.addEventListener("open", ({ detail }) => {
  listening = detail.resuming ? "stream resumed where it broke off" : "listening to the stream";
  showStream();
  attempt(detail.resuming ? () => sale.sync() : catchUp);
  attempt(() => shelf.refresh());
});
stream.addEventListener("closed", showStream);
outbox.addEventListener("change", showStream);
for (const each of [outbox, stream]) each.addEventListener("unauthenticated", unknown);
outbox.addEventListener("final", ({ detail }) => {
  if (detail.body.type === "order.pay") attempt(() => shelf.refresh());
});
wire.addEventListener("change", showWire);
byId("plug").addEventListener("click", () => {
  if (wire.pulled) wire.plugIn();
  else wire.pull();
  announce(wire.connected ? "Plugged in." : "Unplugged. Commands wait here.");
});
byId("lose").addEventListener("click", () => wire.loseNextAnswer(!wire.losing));
byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  identify(new Key(byId("key").value));
  byId("key").value = "";
});

await outbox.restore();
journal(outbox);
receipt(sale);
showWire();
setInterval(look, LOOK_SECONDS * 1000);
if (isDemo) identify(new Visitor());
else askForKey("");
look();
sale.resume();
stream.follow();
