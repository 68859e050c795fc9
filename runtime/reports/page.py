"""The tear sheet's page: one HTML file that holds all it shows and asks nobody for anything."""

import math
from collections.abc import Sequence
from html import escape
from typing import Final

from runtime.reports.baselines import Baselines
from runtime.reports.charts import Chart
from runtime.reports.figures import Figures, Share, day_text
from runtime.reports.html import document, tiles_block
from runtime.reports.record import RunRecord
from runtime.reports.stress import StressTable
from runtime.reports.tiles import percent, plain, signed, tiles_of, tone_of, with_error
from runtime.reports.verdict import verdict_text
from runtime.reports.wording import EXITS, GATES, REFUSALS, VOTERS, told

GROUPS_SHOWN: Final[tuple[tuple[str, str, dict[str, str]], ...]] = (
    ("symbol", "By symbol", {}),
    ("voter", "By the agent that leaned most to the side", VOTERS),
    ("component", "By the rule that spoke loudest, with the length of its bars", {}),
    ("session", "By the trading centres at work when it was opened", {}),
    ("weekday", "By weekday of the entry (days end at 17:00 in New York)", {}),
    ("exit", "By what ended the trade", EXITS),
    ("side", "By side", {}),
)
_MONTHS: Final = (
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
)


def page_of(
    record: RunRecord,
    figures: Figures,
    baselines: Baselines | None,
    charts: dict[str, Chart],
    stress: StressTable | None = None,
) -> str:
    """Return the whole page."""
    identity = record.identity
    title = f"{identity.marker}: {', '.join(identity.symbols)}"
    parts = (
        _header(record),
        "<main>",
        f'<p class="verdict">{escape(verdict_text(record, figures, baselines))}</p>',
        tiles_block(tiles_of(identity, figures)),
        _curves(baselines),
        _months(figures),
        _trades(record, charts),
        _groups(figures),
        _costs(record, figures),
        _gates(record),
        _stress(stress),
        _safety(record),
        _settings(record),
        "</main>",
        _footer(record),
    )
    return document(title, parts, charts)


def _header(record: RunRecord) -> str:
    one = record.identity
    costs = (
        f"Costs assumed: the spread of each minute × {one.spread_factor:g}, commission of "
        f"{one.commission_per_lot:g} {one.currency} a lot and side, overnight interest (swap) at "
        f"the broker's terms; stops are filled before targets, gaps go through stops. Deposit "
        f"{one.deposit:,.0f} {one.currency}, leverage 1:{one.leverage:g}."
    )
    seed = f"seed {one.seed}" if one.seed else "no seed: recorded prices"
    return (
        '<header><div class="top">'
        f'<span class="mark">{escape(one.marker)}</span>'
        '<button type="button" id="theme">Dark colours</button></div>'
        f"<h1>{escape(', '.join(one.symbols))}</h1>"
        f"<p>{day_text(one.start_ns)} to {day_text(one.end_ns - 1)}, decisions every "
        f"{escape(one.timeframe)}, {escape(one.market)}. No real money was traded.</p>"
        f'<p class="about">{escape(costs)}</p>'
        f'<p class="about">{escape(one.host)}; {escape(seed)}; settings '
        f"<code>{one.settings_hash[:12]}</code>, code <code>{one.code_hash[:12]}</code>, "
        f"decisions <code>{one.decisions_hash[:12] or 'none'}</code>. The same of all "
        "of these gives the same run.</p></header>"
    )


def _curves(baselines: Baselines | None) -> str:
    lines = ""
    if baselines is not None:
        shown = [baselines.no_trade, baselines.held]
        texts = [f"<b>{escape(one.name)}</b>: {escape(one.about)}" for one in shown]
        if baselines.random is not None:
            band = baselines.random
            texts.append(
                f"<b>{escape(band.name)}</b>: {escape(band.about)} The shaded band holds 90 of 100 "
                f"of {band.runs} such runs."
            )
        lines = f'<p class="about">{" ".join(texts)}</p>'
    return (
        "<h2>The account over time</h2><p>Equity is what the account would be worth if everything "
        "were closed at that moment, open losses included.</p>"
        f'<div class="chart" data-chart="equity"></div>{lines}'
        "<h3>How far below its highest value</h3>"
        '<div class="chart low" data-chart="water"></div>'
    )


