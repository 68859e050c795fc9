"""Every error that crosses a border of the system, as one tree.

::

    QuorumError
    ├── ConfigError            the start is refused
    │   └── OtherFormat        a journal of an earlier or a later version
    ├── PostRefused            the board did not take a post; the message names the rule
    │   └── StaleEpoch         a younger instance of the same author has joined
    ├── ArtefactRefused        a stored model is not what was stored; whatever serves goes on
    ├── RecoverableError       wait, degrade, declare it as a fact
    │   ├── BoardUnavailable
    │   │   └── JournalUnavailable
    │   ├── FeedUnavailable
    │   └── TerminalUnavailable
    └── UnrecoverableError     stop trading, alert a person
        ├── JournalCorrupt
        ├── JournalFenced      a younger board writes the journal; this one must stop
        └── InvariantBroken
"""


class QuorumError(Exception):
    """Base of all errors that are ours."""


class ConfigError(QuorumError):
    """A setting is wrong; the message names key, value and what is allowed."""


class OtherFormat(ConfigError):
    """A journal has another format than this version reads; the message says what to do."""


class PostRefused(QuorumError):
    """The board did not take a post; nothing of it was stored."""


class StaleEpoch(PostRefused):
    """A younger instance of this author has joined; the older one must stop."""


class ArtefactRefused(QuorumError):
    """A stored model is damaged, foreign or out of date; the message says how."""


class RecoverableError(QuorumError):
    """Something outside is away for now; wait, degrade, and declare it as a fact."""


class BoardUnavailable(RecoverableError):
    """The board did not answer within the deadline; a post may or may not have been taken."""


class JournalUnavailable(BoardUnavailable, OSError):
    """The server of the journal did not answer in time; it may or may not have stored the block."""


class FeedUnavailable(RecoverableError):
    """A source of data did not answer, or answered something that is no answer."""


class TerminalUnavailable(RecoverableError):
    """The terminal process did not answer; a send may or may not have run."""


class UnrecoverableError(QuorumError):
    """Trading must stop and a person must look."""


class JournalCorrupt(UnrecoverableError):
    """A stored block is not what was written; the message names the block."""


class JournalFenced(UnrecoverableError):
    """A younger board writes this journal; nothing of this one is stored any more."""


class InvariantBroken(UnrecoverableError):
    """Something that must always hold does not."""
