"""The one download: pinned, checked, resumed, and never anything but what it is for."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from blackboard.errors import ArtefactRefused, ConfigError
from config.texts import TextsSection
from runtime.texts.fetching import FetchFailed, fetch_model
from runtime.texts.hub_folder import MANIFEST_FILE, SEAL_FILE, FetchedModel, HubFolder
from runtime.texts.known_models import WEIGHTS, HubModel, wanted_model
from tests.hub_server import Hub, serving
from tests.tiny_transformer import save_tiny_bert

REVISION = "0123456789abcdef0123456789abcdef01234567"
MODEL = HubModel("somebody/tiny", REVISION, {})


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the files of a tiny model."""
    folder = save_tiny_bert(tmp_path_factory.mktemp("tiny"))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def hub(tiny: dict[str, bytes]) -> Iterator[Hub]:
    """Serve the tiny model."""
    root = f"{MODEL.name}/resolve/{REVISION}"
    with serving(Hub({f"{root}/{name}": content for name, content in tiny.items()})) as hub:
        yield hub


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pause between tries for no time."""
    monkeypatch.setattr("runtime.texts.fetching.sleep_s", lambda seconds: None)


def fetched(
    hub: Hub, folder: Path, model: HubModel = MODEL, fetch_bytes_max: int = 10_000_000
) -> FetchedModel:
    """Fetch into a folder."""
    section = TextsSection(hub_url=hub.url, fetch_bytes_max=fetch_bytes_max)
    return fetch_model(model, section, HubFolder(folder), lambda name, size: None)


def test_a_model_is_fetched_whole_and_its_checksums_are_recorded(
    hub: Hub, tiny: dict[str, bytes], tmp_path: Path
) -> None:
    """Trust on first use, and it says so of every file."""
    model = fetched(hub, tmp_path)

    digests = {each.name: each.sha256 for each in model.files}
    assert digests == {name: hashlib.sha256(content).hexdigest() for name, content in tiny.items()}
    assert not any(each.is_published for each in model.files)
    assert HubFolder(tmp_path).verified(MODEL).name == REVISION


def test_nothing_is_fetched_twice(hub: Hub, tmp_path: Path) -> None:
    """What is whole is verified and stays."""
    first = fetched(hub, tmp_path)
    asked = len(hub.asked)

    assert fetched(hub, tmp_path) == first
    assert len(hub.asked) == asked


def test_only_files_that_hold_no_code_are_asked_for(hub: Hub, tmp_path: Path) -> None:
    """Never a pickle, never a Python file."""
    fetched(hub, tmp_path)

    assert {name.rpartition(".")[2] for name, _ in hub.asked} == {"json", "txt", "safetensors"}


def test_a_fetch_that_was_cut_goes_on_where_it_was(
    hub: Hub, tiny: dict[str, bytes], tmp_path: Path
) -> None:
    """Cut twice, the third answer begins at the last byte that is there."""
    hub.cut_after = {WEIGHTS: [1000, 500]}

    fetched(hub, tmp_path)

    ranges = [asked for name, asked in hub.asked if name == WEIGHTS]
    assert ranges == ["", "bytes=1000-", "bytes=1500-"]
    place = HubFolder(tmp_path).place(MODEL)
    assert (place / WEIGHTS).read_bytes() == tiny[WEIGHTS]


def test_a_fetch_goes_on_after_the_process_has_ended(hub: Hub, tmp_path: Path) -> None:
    """Five cuts end a fetch; what is there is not fetched again by the next."""
    hub.cut_after = {WEIGHTS: [100] * 5}
    with pytest.raises(FetchFailed, match="5 tries"):
        fetched(hub, tmp_path)
    first = len(hub.asked)

    fetched(hub, tmp_path)

    assert hub.asked[first:][-1] == (WEIGHTS, "bytes=500-")
    assert ("config.json", "") not in hub.asked[first:]


def test_a_source_that_is_busy_is_asked_again(hub: Hub, tmp_path: Path) -> None:
    """429 and 503 are no answers."""
    hub.statuses = {"config.json": [429, 503]}

    assert fetched(hub, tmp_path).model == MODEL.name


@pytest.mark.parametrize("status", [401, 403])
def test_a_source_that_refuses_is_not_asked_again(hub: Hub, tmp_path: Path, status: int) -> None:
    """No key will appear by asking."""
    hub.statuses = {"config.json": [status]}

    with pytest.raises(FetchFailed, match=str(status)):
        fetched(hub, tmp_path)
    assert len(hub.asked) == 1


def test_a_page_is_no_file(hub: Hub, tmp_path: Path) -> None:
    """A proxy that answers everything with its login page."""
    hub.content_type = "text/html"

    with pytest.raises(FetchFailed, match="a page"):
        fetched(hub, tmp_path)


def test_a_checksum_that_is_known_must_fit(
    hub: Hub, tiny: dict[str, bytes], tmp_path: Path
) -> None:
    """The right one is told as known; another one ends the fetch, and the file is gone."""
    right = hashlib.sha256(tiny[WEIGHTS]).hexdigest()
    good = fetched(hub, tmp_path / "good", MODEL._replace(checksums={WEIGHTS: right}))
    bad = MODEL._replace(checksums={WEIGHTS: "0" * 64})

    with pytest.raises(ArtefactRefused, match="known is 0000"):
        fetched(hub, tmp_path / "bad", bad)

    assert [each.name for each in good.files if each.is_published] == [WEIGHTS]
    assert not (HubFolder(tmp_path / "bad").place(bad) / WEIGHTS).exists()


def test_a_repository_without_safetensors_is_told(hub: Hub, tmp_path: Path) -> None:
    """Its pickle is not taken in their place."""
    del hub.files[f"{MODEL.name}/resolve/{REVISION}/{WEIGHTS}"]

    with pytest.raises(FetchFailed, match="no pickle"):
        fetched(hub, tmp_path)


def test_a_file_without_end_is_cut_off(hub: Hub, tmp_path: Path) -> None:
    """A bound on bytes, whatever the source says of the length."""
    with pytest.raises(ArtefactRefused, match="more than 2000 bytes"):
        fetched(hub, tmp_path, fetch_bytes_max=2000)


@pytest.mark.parametrize(
    ("target", "match"), [("http://example.com/x", "https"), ("/self", "redirects")]
)
def test_a_redirect_must_be_as_safe_as_the_first(
    hub: Hub, tmp_path: Path, target: str, match: str
) -> None:
    """To another host only by https, and not for ever."""
    hub.moved = {"config.json": target, "self": "/self"}

    with pytest.raises((ConfigError, FetchFailed), match=match):
        fetched(hub, tmp_path)


def test_a_redirect_that_is_safe_is_followed(
    hub: Hub, tiny: dict[str, bytes], tmp_path: Path
) -> None:
    """Hubs keep large files elsewhere."""
    hub.files["elsewhere/weights"] = tiny[WEIGHTS]
    hub.moved = {WEIGHTS: f"{hub.url}/elsewhere/weights"}

    assert fetched(hub, tmp_path).model == MODEL.name


@pytest.mark.parametrize(
    ("labels", "changes", "match"),
    [
        (("LABEL_0", "LABEL_1"), {}, "cannot be used"),
        (("neutral", "positive"), {}, "a bearish and a bullish"),
        (("negative", "positive"), {"auto_map": {"AutoModel": "code.py"}}, "code of its own"),
    ],
)
def test_what_is_no_scorer_is_removed(
    tmp_path: Path, labels: tuple[str, ...], changes: dict[str, object], match: str
) -> None:
    """Labels that do not say what they mean, and models that bring code."""
    files = save_tiny_bert(tmp_path / "made", labels, changes=changes)
    root = f"{MODEL.name}/resolve/{REVISION}"
    content = {f"{root}/{path.name}": path.read_bytes() for path in files.iterdir()}

    with serving(Hub(content)) as hub, pytest.raises(ArtefactRefused, match=match):
        fetched(hub, tmp_path / "hub")

    assert not HubFolder(tmp_path / "hub").place(MODEL).exists()


def _grow(place: Path) -> None:
    with (place / WEIGHTS).open("ab") as file:
        file.write(b"x")


def _remove(place: Path) -> None:
    (place / WEIGHTS).unlink()


def _add(place: Path) -> None:
    (place / "modeling.py").write_text("import os", encoding="utf-8")


def _reseal(place: Path) -> None:
    content = (place / MANIFEST_FILE).read_bytes()
    (place / MANIFEST_FILE).write_bytes(content.replace(b"somebody/tiny", b"somebody/else"))


def _unseal(place: Path) -> None:
    (place / SEAL_FILE).unlink()


@pytest.mark.parametrize("harm", [_grow, _remove, _add, _reseal, _unseal])
def test_what_was_changed_since_is_not_used(
    hub: Hub, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    """Weights, a file that is gone or was put in, and the manifest itself."""
    fetched(hub, tmp_path)
    folder = HubFolder(tmp_path)

    harm(folder.place(MODEL))

    with pytest.raises(ArtefactRefused):
        folder.verified(MODEL)


@pytest.mark.parametrize(
    ("model", "match"),
    [
        ("FinGPT/fingpt-forex-sentiment-v1.0", "FinGPT lists no such model"),
        ("fingpt/FINGPT-forex-sentiment-v1.0", "FinGPT lists no such model"),
        ("mr8488/distilroberta-finetuned-financial-news-sentiment-analysis", "looks like mrm8488"),
        ("finbert", "OWNER/NAME"),
        ("../../etc/passwd", "OWNER/NAME"),
        ("a/..", "OWNER/NAME"),
        ("yiyanghkust/finbert-tone", "model_revision"),
    ],
)
def test_a_name_that_is_refused_is_refused_with_its_reason(model: str, match: str) -> None:
    """A model that does not exist, a look-alike owner, a path, and one without a commit."""
    with pytest.raises(ConfigError, match=match):
        wanted_model(TextsSection(model=model))


def test_the_default_is_pinned_by_commit_and_checksum() -> None:
    """FinBERT, at the commit that holds safetensors."""
    model = wanted_model(TextsSection())

    assert model.name == "ProsusAI/finbert"
    assert len(model.revision) == 40
    assert len(model.checksums[WEIGHTS]) == 64


def test_another_revision_has_no_known_checksum() -> None:
    """An operator may pin another commit; then its first fetch is trusted."""
    model = wanted_model(TextsSection(model_revision=REVISION))

    assert (model.revision, model.checksums) == (REVISION, {})


def test_plain_http_is_for_this_machine_alone(tmp_path: Path) -> None:
    """Nothing is fetched that anybody on the way could change."""
    section = TextsSection(hub_url="http://example.com")

    with pytest.raises(ConfigError, match="https"):
        fetch_model(MODEL, section, HubFolder(tmp_path), lambda name, size: None)
