// The pages: each takes its data and returns elements; `refresh` redraws the pictures of one that stays.

import { drawEquity, drawRisk, drawSymbol } from "./charts.js";
import { clock, entryLink, h, left, long, number, percent, signed, symbolLink, table, ticketLink, tile, tone, toned } from "./dom.js";

const chart = (id, kind = "") => h("div", { id, class: `chart ${kind}`, role: "img" });
const voterName = (voter) => voter.replace("technical.", "");

function restrictions(page) {
  return page.restrictions.map((one) => h("div", { class: "note" },
    h("strong", {}, `${one.state}: ${one.cause}`), ` since ${clock(one.since_ns)}. ${one.evidence}`,
    h("br"), `Way out: ${one.way_out}`));
}

// What somebody else has opened is not closed here.
const close = (one) => one.origin !== "own" ? "" : h("button", { type: "button", "data-command": "close", "data-argument": String(one.ticket), "aria-label": `Close ${one.ticket}` }, "Close");

function positions(page, controls) {
  return table(
    ["ticket", left("symbol"), left("side"), "lots", "open", "now", "to stop, pips", "to target, pips", "floating", "at the stop", left("since"), left("")],
    page.positions.map((one) => [
      ticketLink(one.ticket), { text: symbolLink(one.symbol), kind: "text" }, left(one.side), number(one.lots), number(one.open_price, one.digits),
      one.price ? number(one.price, one.digits) : "–", one.stop_price ? number(one.to_stop_pips, 1) : { text: "no stop", kind: "bad" },
      number(one.to_target_pips, 1), toned(one.floating, signed(one.floating)), signed(one.at_stop), left(clock(one.opened_ns)), left(controls ? close(one) : ""),
    ]), "no position is open");
}

export function overview(page, controls) {
  const money = (value) => `${number(value)} ${page.currency}`;
  return [
    h("h1", {}, "Overview"), restrictions(page),
    page.feeds.map((one) => h("div", { class: "note" }, h("strong", {}, `${one.scope} is stale: `), one.reason)),
    page.calendar.state === "covered" ? null : h("div", { class: "note" }, h("strong", {}, `Calendar ${page.calendar.state.replace("_", " ")}: `), page.calendar.reason),
    h("dl", { class: "tiles" },
      tile("equity", money(page.equity), `balance ${number(page.balance)}`),
      tile("drawdown", percent(page.drawdown_frac), `of the high ${number(page.high_water_mark)}`),
      tile("at risk at open stops", percent(page.heat_frac), `${percent(page.reserved_frac)} of it reserved`),
      tile("closed trades", String(page.trades), `P&L ${signed(page.pnl)}`, tone(page.pnl)),
      tile("decisions", number(page.decided, 0), `${number(page.intents, 0)} became wishes to trade`),
      tile("margin in use", money(page.margin))),
    chart("equity-chart"), chart("drawdown-chart", "low"),
    h("h2", {}, "Open positions"), positions(page, controls),
    h("div", { class: "columns" },
      h("section", {}, h("h2", {}, "Open risk by currency"), page.currencies.length ? chart("risk-chart", "low") : h("p", { class: "quiet" }, "nothing is at risk"),
        h("h2", {}, "Locks"), table([left("symbol"), left("side"), left("reason"), left("until")],
          page.locks.map((one) => [left(one.scope), left(one.side), left(one.reason), left(clock(one.until_ns))]), "nothing is locked")),
      h("section", {}, h("h2", {}, "Latest"), h("ul", { class: "lines", id: "lines" },
        page.lines.map((one) => h("li", {}, h("a", { href: `#/why/seq/${one.seq}` }, one.text)))))),
  ];
}

overview.refresh = (page) => {
  drawEquity(document.getElementById("equity-chart"), document.getElementById("drawdown-chart"), page.curve);
  const risk = document.getElementById("risk-chart");
  if (risk) drawRisk(risk, page.currencies);
};

const MODES = { true: "on", shadow: "shadow", false: "off" };

function modeOf(one, controls) {
  if (!controls) return left(MODES[one.mode] || one.mode);
  return left(h("select", { "aria-label": `Mode of ${one.name}`, "data-command": "switch", "data-argument": one.name, "data-value": one.mode },
    Object.entries(MODES).map(([mode, text]) => h("option", { value: mode, selected: mode === one.mode }, text))));
}

