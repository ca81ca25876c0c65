/** What the till has asked for: every command under a key of its own, sent in order until it is answered, and kept
 *  until it is final. The stream may tell of the end before an answer comes; a lost one is asked for all the same. */

import { NoAnswer, Unauthenticated } from "./wire.js";

const STORE = "orderly-till";
const KEPT_MAX = 60;
const BATCH_MAX = 1000;
const PAUSE_MS_FIRST = 500;
const PAUSE_MS_MAX = 15_000;
const FINAL = new Set(["succeeded", "failed", "cancelled", "expired", "refused"]);
const LATER = new Set([408, 425, 429]);

/** Not now: the server is busy or away, and the same key is safe to send again. */
class Later extends Error {
  constructor(answer) {
    super(answer.body.detail ?? `The server answered ${answer.status}.`);
    this.milliseconds = 1000 * Number(answer.headers.get("Retry-After") ?? 1);
  }
}

/** Events: `change` with the entry, `final` with the entry, `unauthenticated`. Entries stand oldest first. */
export class Outbox extends EventTarget {
  entries = [];
  #wire;
  #sequence = 0;
  #busy = false;
  #pause = PAUSE_MS_FIRST;
  #owned = false;
  #saving = false;

  constructor(wire) {
    super();
    this.#wire = wire;
    wire.addEventListener("change", () => this.#pump());
  }

  /** Take up what an earlier page has left, unless another one still works with it. */
  async restore() {
    this.#owned = await claimed(STORE);
    const kept = this.#owned && stored();
    if (!kept) return;
    this.#sequence = kept.sequence;
    this.entries = kept.entries;
    for (const entry of this.entries) {
      if (entry.state === "sending") entry.state = "waiting";
      entry.sentAt = null; // another page's clock
    }
    this.#pump();
  }

  /** A new command, under a new key. */
  add(label, type, orderId, payload) {
    const entry = {
      key: newKey(),
      label,
      at: Date.now(),
      body: {
        type,
        order_id: orderId,
        payload,
        occurred_at: new Date().toISOString(),
        device_sequence: ++this.#sequence,
      },
      state: "waiting",
      answered: false,
      sends: 0,
      replays: 0,
      note: "",
      sentAt: null,
      acceptedMs: null,
      finalMs: null,
      command: null,
      problem: null,
    };
    this.entries.push(entry);
    this.#changed(entry);
    this.#pump();
    return entry;
  }

  get unanswered() {
    return this.entries.filter((entry) => !entry.answered);
  }

  /** Accepted, and not final as far as this page knows. */
  get open() {
    return this.entries.filter((entry) => entry.command && !FINAL.has(entry.state));
  }

  countPending(orderId) {
    return this.entries.filter((entry) => entry.body.order_id === orderId && !FINAL.has(entry.state)).length;
  }

  get last() {
    return this.entries.findLast((entry) => entry.command);
  }

  forgetFinal() {
    this.entries = this.entries.filter((entry) => !isOver(entry));
    this.#changed(null);
  }

  /** Send a command once more under the same key: the answer is a replay. */
  async sendAgain(entry) {
    try {
      this.#answered(entry, await this.#post(entry));
    } catch (error) {
      this.#failed(error, [entry]);
    }
  }

  /** A command as the stream or a read has it. */
  learn(command) {
    const entry = this.entries.find((each) => each.key === command.idempotency_key);
    if (entry) this.#shows(entry, command);
  }

  /** The server knows nothing of it: another database than yesterday's, or another client's key. */
  giveUp(entry, problem) {
    this.#ends(entry, "refused", problem);
  }

  async #pump() {
    if (this.#busy) return;
    this.#busy = true;
    let sent = [];
    try {
      while (this.#wire.connected && this.#wire.credentials && this.unanswered.length) {
        sent = this.unanswered.slice(0, BATCH_MAX);
        await this.#deliver(sent);
        this.#pause = PAUSE_MS_FIRST;
      }
    } catch (error) {
      this.#failed(error, sent.filter((entry) => !entry.answered));
      this.#again(error);
    } finally {
      this.#busy = false;
    }
  }

  /** One command goes alone; what has gathered goes as one batch, in order. */
  async #deliver(entries) {
    for (const entry of entries) this.#sending(entry);
    if (entries.length === 1) {
      this.#answered(entries[0], await this.#post(entries[0]));
      return;
    }
    const commands = entries.map((entry) => ({ idempotency_key: entry.key, ...entry.body }));
    const answer = await this.#wire.ask("POST", "/api/v1/commands/batch", { body: { commands } });
    demandAnswer(answer);
    if (answer.status !== 200) for (const entry of entries) this.#refused(entry, answer.body);
    else answer.body.results.forEach((result, index) => this.#result(entries[index], result));
    const result = answer.body.results?.find((each) => isLater(each.status));
    if (result) throw new Later({ status: result.status, body: result.error, headers: answer.headers });
  }

  async #post(entry) {
    const headers = { "Idempotency-Key": entry.key };
    return await this.#wire.ask("POST", "/api/v1/commands", { body: entry.body, headers });
  }

