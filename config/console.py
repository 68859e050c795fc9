"""The web console: where it listens, and what it lets a browser do."""

from typing import Annotated

from pydantic import Field

from config.section import FROM_TEXT, Section


class ConsoleSection(Section):
    """The web console and its metrics; they need a token wherever they listen."""

    enabled: bool = True
    """Whether pages and metrics are served while the system follows a clock."""
    host: str = "127.0.0.1"
    """Address on which it listens; anything but loopback shows the account to the network."""
    port: int = Field(8280, ge=0, le=65_535)
    """Its port; taken ones are passed over, 0 takes any that is free."""
    names: Annotated[tuple[str, ...], FROM_TEXT] = ()
    """Further names under which a proxy or a tunnel reaches it; other names are refused."""
    controls: bool = True
    """Whether a page may pause, resume and flatten; without, it only shows."""
    session_hours: float = Field(12.0, gt=0.0, le=720.0)
    """Process time after which a browser must show the token again."""
