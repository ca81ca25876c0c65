/** The order as a receipt: its lines, its total, and what can be done with it now. */

import { byId, element } from "./dom.js";
import { toMinor } from "./money.js";

const HEADINGS = {
  empty: "New sale",
  draft: "Open order",
  paying: "Paying …",
  paid: "Paid",
  cancelling: "Cancelling …",
  cancelled: "Cancelled",
};

export function receipt(sale) {
  const [form, lines, tendered] = [byId("payment"), byId("lines"), byId("tendered")];
  const method = () => new FormData(form).get("method");
  const again = () => show(sale, lines, method());
  sale.addEventListener("change", again);
  form.addEventListener("change", again);
  tendered.addEventListener("input", () => tendered.setCustomValidity(""));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const cash = method() === "cash" ? tendered.value.trim().replace(",", ".") : "";
    if (cash && toMinor(cash, sale.digits) === null) {
      tendered.setCustomValidity(`An amount such as 20 or 12.50, with at most ${sale.digits} decimals`);
      tendered.reportValidity();
      return;
    }
    sale.pay(method(), cash);
    tendered.value = "";
  });
  byId("cancel").addEventListener("click", () => sale.cancel());
  byId("next").addEventListener("click", () => sale.next());
  again();
}

function show(sale, lines, method) {
  const { status, pending } = sale;
  const card = byId("receipt");
  card.dataset.status = status;
  byId("receipt-heading").textContent = HEADINGS[status];
  byId("receipt-version").textContent = sale.version ? `version ${sale.version}` : "";
  showLines(sale, lines);
  byId("total").textContent = sale.money(sale.total);
  byId("pending").textContent = pending ? `${pending} not final yet` : "";
  byId("failure").textContent = sale.failure ? `${sale.failure.title}. ${sale.failure.detail ?? ""}` : "";
  byId("settled").textContent = settled(sale);
  byId("payment").hidden = !sale.isOpen;
  byId("tendered-field").hidden = method !== "cash";
  byId("pay").textContent = sale.lines.length ? `Pay ${sale.money(sale.total)}` : "Pay";
  byId("pay").disabled = !sale.lines.length;
  byId("cancel").disabled = status !== "draft";
  byId("next").hidden = sale.isOpen;
}

/** Lines are changed in place: whoever holds the focus on a button keeps it. */
function showLines(sale, list) {
  const rows = new Map([...list.children].map((row) => [row.dataset.line, row]));
  for (const line of sale.lines) {
    const key = `${line.product_id} ${line.price}`;
    const row = rows.get(key) ?? list.appendChild(lineOf(sale, key, line));
    rows.delete(key);
    row.querySelector(".qty").textContent = line.qty;
    row.querySelector(".sum").textContent = sale.money(line.qty * line.price).replace(/ .*/, "");
    for (const button of row.querySelectorAll("button")) button.hidden = !sale.isOpen;
  }
  for (const row of rows.values()) row.remove();
  byId("nothing").hidden = sale.lines.length > 0;
}

function lineOf(sale, key, { product_id, price, name }) {
  const now = () => sale.lines.find((line) => line.product_id === product_id && line.price === price);
  return element(
    "li",
    { "data-line": key },
    element("span", { class: "name" }, name),
    element("button", { type: "button", "aria-label": `One ${name} less`, onclick: () => sale.less(now()) }, "−"),
    element("span", { class: "qty" }),
    element("button", { type: "button", "aria-label": `One ${name} more`, onclick: () => sale.more(now()) }, "+"),
    element("span", { class: "sum" }),
  );
}

function settled({ status, payment, currency, pending }) {
  if (status === "paying" && pending) return "The payment is a command under way. The till can go on.";
  if (status !== "paid" || !payment) return "";
  const change = payment.change === null ? "" : `, ${payment.change} ${currency} change`;
  return `${payment.amount} ${currency} by ${payment.method}${change}. Stock has left the shelf.`;
}
