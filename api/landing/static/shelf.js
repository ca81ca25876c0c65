/** The shelf: products with what is left of them; a press puts one into the order. */

import { byId, element } from "./dom.js";

const PAGE_SIZE = 60;

export class Shelf {
  #wire;
  #sale;
  #rows = new Map();

  constructor(wire, sale) {
    this.#wire = wire;
    this.#sale = sale;
  }

  async refresh() {
    const { status, body } = await this.#wire.ask("GET", `/api/v1/products?is_active=true&page_size=${PAGE_SIZE}`);
    if (status !== 200) return;
    for (const product of body.results) this.#show(product);
    byId("shelf-empty").hidden = body.results.length > 0;
    byId("shelf-empty").textContent = "There are no products yet. A manager creates them with POST /api/v1/products.";
  }

  #show(product) {
    const row = this.#rows.get(product.id) ?? this.#made(product);
    row.querySelector(".name").textContent = product.name;
    row.querySelector(".price").textContent = `${product.price} ${product.currency}`;
    row.querySelector(".left").textContent = `${product.available} left`;
    row.onclick = () => this.#sale.add(product);
  }

  #made(product) {
    const parts = ["name", "price", "left"].map((name) => element("span", { class: name }));
    const button = element("button", { type: "button", "data-sku": product.sku }, ...parts);
    byId("shelf").append(element("li", {}, button));
    this.#rows.set(product.id, button);
    return button;
  }
}