  #answered(entry, answer) {
    demandAnswer(answer);
    if (answer.status >= 400) this.#refused(entry, answer.body);
    else this.#accepted(entry, answer.body, answer.headers.get("Idempotent-Replayed") === "true");
  }

  #result(entry, result) {
    if (isLater(result.status)) return;
    if (result.error) this.#refused(entry, result.error);
    else this.#accepted(entry, result.command, result.replayed === true);
  }

  #sending(entry) {
    if (!FINAL.has(entry.state)) entry.state = "sending";
    entry.sends += 1;
    entry.sentAt = performance.now();
    this.#changed(entry);
  }

  #accepted(entry, command, replayed) {
    entry.answered = true;
    entry.acceptedMs ??= performance.now() - entry.sentAt;
    if (replayed) entry.replays += 1;
    entry.note = "";
    this.#shows(entry, command);
  }

  #refused(entry, problem) {
    entry.answered = true;
    if (entry.command) this.#changed(entry); // accepted before; only this sending of it was not
    else this.#ends(entry, "refused", problem);
  }

  /** The newest of what is known: a final state stays, whatever overtakes it. */
  #shows(entry, command) {
    if (FINAL.has(entry.state)) {
      this.#changed(entry);
      return;
    }
    entry.command = command;
    if (FINAL.has(command.status)) {
      this.#ends(entry, command.status, command.error);
      return;
    }
    entry.state = command.status;
    entry.problem = command.error;
    this.#changed(entry);
  }

  #ends(entry, state, problem) {
    entry.state = state;
    entry.problem = problem;
    if (entry.sentAt !== null) entry.finalMs = performance.now() - entry.sentAt;
    this.#changed(entry);
    this.dispatchEvent(new CustomEvent("final", { detail: entry }));
  }

  #failed(error, entries) {
    if (error instanceof Unauthenticated) this.dispatchEvent(new Event("unauthenticated"));
    else if (!(error instanceof NoAnswer || error instanceof Later)) console.warn(error);
    for (const entry of entries) {
      if (entry.state === "sending") entry.state = "waiting";
      entry.note = error.message;
      this.#changed(entry);
    }
  }

  #again(error) {
    if (error instanceof Unauthenticated || !this.#wire.connected) return;
    const pause = error instanceof Later ? error.milliseconds : this.#pause;
    this.#pause = Math.min(2 * this.#pause, PAUSE_MS_MAX);
    setTimeout(() => this.#pump(), pause);
  }

  #changed(entry) {
    const old = this.entries.filter(isOver).slice(0, -KEPT_MAX);
    if (old.length) this.entries = this.entries.filter((each) => !old.includes(each));
    this.#save();
    this.dispatchEvent(new CustomEvent("change", { detail: entry }));
  }

  /** Once for all that changes in one go, and before anything leaves. */
  #save() {
    if (!this.#owned || this.#saving) return;
    this.#saving = true;
    queueMicrotask(() => {
      this.#saving = false;
      try {
        localStorage.setItem(STORE, JSON.stringify({ sequence: this.#sequence, entries: this.entries }));
      } catch (error) {
        console.warn(error); // no room, or not allowed: the queue lives as long as the page
      }
    });
  }
}

function stored() {
  try {
    return JSON.parse(localStorage.getItem(STORE));
  } catch {
    return null;
  }
}

function isOver(entry) {
  return entry.answered && FINAL.has(entry.state);
}

function demandAnswer(answer) {
  if (isLater(answer.status)) throw new Later(answer);
}

function isLater(status) {
  return LATER.has(status) || status >= 500;
}

/** A random UUID; `crypto.randomUUID` is there on https and 127.0.0.1 alone. */
export function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** Whether this page may write under the name: one of all that are open, for as long as it is. */
function claimed(name) {
  if (!navigator.locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    navigator.locks.request(name, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock && new Promise(() => {});
    });
  });
}