const restart = (one) => one.health === "off" ? "" : h("button", { type: "button", "data-command": "restart", "data-argument": one.name, "aria-label": `Restart ${one.name}` }, "Restart");

function agents(page, controls) {
  const tint = { healthy: "good", degraded: "held", down: "bad", quarantined: "bad", off: "quiet" };
  return table([left("agent"), left("class"), left("mode"), left("health"), "process", "restarts", "refused posts", "last fact", left(""), ...(controls ? [left("")] : [])],
    page.agents.map((one) => [
      left(one.name), left(one.class_name), modeOf(one, controls), { text: one.health, kind: `text ${tint[one.health] || ""}` },
      one.pid || "–", one.restarts, one.posts_refused, one.last_fact_age_s < 0 ? "none" : `${number(one.last_fact_age_s, 0)} s ago`, long(one.reason),
      ...(controls ? [left(restart(one))] : []),
    ]));
}

function voteText(vote) {
  if (!vote) return "–";
  if (vote.abstains) return { text: h("span", { title: vote.reason, class: "quiet" }, "abstains"), kind: "" };
  return { text: h("span", { title: `${vote.reason} (${vote.model})` }, number(vote.probability_up, 3)), kind: vote.probability_up > 0.5 ? "good" : "bad" };
}

export function council(page, controls) {
  return [
    h("h1", {}, "Council"), agents(page, controls),
    h("h2", {}, "What each voter weighs"),
    h("p", { class: "quiet" }, "Skill is 1 − Brier / 0.25: above 0 is better than a coin. Weights are learned from it, slowly."),
    table([left("voter"), "weight", "Brier score", "skill", "outcomes", left("proven")], page.weights.map((one) => [
      left(voterName(one.voter)), percent(one.weight, 1), number(one.brier, 4), toned(one.skill, percent(one.skill, 2)), one.outcomes, left(one.is_proven ? "yes" : "no"),
    ]), "the learner has not weighed anybody yet: all count alike"),
    h("h2", {}, "The latest round, by symbol"),
    table([left("symbol"), ...page.voters.map(voterName), "pooled", "expected, R", left("decision"), left("stopped by")], page.rounds.map((one) => [
      left(symbolLink(one.symbol)), ...page.voters.map((voter) => voteText(one.votes[voter])),
      number(one.decision?.probability_up, 3), signed(one.decision?.expected_value_r), one.decision ? left(entryLink(one.seq, one.decision.action)) : left("–"), long(one.decision?.words || ""),
    ])),
  ];
}

export function symbol(page, names) {
  if (!page) return [h("h1", {}, "Symbol"), h("p", { class: "quiet" }, "nothing is known of a symbol yet")];
  const choose = h("select", { "aria-label": "Symbol", onchange: (event) => { location.hash = `#/symbol/${event.target.value}`; } },
    names.map((name) => h("option", { value: name, selected: name === page.symbol }, name)));
  return [
    h("h1", {}, "Symbol ", choose),
    h("p", {}, `${page.timeframe} bars, bid. Bid ${number(page.bid, page.digits)}, ask ${number(page.ask, page.digits)}; feed ${page.feed || "unknown"}. `,
      h("span", { class: "quiet" }, page.band.model ? `Grey: one expected move over ${page.band.horizon_bars} bars by ${page.band.model}. Red: no entries because of an event. Dashed: stop and target.` : "")),
    chart("symbol-chart", "high"), chart("votes-chart", "low"),
    h("h2", {}, "Decisions"),
    table([left("close"), left("decision"), "pooled", "expected, R", left("stopped by")], page.decisions.slice(-40).reverse().map((one) => [
      left(entryLink(one.seq, clock(one.close_ns))), left(one.action), number(one.probability_up, 3), signed(one.expected_value_r), long(one.words),
    ]), "nobody has decided yet"),
    h("h2", {}, "Trades"),
    table(["ticket", left("side"), left("opened"), left("closed"), "P&L", "R", left("closed by")], [...page.trades].reverse().slice(0, 60).map((one) => [
      ticketLink(one.ticket), left(one.side), left(clock(one.opened_ns)), left(one.closed_ns ? clock(one.closed_ns) : "open"),
      toned(one.pnl, signed(one.pnl)), signed(one.r_multiple), left(one.reason || ""),
    ]), "no trade yet"),
  ];
}

