"""The store of models: what is put in comes out, and whatever was changed is refused by name."""

import json
import stat
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from blackboard.errors import ArtefactRefused
from models.learning.candidate import Candidate, ForecastEvidence, Trial
from models.market.sessions import DAY_NS
from runtime.artefacts.registry import REGISTRY_FILE, JudgedRow
from runtime.artefacts.seal import KEY_FILE, Seal
from runtime.artefacts.version import ModelRefused, Refusal
from runtime.model_store import KEPT_MAX, MANIFEST_FILE, ModelStore

NOW_NS = 1_736_114_400_000_000_000
SCHEMA = ("x", "y")
NO_ROWS = np.empty(0)
EVIDENCE = ForecastEvidence(
    close_ns=np.empty(0, dtype=np.int64),
    settled_ns=np.empty(0, dtype=np.int64),
    loss=NO_ROWS,
    baseline_loss=NO_ROWS,
    champion_loss=NO_ROWS,
)


def a_candidate(
    number: int = 1, files: Mapping[str, bytes] | None = None, family: str = "har"
) -> Candidate:
    """Return a candidate whose content depends on a number."""
    usual = {
        "model.json": json.dumps({"number": number}).encode(),
        "net.safetensors": save({"w": np.arange(4.0) + number}),
    }
    return Candidate(
        family=family,
        files=usual if files is None else files,
        feature_schema=SCHEMA,
        rows=100,
        trained_until_ns=NOW_NS,
        data_hash="d" * 64,
        evidence=EVIDENCE,
        trials=(Trial(parameters=f'{{"number": {number}}}', score=0.5),),
    )


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    """Return an empty store."""
    return ModelStore(tmp_path / "models", code_hash="c" * 64, expiry_days=30)


def place_of(store: ModelStore, version: str) -> Path:
    """Return the folder of a version."""
    return store.folder / version


def refused(store: ModelStore, version: str, **wanted: object) -> Refusal:
    """Return why a version is not read."""
    with pytest.raises(ModelRefused) as refusal:
        store.read("har", version, **wanted)  # type: ignore[arg-type] # keywords of each test
    return refusal.value.refusal


def test_what_is_stored_comes_back(store: ModelStore) -> None:
    """Files, schema and hashes are those of the candidate, and the version names the content."""
    candidate = a_candidate()

    manifest = store.put(candidate, NOW_NS)
    stored = store.read("har", manifest.version, now_ns=NOW_NS, feature_schema=SCHEMA)

    assert stored.files == dict(candidate.files)
    assert stored.manifest == manifest
    assert manifest.version == f"har/{manifest.content_hash[:12]}"
    assert manifest.code_hash == "c" * 64
    assert manifest.expires_ns == NOW_NS + 30 * DAY_NS


def test_storing_again_changes_nothing(store: ModelStore) -> None:
    """The same candidate is one version and one trial, however often it is put."""
    first = store.put(a_candidate(), NOW_NS)

    assert store.put(a_candidate(), NOW_NS + DAY_NS) == first
    assert store.versions("har") == (first.version,)
    assert len(store.registry().trial_ids("har")) == 1


def test_every_trial_counts_though_its_version_is_gone(store: ModelStore) -> None:
    """Six candidates are six trials, of which the last three versions are kept."""
    manifests = [store.put(a_candidate(number), NOW_NS + number) for number in range(6)]

    assert store.versions("har") == tuple(one.version for one in manifests[-KEPT_MAX:])
    assert len(store.registry().trial_ids("har")) == 6


def test_the_version_that_serves_is_never_forgotten(store: ModelStore) -> None:
    """A champion outlives any number of later candidates."""
    champion = store.put(a_candidate(0), NOW_NS).version
    store.promote("har", champion, NOW_NS)

    for number in range(1, 8):
        store.put(a_candidate(number), NOW_NS + number)

    assert store.registry().champion("har") == champion
    assert store.read("har", champion).manifest.version == champion


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("truncate", Refusal.TRUNCATED),
        ("flip a byte", Refusal.TAMPERED),
        ("edit the manifest", Refusal.TAMPERED),
        ("seal of another", Refusal.TAMPERED),
        ("move", Refusal.TAMPERED),
        ("remove a file", Refusal.MISSING),
        ("remove the manifest", Refusal.MISSING),
        ("add a pickle", Refusal.UNKNOWN_FILE_TYPE),
    ],
)
def test_a_changed_version_is_refused_and_the_champion_stays(
    store: ModelStore, damage: str, reason: Refusal
) -> None:
    """Whatever is changed has its own reason, and cannot be promoted over the one that serves."""
    champion = store.put(a_candidate(1), NOW_NS).version
    store.promote("har", champion, NOW_NS)
    version = store.put(a_candidate(2), NOW_NS).version
    place = place_of(store, version)
    file = place / "model.json"
    match damage:
        case "truncate":
            file.write_bytes(file.read_bytes()[:-1])
        case "flip a byte":
            content = bytearray(file.read_bytes())
            content[-2] ^= 1
            file.write_bytes(bytes(content))
        case "edit the manifest":
            manifest = place / MANIFEST_FILE
            manifest.write_text(manifest.read_text().replace('"rows": 100', '"rows": 999'))
        case "seal of another":
            (place / "manifest.seal").write_text("0" * 64)
        case "move":
            for one in place.iterdir():
                (place_of(store, champion) / one.name).write_bytes(one.read_bytes())
            version = champion
        case "remove a file":
            file.unlink()
        case "remove the manifest":
            (place / MANIFEST_FILE).unlink()
        case _:
            (place / "model.pkl").write_bytes(b"\x80\x04N.")

    assert refused(store, version) is reason
    assert store.registry().champion("har") == champion
    with pytest.raises(ModelRefused):
        store.promote("har", version, NOW_NS)
    assert store.registry().champion("har") == champion


