// Charts as the console draws them, in the theme's light or dark.
"use strict";

const COLOURS = {
  accepted: "#3b82f6", finished: "#10b981", p50: "#10b981", p95: "#f59e0b", p99: "#ef4444",
};
const OTHERS = ["#ef4444", "#f59e0b", "#8b5cf6", "#0ea5e9", "#ec4899", "#84cc16", "#64748b"];
const charts = {};

function colour(name, place) {
  return COLOURS[name] || OTHERS[place % OTHERS.length];
}

function inks() {
  const dark = document.documentElement.classList.contains("dark");
  return dark ? { text: "#cbd5e1", grid: "rgba(148,163,184,.18)" } : { text: "#475569", grid: "rgba(100,116,139,.18)" };
}

function options(stacked) {
  const { text, grid } = inks();
  const axis = { ticks: { color: text }, grid: { color: grid }, border: { color: grid }, stacked };
  return {
    animation: false,
    responsive: true,
    maintainAspectRatio: false,
    interaction: { mode: "index", intersect: false },
    plugins: { legend: { labels: { color: text, boxWidth: 12, boxHeight: 12 }, position: "bottom" } },
    scales: {
      x: { ...axis, ticks: { color: text, maxTicksLimit: 13, maxRotation: 0 } },
      y: { ...axis, beginAtZero: true, ticks: { color: text, precision: 0, maxTicksLimit: 6 } },
    },
  };
}

function series(each, place, stacked) {
  const own = colour(each.name, place);
  return {
    label: each.name, data: each.values, borderColor: own, backgroundColor: stacked ? own : `${own}22`,
    borderWidth: stacked ? 0 : 2, pointRadius: 0, pointHitRadius: 8, fill: !stacked && each.name === "accepted",
    order: stacked ? 0 : -place, spanGaps: false, tension: 0.2, maxBarThickness: 10,
    // A minute between two silent ones would be no line at all.
    ...(stacked ? {} : { pointRadius: (at) => (alone(each.values, at.dataIndex) ? 3 : 0), pointBackgroundColor: own }),
  };
}

function alone(values, place) {
  return values[place] !== null && (values[place - 1] ?? null) === null && (values[place + 1] ?? null) === null;
}

function draw(id, kind, minutes, all) {
  const canvas = document.getElementById(id);
  const stacked = kind === "bar";
  const said = all.some((each) => each.values.some((value) => value !== null && (value > 0 || !stacked)));
  canvas.parentElement.classList.toggle("silent", !said);
  const data = { labels: minutes, datasets: all.map((each, place) => series(each, place, stacked)) };
  if (charts[id]) {
    Object.assign(charts[id], { data });
    charts[id].options = options(stacked);
    charts[id].update("none");
  } else {
    charts[id] = new Chart(canvas, { type: kind, data, options: options(stacked) });
  }
}