symbol.refresh = (page) => {
  if (page) drawSymbol(document.getElementById("symbol-chart"), document.getElementById("votes-chart"), page);
};

const TOTALS = new Set(["DayCounters", "EquityMark"]);

function branch(entries, seq, seen, depth) {
  const entry = entries[seq];
  if (!entry) return h("div", { class: "leaf quiet" }, `#${seq}: further back than is shown`);
  const told = [h("code", {}, `#${entry.seq}`), ` ${clock(entry.at_ns)} `, h("strong", {}, entry.kind), ` ${entry.scope} `, h("span", { class: "quiet" }, `by ${entry.author}: `), entry.brief];
  if (seen.has(seq)) return h("div", { class: "leaf quiet" }, `#${seq} ${entry.kind}: see above`);
  seen.add(seq);
  const causes = entry.causes.filter((cause) => !(TOTALS.has(entry.kind) && entries[cause]?.kind === entry.kind));
  const whole = h("a", { href: `#/entry/${seq}` }, "all of it");
  if (!causes.length) return h("div", { class: "leaf" }, told, " ", whole);
  return h("details", { open: depth < 4, class: depth ? null : "root" }, h("summary", {}, told), h("p", {}, whole), causes.map((cause) => branch(entries, cause, seen, depth + 1)));
}

function ask(label, name, value, hint) {
  return h("label", {}, label, h("input", { name, value, placeholder: hint, required: true, autocomplete: "off" }));
}

const submit = (go) => (event) => { event.preventDefault(); go(Object.fromEntries(new FormData(event.target))); };

export function why(page, asked) {
  return [
    h("h1", {}, "Why, and why not"),
    h("div", { class: "columns" },
      h("form", { class: "form", onsubmit: submit((form) => { location.hash = `#/why/ticket/${form.ticket}`; }) },
        ask("Ticket of a position, order or deal", "ticket", asked.ticket || "", "100002"), h("button", {}, "Why")),
      h("form", { class: "form", onsubmit: submit((form) => { location.hash = `#/why-not/${form.symbol}/${form.time}`; }) },
        ask("Symbol", "symbol", asked.symbol || "", "EURUSD"), ask("Time, UTC", "time", asked.time || "", "2025-03-03T12:15:00Z"), h("button", {}, "Why not"))),
    page ? [h("p", { class: "quiet" }, "What stands further in was derived from."), h("div", { id: "tree" }, branch(page.entries, page.root, new Set(), 0))] : null,
  ];
}

export function whyNot(page, asked) {
  const voices = page.voices.map((one) => [left(voterName(one.voter)), number(one.probability_up, 3), percent(one.weight, 1), left(one.abstains ? "abstained" : "spoke"), long(one.said)]);
  return [
    ...why(null, asked),
    h("h2", {}, `${page.symbol}, close of ${clock(page.close_ns)}`),
    h("p", { id: "answer" }, h("strong", {}, `${page.answer.replace("_", " ")}: `), page.words, page.name ? ` (${page.name} ${number(page.value, 4)}, threshold ${number(page.threshold, 4)})` : "", ". ", page.detail),
    page.seq ? h("p", {}, entryLink(page.seq, "From what that followed")) : null,
    voices.length ? table([left("voter"), "chance of up", "weight", left(""), left("in its words")], voices) : null,
  ];
}

export function entry(page) {
  return [h("h1", {}, `#${page.seq} ${page.kind} ${page.scope}`),
    h("p", {}, `by ${page.author} (instance ${page.epoch}), true at ${clock(page.at_ns)}, known at ${clock(page.known_at_ns)}. `, entryLink(page.seq, "From what it followed")),
    h("pre", {}, JSON.stringify(page.fact, null, 2))];
}

const rows = (entries) => table(["seq", left("time"), left("author"), left("kind"), left("scope"), left("says")], entries.map((one) => [
  h("a", { href: `#/entry/${one.seq}` }, String(one.seq)), left(clock(one.at_ns)), left(one.author), left(one.kind), left(one.scope), long(one.brief),
]), "no entry passes the filter");