def test_other_columns_and_old_models_are_refused(store: ModelStore) -> None:
    """A model that reads other columns, or whose time is over, is not used."""
    version = store.put(a_candidate(), NOW_NS).version

    assert refused(store, version, feature_schema=("y", "x")) is Refusal.WRONG_SCHEMA
    assert refused(store, version, now_ns=NOW_NS + 30 * DAY_NS + 1) is Refusal.EXPIRED
    assert refused(store, "har/0123456789ab") is Refusal.MISSING
    assert refused(store, "har/../../etc") is Refusal.MISSING


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("model.pkl", b"\x80\x04N.", Refusal.UNKNOWN_FILE_TYPE),
        ("model.json", b"\x80\x04N.", Refusal.UNKNOWN_FILE_TYPE),
        ("model.ubj", b"\x80\x04N.", Refusal.UNKNOWN_FILE_TYPE),
        ("model.skops", b"\x80\x04N.", Refusal.UNKNOWN_FILE_TYPE),
        ("net.safetensors", b"\x80\x04N.", Refusal.UNKNOWN_FILE_TYPE),
        ("../model.json", b"{}", Refusal.UNKNOWN_FILE_TYPE),
        ("model.json", b'{"x": NaN}', Refusal.NOT_FINITE),
        ("model.json", b'{"x": -Infinity}', Refusal.NOT_FINITE),
        ("net.safetensors", save({"w": np.array([1.0, np.nan])}), Refusal.NOT_FINITE),
    ],
)
def test_what_could_run_code_or_is_not_finite_never_comes_in(
    store: ModelStore, name: str, content: bytes, reason: Refusal
) -> None:
    """A candidate with such a file is refused before anything of it is written."""
    with pytest.raises(ModelRefused) as refusal:
        store.put(a_candidate(files={name: content}), NOW_NS)

    assert refusal.value.refusal is reason
    assert store.versions("har") == ()


def test_rolling_back_goes_to_what_served_before(store: ModelStore) -> None:
    """From the third version to the second, to the first, to the baseline, and never forth."""
    versions = [store.put(a_candidate(number), NOW_NS + number).version for number in range(3)]
    for version in versions:
        store.promote("har", version, NOW_NS)

    served = [store.roll_back("har", "by hand", NOW_NS).version for _ in range(3)]

    assert served == [versions[1], versions[0], ""]


def test_rolling_back_passes_over_what_cannot_be_read(store: ModelStore) -> None:
    """A damaged version does not serve again, the one before it does."""
    versions = [store.put(a_candidate(number), NOW_NS + number).version for number in range(3)]
    for version in versions:
        store.promote("har", version, NOW_NS)
    (place_of(store, versions[1]) / "model.json").unlink()

    assert store.roll_back("har", "by hand", NOW_NS).version == versions[0]


def test_the_key_is_private_and_told_to_nobody(store: ModelStore) -> None:
    """Its file is this user's alone, and its text appears nowhere."""
    key = store.folder / KEY_FILE

    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.read_bytes().hex() not in repr(Seal(store.folder))


def test_another_key_accepts_nothing(store: ModelStore) -> None:
    """Who makes a key of his own makes no manifest that was accepted before."""
    version = store.put(a_candidate(), NOW_NS).version
    (store.folder / KEY_FILE).write_bytes(b"k" * 32)

    with pytest.raises(ArtefactRefused):
        ModelStore(store.folder).registry()
    assert refused(ModelStore(store.folder), version) is Refusal.TAMPERED


def test_a_removed_trial_breaks_the_record(store: ModelStore) -> None:
    """The number of trials cannot be made smaller by taking a line away."""
    for number in range(3):
        store.put(a_candidate(number), NOW_NS)
    path = store.folder / REGISTRY_FILE
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:1] + lines[2:]))

    with pytest.raises(ArtefactRefused, match="row 2"):
        store.registry()


def test_a_torn_last_line_is_no_row(store: ModelStore) -> None:
    """What a power cut left of a row is cut off, and the next row follows the last whole one."""
    store.put(a_candidate(1), NOW_NS)
    path = store.folder / REGISTRY_FILE
    with path.open("ab") as file:
        file.write(b"0123 {")
    verdict = JudgedRow(
        family="har",
        at_ns=NOW_NS,
        version="har/0",
        is_promoted=False,
        failed_gate="forecast.loss_ratio",
        detail="",
        effective_trials=1.0,
    )

    store.note_verdict(verdict)
    store.note_verdict(verdict)

    assert store.registry().judged("har") == (verdict,)
