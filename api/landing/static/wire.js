/** The page's network: every request goes through here, so that pulling the plug here stops all of them. */

const ANSWER_SECONDS_MAX = 15;

/** No answer came: nobody knows whether the request arrived. */
export class NoAnswer extends Error {}

/** The server does not know who is calling. */
export class Unauthenticated extends Error {}

export class Wire extends EventTarget {
  /** `credentials`: what to send as Authorization, see `Visitor` and `Key`. */
  credentials = null;
  #pulled = false;
  #online = navigator.onLine;
  #cut = new AbortController();
  #losing = false;

  constructor() {
    super();
    addEventListener("offline", () => this.#set(() => (this.#online = false)));
    addEventListener("online", () => this.#set(() => (this.#online = true)));
  }

  /** Whether requests go out: the plug is in, and the browser has a network. */
  get connected() {
    return !this.#pulled && this.#online;
  }

  get pulled() {
    return this.#pulled;
  }

  get losing() {
    return this.#losing;
  }

  /** From now on requests are these credentials'; null for nobody's. */
  identify(credentials) {
    this.credentials = credentials;
    this.#cutAll();
    this.dispatchEvent(new Event("change"));
  }

  pull() {
    this.#set(() => (this.#pulled = true));
  }

  plugIn() {
    this.#set(() => (this.#pulled = false));
  }

  /** The next answer to a command is lost on its way back, after the server has done its part. */
  loseNextAnswer(lose) {
    this.#losing = lose;
    this.dispatchEvent(new Event("change"));
  }

  /** Status, headers and parsed body. Raises NoAnswer, and Unauthenticated when fresh credentials do not help. */
  async ask(method, path, { body, headers = {}, open = false } = {}) {
    for (const fresh of [false, true]) {
      const authorization = open ? {} : { Authorization: await this.#authorization(fresh) };
      const content = body === undefined ? {} : { "Content-Type": "application/json" };
      const response = await this.#fetch(path, {
        method,
        headers: { ...content, ...authorization, ...headers },
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.timeout(ANSWER_SECONDS_MAX * 1000),
      });
      if (open || response.status !== 401) return await this.#read(response, method === "POST" && !open);
    }
    throw new Unauthenticated();
  }

  /** A response whose body is still to be streamed; `signal` ends it. */
  async stream(path, headers, signal) {
    for (const fresh of [false, true]) {
      const authorization = { Authorization: await this.#authorization(fresh) };
      const response = await this.#fetch(path, { headers: { ...authorization, ...headers }, signal });
      if (response.status !== 401) return response;
    }
    throw new Unauthenticated();
  }

  async #fetch(path, { signal, ...options }) {
    if (!this.connected) throw new NoAnswer("The plug is out.");
    const cut = this.#cut.signal;
    const either = AbortSignal.any([cut, signal]);
    try {
      return await fetch(path, { ...options, signal: either, cache: "no-store", credentials: "omit" });
    } catch {
      throw new NoAnswer(cut.aborted ? "The plug was pulled in the middle of it." : "No answer came.");
    }
  }

  async #read(response, mayLose) {
    let text;
    try {
      text = await response.text();
    } catch {
      throw new NoAnswer("Half of an answer came.");
    }
    if (this.#losing && mayLose) {
      this.loseNextAnswer(false);
      throw new NoAnswer("The answer was lost on its way back.");
    }
    return { status: response.status, headers: response.headers, body: parsed(text) };
  }

  #set(change) {
    const before = this.connected;
    change();
    if (before && !this.connected) this.#cutAll();
    this.dispatchEvent(new Event("change"));
  }

  #cutAll() {
    this.#cut.abort();
    this.#cut = new AbortController();
  }

  async #authorization(fresh) {
    if (!this.credentials) throw new NoAnswer("Nobody has given a key.");
    return await this.credentials.header(this, fresh);
  }
}

/** A visitor of a demonstration: a token that is asked for when it is needed, and again before it expires. */
export class Visitor {
  #token = null;
  #goodUntil = 0;

  async header(wire, fresh) {
    if (fresh || performance.now() > this.#goodUntil) {
      const { status, body } = await wire.ask("POST", "/demo/token", { open: true });
      if (status !== 200) throw new NoAnswer(body.detail ?? "No token came.");
      this.#token = body.access;
      this.#goodUntil = performance.now() + (body.expires_in - 60) * 1000;
    }
    return `Bearer ${this.#token}`;
  }
}

/** An API key, kept in this page's memory alone. */
export class Key {
  #key;

  constructor(text) {
    this.#key = text.trim().replace(/^api-key\s+/i, "");
  }

  async header() {
    return `Api-Key ${this.#key}`;
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return { title: "No answer in JSON", detail: text.slice(0, 200) };
  }
}
