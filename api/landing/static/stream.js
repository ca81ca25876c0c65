/** The stream of command events: server-sent events over fetch, because EventSource cannot send Authorization. */

import { NoAnswer, Unauthenticated } from "./wire.js";

const SILENCE_SECONDS_MAX = 40; // the server says something every 15 s

/** Follows the stream for ever, and takes it up again where it broke off.
 *  Events: `open`, `closed`, `command`, `unauthenticated`. */
export class Stream extends EventTarget {
  isOpen = false;
  #wire;
  #retry = 1000;
  #lastId = null;
  #wake = () => {};

  constructor(wire) {
    super();
    this.#wire = wire;
    wire.addEventListener("change", () => this.#wake());
  }

  async follow() {
    for (;;) {
      if (this.#wire.connected && this.#wire.credentials) {
        try {
          await this.#connect();
        } catch (error) {
          if (error instanceof Unauthenticated) this.dispatchEvent(new Event("unauthenticated"));
          else if (!(error instanceof NoAnswer)) console.warn(error);
        }
      }
      this.#set(false);
      await this.#pause();
    }
  }

  async #connect() {
    const quiet = new AbortController();
    const resuming = this.#lastId !== null;
    const headers = { Accept: "text/event-stream", ...(resuming && { "Last-Event-ID": this.#lastId }) };
    const response = await this.#wire.stream("/api/v1/commands/stream", headers, quiet.signal);
    if (!response.ok) throw new NoAnswer(`The stream answered ${response.status}.`);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const parser = new Parser();
    let timer;
    try {
      for (;;) {
        clearTimeout(timer);
        timer = setTimeout(() => quiet.abort(), SILENCE_SECONDS_MAX * 1000);
        const { done, value } = await reader.read();
        if (done) return;
        if (!this.isOpen) this.#set(true, { resuming }); // the server listens before it sends its first words
        for (const event of parser.feed(value)) this.#take(event);
      }
    } catch {
      throw new NoAnswer("The stream broke off.");
    } finally {
      clearTimeout(timer);
    }
  }

  #take({ id, event, data, retry }) {
    if (retry !== undefined) this.#retry = retry;
    if (id !== undefined) this.#lastId = id;
    if (event === "command") this.dispatchEvent(new CustomEvent("command", { detail: JSON.parse(data) }));
  }

  #set(isOpen, detail) {
    if (this.isOpen === isOpen) return;
    this.isOpen = isOpen;
    this.dispatchEvent(new CustomEvent(isOpen ? "open" : "closed", { detail }));
  }

  /** Until it is time to try again, or the plug has moved. */
  #pause() {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#retry);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Source: WHATWG HTML, section 9.2.6, "Interpreting an event stream". */
class Parser {
  #rest = "";
  #id;
  #event = "";
  #data = [];
  #retry;

  /** The events that the text completes; a bare `retry` is one too. */
  *feed(text) {
    this.#rest += text;
    for (;;) {
      const end = /\r\n|\n|\r(?=[^])/.exec(this.#rest); // a \r at the very end may be half of \r\n
      if (!end) return;
      const line = this.#rest.slice(0, end.index);
      this.#rest = this.#rest.slice(end.index + end[0].length);
      if (line) this.#field(line);
      else yield* this.#dispatch();
    }
  }

  #field(line) {
    const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line);
    if (name === "id" && !value.includes("\0")) this.#id = value;
    else if (name === "event") this.#event = value;
    else if (name === "data") this.#data.push(value);
    else if (name === "retry" && /^\d+$/.test(value)) this.#retry = Number(value);
  }

  *#dispatch() {
    const event = { id: this.#id, event: "", data: "", retry: this.#retry };
    if (this.#data.length) Object.assign(event, { event: this.#event || "message", data: this.#data.join("\n") });
    [this.#event, this.#data, this.#retry] = ["", [], undefined];
    yield event;
  }
}