export function journal(page, asked) {
  const field = (label, name, hint) => h("label", {}, label, h("input", { name, value: asked[name] || "", placeholder: hint, autocomplete: "off" }));
  const go = (form) => { location.hash = `#/journal?${new URLSearchParams(Object.entries(form).filter(([, value]) => value))}`; };
  return [
    h("h1", {}, "Journal"),
    h("form", { class: "form", onsubmit: submit(go) }, field("Kind", "kind", "RiskRefused"), field("Scope", "scope", "EURUSD"), field("Author", "author", "risk"),
      field("As it was at (UTC)", "time", "2025-03-03T14:00:00Z"), h("button", {}, "Show")),
    h("p", { class: "quiet" }, asked.time ? `The latest fact of each kind and scope that was known and valid at ${clock(page.at_ns)}: ${page.count}.` : "Newest first. A time shows what was known and valid then."),
    rows(page.entries),
    page.before ? h("p", {}, h("a", { href: `#/journal?${new URLSearchParams({ ...asked, before: page.before })}` }, "Older")) : null,
  ];
}

const train = (family) => h("button", { type: "button", "data-command": "retrain", "data-argument": family, "aria-label": `Train ${family}` }, family === "all" ? "Train all" : "Train");

export function models(page, controls) {
  return [
    h("h1", {}, "Models and trials"), controls ? h("p", {}, train("all")) : null,
    h("dl", { class: "tiles" },
      tile("latest trades", String(page.standing.recent_trades), `won ${percent(page.standing.win_rate, 0)}, ${signed(page.standing.expectancy_r)} R each`),
      tile("parameters", page.standing.parameters), tile("walk-forward", page.standing.best_params_version || "none promoted")),
    h("h2", {}, "Champions and candidates"),
    table([left("family"), left("serves"), "trials", "judged", left("latest candidate"), left("verdict"), left("in detail")], page.store.map((one) => [
      left(one.family), left(one.serves || "baseline"), one.trials, one.judged, left(one.last_version || "–"),
      { text: !one.last_version ? "–" : one.is_promoted ? "promoted" : `refused: ${one.failed_gate}`, kind: one.is_promoted ? "text good" : "text" }, long(one.detail),
    ]), "nothing was trained yet"),
    h("h2", {}, "Trainings"),
    table([left("family"), left("last"), left("next"), "attempts", "promotions", left("outcome"), ...(controls ? [left("")] : [])], page.standing.families.map((one) => [
      left(one.family), left(one.last_training || "–"), left(one.next_training || "–"), one.attempts, one.promotions, long(one.verdict || "–"), ...(controls ? [left(train(one.family))] : []),
    ])),
    h("h2", {}, "Drift"),
    table([left("stream"), left("at"), left("test"), "value", "threshold"], page.drifts.map((one) => [left(one.scope), left(clock(one.at_ns)), left(one.statistic), number(one.value, 4), number(one.threshold, 4)]), "no alarm"),
  ];
}

function meter(share) {
  const kind = share >= 1 ? "over" : share >= 0.75 ? "near" : "";
  return h("div", { class: `meter ${kind}`, role: "meter", "aria-valuenow": Math.round(100 * share), "aria-valuemin": 0, "aria-valuemax": 100 }, h("div", { style: `width:${Math.min(100, 100 * share)}%` }));
}

export function limits(page) {
  const shown = (one, value) => one.unit === "count" ? number(value, 0) : percent(value);
  return [
    h("h1", {}, "Limits and breakers"),
    table([left("limit"), left("what"), "now", "limit", "head-room", left("used")], page.rows.map((one) => [
      left(h("code", {}, one.key)), left(one.words), shown(one, one.value), shown(one, one.limit), one.value === null ? "–" : shown(one, Math.max(0, one.limit - Math.max(0, one.value))), one.used_frac === null ? "–" : left(meter(one.used_frac)),
    ])),
    h("h2", {}, "Crossed, each the last time"),
    table([left("limit"), left("at"), "value", "threshold", left("consequence")], page.breaches.map((one) => [left(one.limit), left(clock(one.at_ns)), number(one.value, 4), number(one.threshold, 4), long(one.consequence)]), "none in this book"),
  ];
}
