"""What a text says of each currency, and what many texts say after they have aged.

A text is foreign and possibly hostile: it is cut, cleaned of control and direction characters, read
for words in a list, and never for anything else. The scorer knows no grammar but the little that
headlines follow: statements one after the other, each about the currencies it names.
"""

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from models.opinion.lexicon import (
    AGAINST,
    BREAKS,
    CONTRASTS,
    CURRENCIES,
    EXPECTATIONS,
    GLOOM,
    LIFTING,
    MOVEMENTS,
    NEGATIONS,
    PHRASES,
    POLICIES,
    QUALITIES,
    WEIGHING,
)

SCORER: Final = "lexicon-2"
"""Name and version; it changes with every word of the list."""
SCORED_LENGTH_MAX: Final = 512
"""Characters of a text that are read."""
PRIOR_WEIGHT: Final = 2.0
"""Weight of the neutral text that stands beside all others: one headline is no consensus."""
NEGATION_REACH: Final = 4
"""Words after a negation that it turns round."""
INHERITED_SHARE: Final = 0.5
"""What a statement that names no currency counts for those named before it."""
UNSPOKEN_SHARE: Final = 0.5
"""What the tone of a text counts for a currency of which its direction words say nothing."""
_RAW_LENGTH_FACTOR: Final = 4  # room for what cleaning removes, without reading a megabyte
_EXTREMES: Final = frozenset(("high", "highs", "low", "lows", "peak"))
_ISO: Final = frozenset(CURRENCIES.values())
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|[,;:.!?()–—]")
_COUNTRY = re.compile(r"\bU\.?S\.?A?\b\.?")  # capitals only: "us" is a pronoun
_PAIR = re.compile(r"\b([a-z]{3,9})[/-]([a-z]{3,9})\b")
_JOINED_PAIR = re.compile(r"\b([a-z]{3})([a-z]{3})\b")
_PHRASE = re.compile(r"\b(" + "|".join(sorted(PHRASES, key=len, reverse=True)) + r")\b")


def clean_text(text: str, length_max: int = SCORED_LENGTH_MAX) -> str:
    r"""Return a text without control, format and direction characters, on one line, and cut.

    Examples
    --------
    >>> clean_text("Euro\u202e rises\n\tagain")
    'Euro rises again'
    """
    folded = unicodedata.normalize("NFKC", text[: length_max * _RAW_LENGTH_FACTOR])
    visible = (" " if each.isspace() else each for each in folded)
    kept = "".join(each for each in visible if not unicodedata.category(each).startswith("C"))
    return " ".join(kept.split())[:length_max].rstrip()


class Said(NamedTuple):
    """What the direction words of a text say of one currency."""

    value: float
    """0 where a currency is named and nothing is said of it."""
    side: float
    """1 where it stands on the first side of what is said, −1 on the other."""


def said_of(text: str) -> dict[str, Said]:
    """Return what the direction words of a text say of each currency it names, not yet bounded."""
    said: dict[str, Said] = {}
    subjects: tuple[_Subject, ...] = ()
    for statement in _statements(_tokens(text)):
        value = statement.value()
        share = 1.0 if statement.subjects else INHERITED_SHARE
        about = statement.subjects or subjects
        for subject in about:
            part = subject.sign * value * share * (0.0 if statement.is_contrast else 1.0)
            before = said.get(subject.currency, Said(0.0, subject.sign))
            said[subject.currency] = before._replace(value=before.value + part)
        subjects = about
    return said


def score_text(text: str) -> dict[str, float]:
    """Return what a text says of each currency it names, −1 bearish to +1 bullish.

    Parameters
    ----------
    text : str
        Any text; see `clean_text` for what is read of it.

    Returns
    -------
    dict of str to float
        By ISO code, in alphabetical order; 0 where a currency is named and nothing is said of it.

    Examples
    --------
    >>> score_text("EUR/USD climbs to three-week high")
    {'EUR': 1.0, 'USD': -1.0}
    >>> score_text("Canadian unemployment falls")
    {'CAD': 1.0}
    """
    return {currency: _bounded(said.value) for currency, said in sorted(said_of(text).items())}


