/** One order at the till: what was asked for shows at once, and what the server says in the end replaces it. */

import { digitsOf, toMinor, toText } from "./money.js";
import { newKey } from "./outbox.js";
import { NoAnswer } from "./wire.js";

const ENDING = new Set(["order.pay", "order.cancel_draft"]);

/** `status`: empty, draft, paying, paid, cancelling, cancelled. Events: `change`. */
export class Sale extends EventTarget {
  #wire;
  #outbox;

  constructor(wire, outbox) {
    super();
    this.#wire = wire;
    this.#outbox = outbox;
    this.#begin();
    outbox.addEventListener("final", ({ detail }) => this.#ended(detail));
  }

  #begin() {
    Object.assign(this, { id: newKey(), status: "empty", lines: [], version: null, payment: null, failure: null });
    Object.assign(this, { currency: "", digits: 2 });
  }

  get isOpen() {
    return this.status === "empty" || this.status === "draft";
  }

  get total() {
    return this.lines.reduce((sum, line) => sum + line.qty * line.price, 0);
  }

  /** How many of this order's commands are not final yet. */
  get pending() {
    return this.#outbox.countPending(this.id);
  }

  money(minor) {
    return `${toText(minor, this.digits)} ${this.currency}`.trim();
  }

  next() {
    this.#begin();
    this.#change();
  }

  /** The order that an earlier page has left open, if there is one. */
  resume() {
    const last = this.#outbox.entries.at(-1);
    const ofLast = this.#outbox.entries.filter((entry) => entry.body.order_id === last?.body.order_id);
    if (!last || ofLast.some((entry) => ENDING.has(entry.body.type) && !entry.problem)) return;
    this.id = last.body.order_id;
    this.status = "draft";
    this.#change();
    this.sync();
  }

  /** The till goes on: what is pressed after a payment begins the next order. */
  add(product) {
    if (!this.isOpen) this.#begin();
    const items = [{ product_id: product.id, qty: 1 }];
    const label = `1 × ${product.name}`;
    if (this.status === "empty") {
      Object.assign(this, { status: "draft", currency: product.currency, digits: digitsOf(product.price) });
      this.#ask(`New order: ${label}`, "order.create", { currency: product.currency, items });
    } else {
      this.#ask(`Add ${label}`, "order.add_items", { items });
    }
    this.#put(product);
  }

  more(line) {
    this.add({ id: line.product_id, name: line.name, price: toText(line.price, this.digits), currency: this.currency });
  }

  less(line) {
    this.#ask(`Remove 1 × ${line.name}`, "order.remove_item", { product_id: line.product_id, qty: 1 });
    line.qty -= 1;
    this.lines = this.lines.filter((each) => each.qty > 0);
    this.#change();
  }

  /** `tendered` is the cash handed over, or "". The amount goes along: what the till shows is what is paid. */
  pay(method, tendered) {
    const amount = toText(this.total, this.digits);
    this.status = "paying";
    const label = `Pay ${this.money(this.total)}, ${method}`;
    this.#ask(label, "order.pay", { method, amount, ...(tendered && { tendered }) });
  }

  cancel() {
    this.status = "cancelling";
    this.#ask("Cancel the order", "order.cancel_draft", { reason: "cancelled at the till" });
  }

  /** Put what the server says in the place of what was shown, once nothing is on its way any more. */
  async sync() {
    const id = this.id;
    if (this.status === "empty" || this.pending) return;
    let answer;
    try {
      answer = await this.#wire.ask("GET", `/api/v1/orders/${id}`);
    } catch (error) {
      if (error instanceof NoAnswer) return; // asked again when the stream is back
      throw error;
    }
    if (id !== this.id || this.pending) return;
    if (answer.status === 200) this.#adopt(answer.body);
    else if (answer.status === 404) this.#begin();
    this.#change();
  }

  #ask(label, type, payload) {
    this.failure = null;
    this.#outbox.add(label, type, this.id, payload);
    this.#change();
  }

  #put(product) {
    const price = toMinor(product.price, this.digits) ?? 0;
    const line = this.lines.find((each) => each.product_id === product.id && each.price === price);
    if (line) line.qty += 1;
    else this.lines.push({ product_id: product.id, name: product.name, qty: 1, price });
    this.#change();
  }

  #ended(entry) {
    if (entry.body.order_id !== this.id) return;
    this.failure = entry.problem ?? this.failure;
    this.payment = entry.command?.result?.payment ?? this.payment;
    const failure = this.failure;
    this.sync().then(() => {
      if (failure && !this.failure) this.failure = failure; // the order may be gone, and the reason stays
      this.#change();
    }, console.warn);
  }

  #adopt(order) {
    Object.assign(this, { status: order.status, version: order.version, currency: order.currency });
    this.digits = digitsOf(order.total);
    this.lines = order.items.map(({ product_id, name, qty, unit_price }) => {
      return { product_id, name, qty, price: toMinor(unit_price, this.digits) };
    });
  }

  #change() {
    this.dispatchEvent(new Event("change"));
  }
}
