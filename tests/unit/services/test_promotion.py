import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import JsonValue

from leadqual.config import Settings
from leadqual.errors import (
    BundleError,
    ConflictError,
    PermissionDeniedError,
    PromotionRefusedError,
    UnknownVersionError,
)
from leadqual.leads.flat import flatten_lead
from leadqual.qualify.bundle import bundle_files
from leadqual.registry.local import GoldenInput
from leadqual.services.calls import ROLE_SCOPES, Call, Role
from leadqual.services.idempotent import Once
from leadqual.services.scoring import columns_of
from leadqual.services.workshop import OPERATOR, Workshop, call_of_operator, open_workshop
from leadqual.testing import START, make_bundle, make_lead, make_serving


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    with open_workshop(Settings(home=tmp_path / "home")) as opened:
        yield opened


CALL = call_of_operator(START)


def register(workshop: Workshop, version: str, **metadata: JsonValue) -> None:
    columns = columns_of([flatten_lead(make_lead(number)) for number in range(5)])
    workshop.registry.save(
        bundle_files(make_bundle(version)),
        version=version,
        metadata=metadata,
        documents={"card.md": "# card"},
        golden=GoldenInput(columns=columns, n_leads=5),
    )


def test_promoted_version_serves_and_rollback_returns_to_the_one_before(
    workshop: Workshop,
) -> None:
    register(workshop, "2026-11-20-1")
    register(workshop, "2026-11-21-1")

    workshop.models.promote("2026-11-20-1", call=CALL)
    promoted = workshop.models.promote("2026-11-21-1", call=CALL).value
    returned = workshop.models.rollback(call=CALL).value

    assert (promoted.champion, promoted.previous) == ("2026-11-21-1", "2026-11-20-1")
    assert (returned.champion, returned.previous) == ("2026-11-20-1", "2026-11-21-1")
    assert workshop.models.aliases() == returned


def test_promoting_the_champion_again_keeps_the_way_back(workshop: Workshop) -> None:
    register(workshop, "2026-11-20-1")
    register(workshop, "2026-11-21-1")
    workshop.models.promote("2026-11-20-1", call=CALL)
    workshop.models.promote("2026-11-21-1", call=CALL)

    again = workshop.models.promote("2026-11-21-1", call=CALL).value

    assert again.previous == "2026-11-20-1"


def test_damaged_or_unknown_bundle_is_refused_and_the_old_champion_stays(
    workshop: Workshop,
) -> None:
    register(workshop, "2026-11-20-1")
    register(workshop, "2026-11-21-1")
    workshop.models.promote("2026-11-20-1", call=CALL)
    folder = workshop.registry.models_dir / "2026-11-21-1"
    (folder / "heads.json").write_text("{}", encoding="utf-8")

    with pytest.raises(BundleError, match=r"heads\.json"):
        workshop.models.promote("2026-11-21-1", call=CALL)
    with pytest.raises(UnknownVersionError):
        workshop.models.promote("2026-11-22-1", call=CALL)
    assert workshop.models.aliases().champion == "2026-11-20-1"


def test_rollback_to_a_version_that_is_gone_is_refused(workshop: Workshop) -> None:
    register(workshop, "2026-11-20-1")
    register(workshop, "2026-11-21-1")
    workshop.models.promote("2026-11-20-1", call=CALL)
    workshop.models.promote("2026-11-21-1", call=CALL)
    shutil.rmtree(workshop.registry.models_dir / "2026-11-20-1")

    with pytest.raises(UnknownVersionError):
        workshop.models.rollback(call=CALL)
    assert workshop.models.aliases().champion == "2026-11-21-1"


def test_version_that_the_gate_refused_needs_a_reason_that_is_kept(workshop: Workshop) -> None:
    refused: JsonValue = {"promote": False, "reasons": ["log loss is worse by 0.01"]}
    register(workshop, "2026-11-21-1", gate=refused)

    with pytest.raises(PromotionRefusedError, match="log loss is worse"):
        workshop.models.promote("2026-11-21-1", call=CALL)
    workshop.models.promote("2026-11-21-1", call=CALL, force_reason="the champion is broken")

    with workshop.store.read() as tx:
        entries = [entry for batch in tx.audit.iter_all(100) for entry in batch]
    assert workshop.models.aliases().champion == "2026-11-21-1"
    assert entries[-1].actor == "operator"
    assert entries[-1].detail["reason"] == "the champion is broken"


def test_only_those_who_may_promote_do(workshop: Workshop) -> None:
    register(workshop, "2026-11-21-1")
    rep = Call(replace(OPERATOR, name="ada", scopes=ROLE_SCOPES[Role.MRR]), START)

    with pytest.raises(PermissionDeniedError):
        workshop.models.promote("2026-11-21-1", call=rep)
    with pytest.raises(PermissionDeniedError):
        workshop.models.rollback(call=rep)
    with pytest.raises(PermissionDeniedError):
        workshop.models.list(call=rep)


def test_first_rollback_has_nowhere_to_go(workshop: Workshop) -> None:
    register(workshop, "2026-11-21-1")
    workshop.models.promote("2026-11-21-1", call=CALL)

    with pytest.raises(ConflictError, match="no previous champion"):
        workshop.models.rollback(call=CALL)


def test_repeated_request_promotes_once(workshop: Workshop) -> None:
    register(workshop, "2026-11-20-1")
    register(workshop, "2026-11-21-1")
    workshop.models.promote("2026-11-20-1", call=CALL)
    once = replace(CALL, once=Once.of("k", scope="operator:promote", body=b"2026-11-21-1"))

    first = workshop.models.promote("2026-11-21-1", call=once)
    workshop.models.promote("2026-11-20-1", call=CALL)
    second = workshop.models.promote("2026-11-21-1", call=once)

    assert second.replayed
    assert second.value == first.value
    assert workshop.models.aliases().champion == "2026-11-20-1"


def test_list_names_aliases_and_what_may_not_be_served(workshop: Workshop) -> None:
    for version in ("2026-11-20-1", "2026-11-21-1", "2026-11-22-1"):
        register(workshop, version, headline="AUC 0.71")
    workshop.models.promote("2026-11-21-1", call=CALL)
    (workshop.registry.models_dir / "2026-11-20-1" / "manifest.sig").write_text("0" * 64)

    views = workshop.models.list(call=CALL)

    assert [view.version for view in views] == ["2026-11-22-1", "2026-11-21-1", "2026-11-20-1"]
    assert [view.alias for view in views] == [None, "champion", None]
    assert views[1].metadata["headline"] == "AUC 0.71"
    assert views[1].problem is None
    assert "not signed" in str(views[2].problem)


def test_running_service_follows_promotion_and_keeps_its_model_when_the_next_is_broken(
    tmp_path: Path,
) -> None:
    serving = make_serving(tmp_path, bundle=make_bundle("2026-11-20-1"))
    try:
        with serving.store.transaction() as tx:
            tx.aliases.set(
                "champion", "2026-11-21-9", actor="test", at=START, reason="a broken version"
            )
        serving.scorer.refresh(START)

        assert serving.scorer.live.model_version == "2026-11-20-1"
        assert any("2026-11-21-9" in problem for problem in serving.scorer.live.problems)
    finally:
        serving.close()
