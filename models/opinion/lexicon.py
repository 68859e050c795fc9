"""The words of FX headlines: what each says of the currency it is said of. Our own list.

Values are for the currency's holder: +1 a rise, −1 a fall, less where a word is only mild. Three
classes differ in what the words around do to them: *movements* turn round when the thing that
moves is a bad one ("jobless claims rise"), *qualities* do not ("worse jobless claims"), and
*policies* can themselves rise and fall ("rate cut bets fade").
"""

from collections.abc import Mapping
from typing import Final


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


def _table(**groups: str) -> dict[str, float]:
    values = {"up": 1.0, "mild_up": 0.5, "mild_down": -0.5, "down": -1.0}
    return {word: values[group] for group, words in groups.items() for word in words.split()}


CURRENCIES: Final[Mapping[str, str]] = {
    name: currency
    for currency, names in {
        "USD": "usd dollar dollars greenback buck dxy fed fomc powell america american treasury",
        "EUR": "eur euro euros ecb lagarde eurozone german germany french france italian italy "
        "spanish spain bund bunds",
        "GBP": "gbp pound pounds sterling quid boe bailey uk britain british gilt gilts",
        "JPY": "jpy yen boj ueda japan japanese jgb tankan",
        "AUD": "aud aussie rba australia australian",
        "CAD": "cad loonie boc canada canadian",
        "CHF": "chf franc swissie snb swiss switzerland",
        "NZD": "nzd kiwi rbnz zealand",
    }.items()
    for name in names.split()
}
"""Names, nicknames, central banks and countries, each with its currency."""

PHRASES: Final[Mapping[str, str]] = {
    "federal reserve": "fed",
    "european central bank": "ecb",
    "euro zone": "eurozone",
    "euro area": "eurozone",
    "bank of england": "boe",
    "bank of japan": "boj",
    "bank of canada": "boc",
    "swiss national bank": "snb",
    "swiss franc": "franc",
    "reserve bank of australia": "rba",
    "reserve bank of new zealand": "rbnz",
    "new zealand dollar": "nzd",
    "new zealand": "nzd",
    "australian dollar": "aud",
    "canadian dollar": "cad",
    "united states": "usd",
    "united kingdom": "uk",
    "us dollar": "usd",
    "rules out": "not",
    "ruled out": "not",
    "push back against": "not",
    "pushes back against": "not",
    "pushed back against": "not",
    "in no rush to": "not",
    "no longer": "not",
    "far from": "not",
    "weigh on": "weigh",
    "weighs on": "weigh",
    "weighed on": "weigh",
    "weighing on": "weigh",
    "quantitative easing": "qe",
    "safe haven": "haven",
    "risk off": "riskoff",
    "risk on": "riskon",
}
"""Several words that are read as one."""

MOVEMENTS: Final = _table(
    up="rise rises rising rose risen gain gains gained gaining climb climbs climbed climbing jump "
    "jumps jumped jumping surge surges surged surging soar soars soared soaring rally rallies "
    "rallied rallying advance advances advanced rebound rebounds rebounded rebounding spike spikes "
    "increase increases increased grow grows grew growing up higher strengthen strengthens "
    "strengthened strengthening appreciate appreciates appreciated recover recovers recovered "
    "accelerate accelerates accelerated widen widens widened high highs peak leap leaps leapt",
    mild_up="edges firm firms firmed firmer extends",
    mild_down="eases eased easier retreat retreats retreated cool cools cooled cooling narrow "
    "narrows narrowed fade fades faded fading dips dipped ebb ebbs",
    down="fall falls falling fell fallen drop drops dropped dropping decline declines declined "
    "declining slide slides slid sliding slip slips slipped slipping sink sinks sank sinking "
    "tumble tumbles tumbled tumbling plunge plunges plunged plunging slump slumps slumped slumping "
    "crash crashes crashed collapse collapses collapsed tank tanks tanked lose loses lost losing "
    "weaken weakens weakened weakening depreciate depreciates depreciated decrease decreases "
    "down lower low lows slow slows slowed slowing shrink shrinks shrank shrinking contract "
    "contracts contracted plummet plummets plummeted",
)
"""Rises and falls, of a currency or of anything that is good for it."""

QUALITIES: Final = _table(
    up="strong stronger strength beat beats beating better robust solid upbeat optimism optimistic "
    "bullish boom resilient outperform outperforms outperformed upgrade upgraded hot hotter exceed "
    "exceeds exceeded tops topped confident bid demand buying improve improves improved surplus",
    down="weak weaker weakness miss misses missed missing worse disappoint disappoints "
    "disappointed disappointing dismal gloomy bearish underperform underperforms underperformed "
    "downgrade downgraded soft softer poor trouble turmoil uncertainty pessimism pessimistic "
    "selloff selling bleak sluggish stagnant vulnerable",
)
"""How something is; a bad thing that is strong is still called by what it is."""

POLICIES: Final = _table(
    up="hawkish hike hikes hiked hiking tighten tightens tightening raise raises raised taper "
    "tapering hawks",
    down="dovish cut cuts cutting easing ease stimulus qe devalue devaluation doves loosen "
    "loosening",
)
"""What a central bank does, or may do."""

GLOOM: Final[Mapping[str, float]] = {
    **dict.fromkeys(_words("unemployment jobless claims joblessness inventories"), 0.0),
    **dict.fromkeys(_words("deficit deficits debt layoffs bankruptcies"), -0.5),
    **dict.fromkeys(_words("recession fear fears worry worries crisis default shutdown"), -0.75),
    **dict.fromkeys(_words("concern concerns tensions losses"), -0.5),
}
"""Things of which more is worse: movements turn round; alone they say this much."""

EXPECTATIONS: Final = _words("bet bets expectation expectations hopes odds pricing")
"""With one of these, a movement is that of the policy: falling hopes of a cut are a rise."""

LIFTING: Final = _words(
    "lift lifts lifted boost boosts boosted support supports supported buoy buoys buoyed help "
    "helps helped underpin underpins underpinned"
)
"""Verbs that raise what follows them."""

WEIGHING: Final = _words(
    "weigh pressure pressures pressured drag drags dragged hurt hurts hit hits dent dents dented "
    "undermine undermines undermined sink batter batters battered"
)
"""Verbs that press what follows them."""

NEGATIONS: Final = _words(
    "not no never without unlikely neither nor cannot fails failed denies denied avoid avoids "
    "won't don't doesn't didn't isn't wasn't aren't can't hardly delays delayed"
)
"""Words that turn the next few round."""

AGAINST: Final = _words("against versus vs v per over")
"""What follows is the other side of the price."""

CONTRASTS: Final = _words("despite although though notwithstanding shrugs")
"""What follows did not decide."""

BREAKS: Final = _words(
    "as after amid while but on following with when because before whereas since and ahead"
)
"""Words that begin another statement."""
