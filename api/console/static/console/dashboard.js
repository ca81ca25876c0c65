// The dashboard's tiles and charts, renewed every ten seconds without reloading the page.
"use strict";

const RENEWED_MILLISECONDS = 10000;

function show(figures) {
  shown = figures;
  for (const tile of figures.tiles) {
    const place = document.querySelector(`[data-tile="${tile.name}"]`);
    place.querySelector("strong").textContent = tile.value;
    place.querySelector("small").textContent = tile.says;
    place.classList.toggle("care", tile.care);
  }
  document.getElementById("sampled").hidden = !figures.is_sampled;
  const { minutes, throughput, latency, failures } = figures.charts;
  draw("throughput", "line", minutes, throughput);
  draw("latency", "line", minutes, latency);
  draw("failures", "bar", minutes, failures);
}

async function renew() {
  const fresh = document.getElementById("fresh");
  try {
    const answer = await fetch(document.getElementById("dashboard").dataset.source, { redirect: "error" });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const figures = await answer.json();
    show(figures);
    fresh.textContent = `as of ${figures.at}`;
    fresh.classList.remove("stale");
  } catch {
    fresh.classList.add("stale"); // what stands there stays, and says how old it is
    if (!fresh.textContent.endsWith("not renewed")) fresh.textContent += ", not renewed";
  }
}

let shown = JSON.parse(document.getElementById("figures").textContent);
show(shown);
new MutationObserver(() => show(shown)).observe(document.documentElement, { attributeFilter: ["class"] });
setInterval(() => document.hidden || renew(), RENEWED_MILLISECONDS);
document.addEventListener("visibilitychange", () => document.hidden || renew());