def _months(figures: Figures) -> str:
    years: dict[str, dict[int, str]] = {}
    for month in figures.months:
        year, number = month.month.split("-")
        tone = tone_of(month.return_frac)
        text = f'<td class="{tone}">{percent(month.return_frac)}</td>'
        years.setdefault(year, {})[int(number)] = text
    rows = "".join(
        f"<tr><th>{year}</th>{''.join(cells.get(n, '<td></td>') for n in range(1, 13))}</tr>"
        for year, cells in years.items()
    )
    head = "".join(f"<th>{name}</th>" for name in _MONTHS)
    return (
        "<h2>Month by month</h2><p>Change of the equity in each month, against its value at the "
        "end of the month before.</p>"
        f'<div class="wide"><table><thead><tr><th>Year</th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _trades(record: RunRecord, charts: dict[str, Chart]) -> str:
    symbols = [one for one in record.identity.symbols if f"trades {one}" in charts]
    options = "".join(f'<option value="{escape(one)}">{escape(one)}</option>' for one in symbols)
    candles = (
        "<h3>Trades on the chart</h3><p>Triangles are entries, up for bought and down for sold; "
        "lines lead to the exits, and their colour says whether the trade won. Drag to look "
        "closer, double click to see all.</p>"
        f'<label>Symbol <select id="symbol">{options}</select></label>'
        f'<div class="chart high" id="candles" data-chart="trades {escape(symbols[0])}"></div>'
        if symbols
        else ""
    )
    return (
        "<h2>Trades</h2><p>Results are also counted in R: 1 R is what the trade would have lost at "
        "its first stop. A loss of the planned size is −1 R.</p>"
        '<div class="pair"><div><h3>How trades ended</h3>'
        '<div class="chart" data-chart="r"></div></div>'
        "<div><h3>How far they went on the way</h3>"
        '<div class="chart" data-chart="excursions"></div></div></div>'
        f"{candles}"
        "<h3>By hour of the day</h3>"
        '<div class="chart low" data-chart="hours"></div>'
    )


def _groups(figures: Figures) -> str:
    tables = "".join(
        _group(title, figures.by.get(name, ()), words) for name, title, words in GROUPS_SHOWN
    )
    return (
        "<h2>Where results came from</h2><p>The same trades, grouped in different ways. ± is the "
        "standard error: a mean within two of it from zero may be chance.</p>"
        f'<div class="pair">{tables}</div>'
    )


def _group(title: str, shares: Sequence[Share], words: dict[str, str]) -> str:
    if not shares:
        return ""
    rows = "".join(
        f"<tr><th>{escape(told(words, one.name) if words else one.name.replace('_', ' '))}</th>"
        f"<td>{one.trades}</td><td>{one.wins}</td>"
        f'<td class="{tone_of(one.pnl)}">{signed(one.pnl)}</td>'
        f"<td>{with_error(one.mean_r, one.error_r)}</td></tr>"
        for one in shares
    )
    return (
        f'<div class="wide"><table><caption>{escape(title)}</caption><thead><tr><th></th>'
        "<th>trades</th><th>won</th><th>profit</th><th>mean R</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _costs(record: RunRecord, figures: Figures) -> str:
    costs = figures.costs
    pnl = math.fsum(trade.pnl for trade in record.trades)
    rows = (
        ("Trades before any cost", costs.before_costs),
        ("Spread: half of it is lost on entering, half on leaving", -costs.spread),
        ("Commission", -costs.commission),
        ("Overnight interest (swap)", -costs.swap),
        ("Trades after all costs", pnl),
    )
    body = "".join(
        f'<tr><th>{name}</th><td class="{tone_of(value)}">{signed(value)}</td></tr>'
        for name, value in rows
    )
    return (
        "<h2>What trading cost</h2>"
        '<div class="wide short"><table><thead><tr><th></th>'
        f"<th>{escape(record.identity.currency)}</th></tr></thead><tbody>{body}</tbody></table></div>"
    )


def _gates(record: RunRecord) -> str:
    return (
        "<h2>Why it did not trade</h2><p>At every close each symbol is decided, and mostly the "
        f"decision is to wait: {sum(record.blocked_by.values()):,} of {record.decisions:,}. "
        "Counted is the first rule that said no.</p>"
        f"{_histogram('First rule that stopped a decision', record.blocked_by, GATES)}"
        f"<p>Of {record.intents:,} orders that were wanted, risk management let "
        f"{record.approved:,} pass.</p>"
        f"{_histogram('Why risk management refused', record.refusals, REFUSALS)}"
    )


def _histogram(title: str, counts: dict[str, int], words: dict[str, str]) -> str:
    if not counts:
        return f"<p>{escape(title)}: none.</p>"
    largest = max(counts.values())
    rows = "".join(
        f"<tr><th>{escape(told(words, name))} <code>{escape(name)}</code></th><td>{count:,}</td>"
        f'<td class="bars"><span class="bar" style="width:{100 * count / largest:.1f}%"></span>'
        "</td></tr>"
        for name, count in counts.items()
    )
    return (
        f'<div class="wide"><table><caption>{escape(title)}</caption><tbody>{rows}</tbody></table>'
        "</div>"
    )


def _stress(stress: StressTable | None) -> str:
    if stress is None:
        return ""
    rows = "".join(
        f"<tr><th>{escape(one.about)}</th><td>{one.trades}</td>"
        f'<td class="{tone_of(one.return_frac)}">{percent(one.return_frac)}</td>'
        f"<td>{percent(-one.drawdown_frac)}</td><td>{plain(one.worst_r)}</td>"
        f'<td class="text">{escape(", ".join(one.breakers) or "none")}</td>'
        f'<td class="text">{escape("; ".join(one.exceeded) or "held")}</td></tr>'
        for one in stress.cases
    )
    return (
        "<h2>Under stress</h2><p>The same run over prices that were made worse on purpose.</p>"
        '<div class="wide"><table><thead><tr><th>Market</th><th>trades</th><th>return</th>'
        '<th>deepest fall</th><th>worst trade, R</th><th class="text">safety rules tripped</th>'
        '<th class="text">limits</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _safety(record: RunRecord) -> str:
    changes = [one for one in record.states if one.reason != "start"]
    if not changes and not record.breaches:
        return "<h2>Safety rules</h2><p>None tripped; the trading state was ACTIVE throughout.</p>"
    rows = "".join(
        f'<tr><th>{day_text(one.ts_ns)}</th><td class="text">{escape(one.state)}</td>'
        f'<td class="text">{escape(one.reason)}</td></tr>'
        for one in changes
    )
    limits: dict[str, int] = {}
    for breach in record.breaches:
        limits[breach.limit] = limits.get(breach.limit, 0) + 1
    counted = ", ".join(f"{escape(name)} {count} ×" for name, count in sorted(limits.items()))
    return (
        "<h2>Safety rules</h2><p>ACTIVE: all is allowed. SAFE: half risk, rules only. REDUCING: "
        "only exits. HALTED: nothing.</p>"
        f"<p>Limits crossed: {counted or 'none'}.</p>"
        '<div class="wide"><table><thead><tr><th>Day</th><th class="text">state</th>'
        f'<th class="text">why</th></tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _settings(record: RunRecord) -> str:
    if not record.changed:
        return "<h2>Settings</h2><p>All as delivered.</p>"
    rows = "".join(
        f'<tr><th><code>{escape(one.name)}</code></th><td class="text">{escape(one.value)}</td>'
        f'<td class="text">{escape(one.default)}</td></tr>'
        for one in record.changed
    )
    return (
        "<h2>Settings</h2><p>Those that differ from what is delivered.</p>"
        '<div class="wide"><table><thead><tr><th>setting</th><th class="text">here</th>'
        f'<th class="text">delivered</th></tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _footer(record: RunRecord) -> str:
    one = record.identity
    notes = "".join(f"<li>{escape(note)}</li>" for note in one.notes)
    rows = "".join(
        f'<tr><th>{name}</th><td class="text"><code>{escape(value)}</code></td></tr>'
        for name, value in (
            ("run", one.run),
            ("version", one.version),
            ("code", one.code_hash),
            ("settings", one.settings_hash),
            ("decisions", one.decisions_hash),
            ("prices", one.data_sha256 or "made from the seed"),
        )
    )
    return (
        "<footer><h2>How to read this</h2>"
        f"{f'<ul>{notes}</ul>' if notes else ''}"
        "<p>A simulation is not a promise. Prices, spreads and fills are assumptions; a real "
        "account meets worse ones, and a past that was looked at often enough always holds "
        "something that worked. Times are UTC; trading days end at 17:00 in New York; a year "
        "counts 260 trading days. A dash means that there is too little to say anything.</p>"
        f'<div class="wide"><table><caption>What this run was made of</caption><tbody>{rows}'
        "</tbody></table></div></footer>"
    )
