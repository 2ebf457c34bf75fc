import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from leadqual.errors import BundleError
from leadqual.outcomes.history import Columns
from leadqual.qualify.amount import AmountModel
from leadqual.qualify.bundle import BUNDLE_FILES, ModelBundle, bundle_files, bundle_from_files
from leadqual.qualify.score import Head

Files = dict[str, bytes]
N = 1_500


def test_reading_back_gives_the_same_bits(bundle: ModelBundle, columns: Columns):
    files = bundle_files(bundle)
    again = bundle_from_files(files)
    leads = bundle.encoder.encode(columns, n_leads=N)

    before = bundle.predictor.predict(leads, explain=True)
    after = again.predictor.predict(leads, explain=True)

    assert bundle_files(again) == files
    assert (after.p == before.p).all()
    assert (after.amount_usd == before.amount_usd).all()
    assert after.contributions is not None
    assert (after.contributions == before.contributions).all()
    assert again.summary == bundle.summary


def test_models_taken_as_compiled_before_answer_with_the_same_bits(
    bundle: ModelBundle, columns: Columns
):
    files, leads = bundle_files(bundle), bundle.encoder.encode(columns, n_leads=N)
    tables = bundle_from_files(files).predictor.tables()

    again = bundle_from_files(files, tables=tables).predictor.predict(leads, explain=True)

    assert any(name.startswith("trees.") for name in tables)
    before = bundle.predictor.predict(leads, explain=True)
    assert again.p.tobytes() == before.p.tobytes()
    assert again.contributions is not None
    assert before.contributions is not None
    assert again.contributions.tobytes() == before.contributions.tobytes()


def test_a_bundle_without_heads_or_conversion_reads_back(bundle: ModelBundle):
    bare = replace(bundle, heads={}, conversion=None, summary={})

    again = bundle_from_files(bundle_files(bare))

    assert again.heads == {}
    assert again.conversion is None


def test_other_files_beside_the_bundle_are_ignored(bundle: ModelBundle):
    files = {**bundle_files(bundle), "card.md": b"# card", "golden.json": b"{"}

    assert bundle_from_files(files).version == bundle.version


@pytest.mark.parametrize("name", BUNDLE_FILES)
def test_a_missing_or_unreadable_file_is_named(bundle: ModelBundle, name: str):
    files = bundle_files(bundle)

    with pytest.raises(BundleError, match=f"missing {name}"):
        bundle_from_files({key: content for key, content in files.items() if key != name})
    with pytest.raises(BundleError, match=f"{name}: not readable as JSON"):
        bundle_from_files({**files, name: files[name][: len(files[name]) // 2]})


def edited(name: str, edit: Callable[[dict], object]) -> Callable[[Files], Files]:  # type: ignore[type-arg]  # free JSON
    """Return what changes one stored file."""

    def change(files: Files) -> Files:
        stored = json.loads(files[name])
        edit(stored)
        return {**files, name: json.dumps(stored).encode()}

    return change


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (edited("bundle.json", lambda d: d.update(format=1)), "reads format 2"),
        (edited("bundle.json", lambda d: d.update(version="../up")), "version must be"),
        (edited("bundle.json", lambda d: d.update(created_at="today")), "not an ISO 8601 time"),
        (edited("bundle.json", lambda d: d.update(created_at="2026-11-21")), "no time zone"),
        (edited("heads.json", lambda d: d.update(charm=d["fit"])), "unknown head"),
        (edited("heads.json", lambda d: d["fit"]["coef"].pop()), r"heads.json.fit.coef: has"),
        (edited("heads.json", lambda d: d["fit"].update(shift=float("nan"))), "NaN is not allowed"),
        (edited("heads.json", lambda d: d["fit"].update(shift=None)), "fit.shift: found null"),
        (edited("heads.json", lambda d: d.pop("fit")), "a head is absent"),
        (
            edited("heads.json", lambda d: d["fit"]["trees"]["left"].__setitem__(0, 0)),
            r"heads.json.fit.trees.*cyclic tree",
        ),
        (
            edited("conversion.json", lambda d: d["conversion"].update(stage_weight=0.9)),
            "sum to 1",
        ),
        (
            edited("conversion.json", lambda d: d["conversion"].update(stages="all")),
            "conversion.json.conversion.stages: found a text, expected a list",
        ),
        (
            edited(
                "conversion.json",
                lambda d: d["conversion"].update(stages=d["conversion"]["stages"] * 6),
            ),
            "stages: too large",
        ),
        (edited("amount.json", lambda d: d.update(smearing=0)), "smearing"),
        (edited("amount.json", lambda d: d.update(cap_usd=1e16)), "amount.json.cap_usd: out of"),
        (edited("reference.json", lambda d: d["ev_quantiles"].reverse()), "ascending"),
        (edited("reference.json", lambda d: d["rates"].update(luck=d["rates"]["fit"])), "target"),
        (
            edited("reference.json", lambda d: d["rates"]["fit"]["levels"].update(nowhere=[0.5])),
            "rates of fit do not match",
        ),
        (edited("features.json", lambda d: d["features"].pop()), "features.json.means"),
    ],
)
def test_a_damaged_bundle_is_refused_with_what_and_where(
    bundle: ModelBundle, change: Callable[[Files], Files], why: str
):
    files = change(bundle_files(bundle))

    with pytest.raises(BundleError, match=why):
        bundle_from_files(files)


def test_a_naive_time_or_a_model_of_another_width_is_refused(bundle: ModelBundle):
    with pytest.raises(BundleError, match="no time zone"):
        replace(bundle, created_at=datetime(2026, 11, 21))
    with pytest.raises(BundleError, match="columns wide"):
        replace(bundle, amount=AmountModel.constant(1.0, width=1))


def test_a_bundle_says_what_it_learned(bundle: ModelBundle):
    only_fit = replace(bundle, heads={Head.FIT: bundle.heads[Head.FIT]}, conversion=None)

    assert [t for t in (*Head, "conversion") if only_fit.answers_for(t)] == ["fit"]
