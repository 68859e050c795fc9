"use strict";

const charts = JSON.parse(document.getElementById("charts").textContent);
const root = document.documentElement;
const narrow = window.matchMedia("(max-width: 560px)");

function isDark() {
  const chosen = root.dataset.theme;
  return chosen ? chosen === "dark" : window.matchMedia("(prefers-color-scheme: dark)").matches;
}

// Names of colours become the colours of the theme that is shown.
function painted(value, style) {
  if (typeof value === "string") {
    return value[0] === "@" ? style.getPropertyValue("--" + value.slice(1)).trim() : value;
  }
  if (Array.isArray(value)) {
    return typeof value[0] === "number" ? value : value.map((each) => painted(each, style));
  }
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, painted(each, style)]));
  }
  return value;
}

function axis(own) {
  const title = { ...own.title, font: { size: narrow.matches ? 11 : 13, color: "@muted" } };
  return { gridcolor: "@grid", zerolinecolor: "@line", linecolor: "@line", automargin: true, ...own, title };
}

function layoutOf(own) {
  return {
    paper_bgcolor: "@page", plot_bgcolor: "@page",
    font: { color: "@ink", family: getComputedStyle(document.body).fontFamily, size: narrow.matches ? 11 : 13 },
    margin: { l: 10, r: 10, t: 10, b: 10 },
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
    hovermode: "closest", hoverlabel: { bgcolor: "@card", bordercolor: "@line", font: { color: "@ink" } },
    dragmode: narrow.matches ? false : "zoom",
    ...own,
    xaxis: axis({ ...own.xaxis }), yaxis: axis({ ...own.yaxis }),
  };
}

function draw(place) {
  if (!window.Plotly) return;
  const chart = charts[place.dataset.chart];
  const style = getComputedStyle(root);
  Plotly.react(
    place, painted(chart.traces, style), painted(layoutOf(chart.layout), style),
    { responsive: true, displaylogo: false, displayModeBar: false },
  );
}

function drawAll() {
  document.querySelectorAll("[data-chart]").forEach(draw);
  document.getElementById("theme").textContent = isDark() ? "Light colours" : "Dark colours";
}

document.getElementById("theme").addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  drawAll();
});
const chooser = document.getElementById("symbol");
if (chooser) {
  chooser.addEventListener("change", () => {
    const place = document.getElementById("candles");
    place.dataset.chart = "trades " + chooser.value;
    draw(place);
  });
}
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
window.addEventListener("hashchange", readHash);

// The address may name the colours: report.html#dark.
function readHash() {
  const name = location.hash.slice(1);
  if (name === "dark" || name === "light") root.dataset.theme = name;
  drawAll();
}
readHash();