def score_with_tone(text: str, tone: float, tone_share: float) -> dict[str, float]:
    """Return what a text says of each currency it names, direction words and tone together.

    A scorer of finance texts hears whether news is good, not for which currency. So direction words
    decide the sign where they speak, and unemployment that falls is good news whatever a tone says.
    Where they say nothing the tone counts half, for the side on which the currency stands.

    Parameters
    ----------
    text : str
        Any text; see `clean_text` for what is read of it.
    tone : float
        −1 bad news to +1 good news.
    tone_share : float
        What the tone counts, in 0..1, for the size of a score whose sign direction words give.

    Examples
    --------
    >>> score_with_tone("EUR/USD falls", -0.5, tone_share=0.5)
    {'EUR': -0.75, 'USD': 0.75}
    >>> score_with_tone("ECB speaks of headwinds", -0.5, tone_share=0.5)
    {'EUR': -0.25}
    """
    scores: dict[str, float] = {}
    for currency, said in sorted(said_of(text).items()):
        value = _bounded(said.value)
        if value == 0.0:
            scores[currency] = _bounded(UNSPOKEN_SHARE * said.side * tone)
            continue
        sign = math.copysign(1.0, value)
        agreeing = max(0.0, sign * said.side * tone)
        size = (1.0 - tone_share) * abs(value) + tone_share * agreeing
        scores[currency] = _bounded(sign * size)
    return scores


def words_of(text: str) -> float:
    """Return what the direction words of a text say, −1 to +1, whoever it is about."""
    statements = _statements(_tokens(text))
    return _bounded(math.fsum(0.0 if each.is_contrast else each.value() for each in statements))


def _bounded(value: float) -> float:
    return max(-1.0, min(1.0, value))


def decayed_score(
    scores: Sequence[float],
    ages_ns: Sequence[int],
    half_lives_ns: Sequence[int],
    weights: Sequence[float] | None = None,
) -> tuple[float, float]:
    """Return the decayed mean of scores, pulled to neutral, and the weight behind it.

    ``S = Σ w·s·2^(−age/h) / (κ + Σ w·2^(−age/h))`` with κ = `PRIOR_WEIGHT`; summed in the order
    given.

    Parameters
    ----------
    scores : sequence of float
        In −1..1.
    ages_ns : sequence of int
        Age of each text or release, >= 0.
    half_lives_ns : sequence of int
        Age at which each counts half, > 0.
    weights : sequence of float, optional
        What each counts when it is new, >= 0; 1 without.

    Returns
    -------
    score, weight : float
        In −1..1, and >= 0; both 0 without texts.
    """
    total = weight = 0.0
    given = [1.0] * len(scores) if weights is None else weights
    for score, age_ns, half_life_ns, own in zip(scores, ages_ns, half_lives_ns, given, strict=True):
        share = own * 2.0 ** (-age_ns / half_life_ns)
        total += score * share
        weight += share
    return total / (PRIOR_WEIGHT + weight), weight


@dataclass(frozen=True, slots=True)
class _Subject:
    """A currency that a statement names, and on which side of it it stands."""

    currency: str
    sign: float


