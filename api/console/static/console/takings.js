// The day's takings, hour by hour.
"use strict";

const { labels, series: hourly } = JSON.parse(document.getElementById("hours").textContent);
const redraw = () => draw("hourly", "bar", labels, hourly);
redraw();
new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["class"] });
