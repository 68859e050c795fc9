// Pictures by plotly, in the colours of the theme that is shown.

import { date } from "./dom.js";

const root = document.documentElement;
const narrow = window.matchMedia("(max-width: 560px)");

function colour(name) {
  return getComputedStyle(root).getPropertyValue(`--${name}`).trim();
}

function layout(own) {
  const axis = { gridcolor: colour("grid"), zerolinecolor: colour("line"), linecolor: colour("line"), automargin: true };
  return {
    paper_bgcolor: colour("page"), plot_bgcolor: colour("page"),
    font: { color: colour("ink"), family: getComputedStyle(document.body).fontFamily, size: narrow.matches ? 11 : 12 },
    margin: { l: 8, r: 8, t: 8, b: 8 }, hovermode: "closest", dragmode: narrow.matches ? false : "pan",
    hoverlabel: { bgcolor: colour("card"), bordercolor: colour("line"), font: { color: colour("ink") } },
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
    ...own, xaxis: { ...axis, ...own.xaxis }, yaxis: { ...axis, ...own.yaxis },
  };
}

// Pictures one above the other share their left edge, so that a moment stands under itself.
function aligned(own) {
  return { margin: { l: narrow.matches ? 56 : 68, r: 8, t: 8, b: 8 }, ...own, yaxis: { automargin: false, ...own.yaxis } };
}

// A picture is drawn into the element that is there already, so that zoom and place stay.
export function draw(place, traces, own) {
  if (!window.Plotly) return;
  window.Plotly.react(place, traces, layout({ uirevision: place.id, ...own }), { responsive: true, displaylogo: false, displayModeBar: false });
}

export function drawEquity(place, low, curve) {
  const x = curve.at_ns.map(date);
  draw(place, [{ x, y: curve.equity, mode: "lines", line: { color: colour("run"), width: 2 }, hovertemplate: "%{x|%d %b %H:%M}<br>%{y:,.2f}<extra></extra>" }], aligned({ yaxis: { title: { text: "equity" }, tickformat: ",.2~f" } }));
  draw(low, [{ x, y: curve.drawdown_frac.map((one) => -100 * one), mode: "lines", fill: "tozeroy", line: { color: colour("bad"), width: 1 }, fillcolor: colour("badband"), hovertemplate: "%{x|%d %b %H:%M}<br>%{y:.2f} %<extra></extra>" }], aligned({ yaxis: { title: { text: "drawdown, %" } } }));
}

export function drawRisk(place, currencies) {
  draw(place, [{
    type: "bar", orientation: "h", y: currencies.map((one) => one.currency), x: currencies.map((one) => 100 * one.risk_frac),
    marker: { color: currencies.map((one) => colour(one.risk_frac > 0 ? "good" : "bad")) }, hovertemplate: "%{y}: %{x:+.2f} % of equity<extra></extra>",
  }], { xaxis: { title: { text: "net risk at open stops, % of equity" } }, yaxis: { type: "category" } });
}

function marks(name, points, symbol, tint) {
  return {
    name, mode: "markers", type: "scatter", x: points.map((one) => one.x), y: points.map((one) => one.y), text: points.map((one) => one.text),
    marker: { symbol, size: 11, color: colour(tint), line: { width: 1, color: colour("page") } }, hovertemplate: "%{text}<extra></extra>",
  };
}

function tradeMarks(trades, digits) {
  const opened = trades.map((one) => ({ x: date(one.opened_ns), y: one.open_price, side: one.side, text: `#${one.ticket} ${one.side} at ${one.open_price.toFixed(digits)}` }));
  const closed = trades.filter((one) => one.closed_ns).map((one) => ({ x: date(one.closed_ns), y: one.close_price, text: `#${one.ticket} closed by ${one.reason}: ${one.pnl.toFixed(2)} (${one.r_multiple.toFixed(2)} R)` }));
  return [
    marks("bought", opened.filter((one) => one.side === "BUY"), "triangle-up", "good"),
    marks("sold", opened.filter((one) => one.side === "SELL"), "triangle-down", "bad"),
    marks("closed", closed, "x", "held"),
  ];
}

export function drawSymbol(place, low, page) {
  const x = page.bars.close_ns.map(date);
  const band = page.band.close_ns.map(date);
  const edge = x.length > 1 ? (x.at(-1) - x[0]) / x.length : 0;
  const span = edge ? { range: [new Date(x[0] - edge), new Date(+x.at(-1) + edge)] } : {};
  const shapes = page.blackouts.map((one) => ({ type: "rect", xref: "x", yref: "paper", x0: date(one.from_ns), x1: date(one.until_ns), y0: 0, y1: 1, fillcolor: colour("badband"), line: { width: 0 }, layer: "below" }));
  for (const one of page.trades.filter((trade) => !trade.closed_ns)) {
    for (const [price, tint] of [[one.stop_price, "bad"], [one.target_price, "good"]]) {
      if (price) shapes.push({ type: "line", xref: "paper", yref: "y", x0: 0, x1: 1, y0: price, y1: price, line: { color: colour(tint), width: 1, dash: "dash" } });
    }
  }
  draw(place, [
    { name: "expected, low", x: band, y: page.band.low, mode: "lines", line: { width: 0 }, hoverinfo: "skip", showlegend: false },
    { name: "expected move", x: band, y: page.band.high, mode: "lines", line: { width: 0 }, fill: "tonexty", fillcolor: colour("band"), hoverinfo: "skip" },
    { name: page.symbol, type: "candlestick", x, open: page.bars.open, high: page.bars.high, low: page.bars.low, close: page.bars.close, increasing: { line: { color: colour("good"), width: 1 } }, decreasing: { line: { color: colour("bad"), width: 1 } }, showlegend: false },
    ...tradeMarks(page.trades, page.digits),
  ], aligned({ shapes, xaxis: { rangeslider: { visible: false }, rangebreaks: [], ...span } }));
  const tints = ["run", "held", "good", "bad", "chance"];
  const spoken = [...Object.values(page.votes).flat().map((one) => one[1]), ...page.decisions.map((one) => one.probability_up)];
  // Where everybody is at 0.5 the axis would show chances that there are not.
  const chances = spoken.some((one) => one !== 0.5) ? {} : { range: [0.4, 0.6] };
  draw(low, [
    ...Object.entries(page.votes).map(([voter, points], place) => ({ name: voter.replace("technical.", ""), x: points.map((one) => date(one[0])), y: points.map((one) => one[1]), mode: "lines", line: { width: 1.5, color: colour(tints[place % tints.length]) } })),
    { name: "pooled", x: page.decisions.map((one) => date(one.close_ns)), y: page.decisions.map((one) => one.probability_up), mode: "lines", line: { width: 2, color: colour("ink"), dash: "dot" } },
  ], aligned({ xaxis: span, yaxis: { title: { text: "chance of up" }, ...chances } }));
}