@dataclass(slots=True)
class _Statement:
    """Words up to the next break, sorted by what they do."""

    is_contrast: bool = False
    subjects: tuple[_Subject, ...] = ()
    movements: list[float] = field(default_factory=list)
    qualities: list[float] = field(default_factory=list)
    policies: list[float] = field(default_factory=list)
    gloom: list[float] = field(default_factory=list)
    is_expectation: bool = False
    is_against: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing is said yet."""
        return not (self.movements or self.qualities or self.policies or self.gloom)

    def name(self, currency: str, sign: float = 1.0) -> None:
        """Add a currency; the first mention decides its side."""
        if currency not in {subject.currency for subject in self.subjects}:
            side = -sign if self.is_against else sign
            self.subjects = (*self.subjects, _Subject(currency, side))

    def value(self) -> float:
        """Return what is said, for the side that is named first."""
        movement = sum(self.movements)
        policy = sum(self.policies)
        if self.policies and self.movements and self.is_expectation:
            return policy * (1.0 if movement >= 0.0 else -1.0) + sum(self.qualities)
        if self.gloom:
            movement = -movement if self.movements else min(self.gloom)
        return movement + policy + sum(self.qualities)


def _tokens(text: str) -> list[str]:
    """Return words, punctuation and pairs (as ``eur/usd``) of a text, phrases read as one word."""
    marked = _COUNTRY.sub(" usd ", clean_text(text)).casefold().replace("\u2019", "'")
    paired = _JOINED_PAIR.sub(_as_pair, _PAIR.sub(_as_pair, marked))
    tokens: list[str] = []
    for part in re.split(r"(\b[a-z]{3}/[a-z]{3}\b)", paired):
        is_pair = len(part) == 7 and part[3] == "/"
        phrased = part if is_pair else _PHRASE.sub(_as_word, part.replace("-", " "))
        tokens += (
            [part] if is_pair else [each.removesuffix("'s") for each in _WORD.findall(phrased)]
        )
    return tokens


def _as_pair(match: re.Match[str]) -> str:
    base, quote = (CURRENCIES.get(name, "") for name in match.groups())
    is_pair = base and quote and base != quote
    joined = "/" not in match.group() and "-" not in match.group()
    if joined and not {name.upper() for name in match.groups()} <= _ISO:
        is_pair = False
    return f"{base}/{quote}".lower() if is_pair else match.group()


def _as_word(match: re.Match[str]) -> str:
    return PHRASES[match.group()]


def _statements(tokens: Sequence[str]) -> Iterable[_Statement]:
    """Yield the statements of a text, in order."""
    current = _Statement()
    negated_to = -1
    for place, token in enumerate(tokens):
        transitive = _transitive(tokens, place)
        if _begins(token) or transitive:
            # Names without a verb wait for the statement that has one: "euro, pound rise".
            waiting = current.subjects if current.is_empty and not transitive else ()
            if not waiting:
                yield current
            current = _Statement(subjects=waiting, is_contrast=token in CONTRASTS)
        if token in NEGATIONS:
            negated_to = place + NEGATION_REACH
        sign = -1.0 if place <= negated_to else 1.0
        if transitive:
            current.qualities.append(sign * transitive)
        else:
            _take(current, token, sign)
    yield current


def _begins(token: str) -> bool:
    return token in BREAKS or token in CONTRASTS or not (token[0].isalpha())


def _transitive(tokens: Sequence[str], place: int) -> float:
    """Return what a verb does to the currency named after it, 0 if it is no such verb here.

    "Hits" raises or presses nothing in "hits a three-week high", and "hit by" presses what
    stands before it.
    """
    token = tokens[place]
    if token not in LIFTING and token not in WEIGHING:
        return 0.0
    following = tokens[place + 1 : place + 6]
    if token in ("hit", "hits") and _EXTREMES.intersection(following):
        return 0.0
    names_one = any(each in CURRENCIES or "/" in each for each in following)
    is_passive = bool(following) and following[0] == "by"
    if is_passive or not names_one:
        return 0.0
    return 1.0 if token in LIFTING else -1.0


def _take(statement: _Statement, token: str, sign: float) -> None:
    """Sort one word into its statement."""
    if "/" in token:
        base, quote = token.upper().split("/")
        statement.name(base)
        statement.name(quote, -1.0)
    elif token in CURRENCIES:
        statement.name(CURRENCIES[token])
    elif token in AGAINST:
        statement.is_against = bool(statement.subjects)
    elif token in EXPECTATIONS:
        statement.is_expectation = True
    elif token in GLOOM:
        statement.gloom.append(GLOOM[token])
    else:
        _take_value(statement, token, sign)


def _take_value(statement: _Statement, token: str, sign: float) -> None:
    if token in POLICIES:
        statement.policies.append(sign * POLICIES[token])
    elif token in MOVEMENTS:
        statement.movements.append(sign * MOVEMENTS[token])
    elif token in QUALITIES:
        statement.qualities.append(sign * QUALITIES[token])
    elif token in LIFTING:
        statement.qualities.append(sign)
    elif token in WEIGHING and token not in ("hit", "hits"):
        statement.qualities.append(-sign)
