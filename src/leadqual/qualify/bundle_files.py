"""A model bundle as files: JSON whose numbers read back bit for bit, checked in full."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from leadqual.errors import BundleError
from leadqual.features.document import Document, write_document
from leadqual.features.encoder import Encoder
from leadqual.qualify.additive import AdditiveModel
from leadqual.qualify.bundle import MAX_USD, AmountModel, ConversionModel, ModelBundle, StageModel
from leadqual.qualify.reference import Reference
from leadqual.qualify.score import Head

FORMAT: Final = 1
"""Raised when a reader of this format would misread a new bundle."""

BUNDLE_FILES: Final = (
    "bundle.json",
    "features.json",
    "heads.json",
    "conversion.json",
    "amount.json",
    "reference.json",
)
_MAX_STAGES: Final = 10


def bundle_files(bundle: ModelBundle) -> dict[str, bytes]:
    """Return the files of a bundle, by name.

    Raises
    ------
    BundleError
        If the summary holds what JSON cannot.
    """
    about = {
        "format": FORMAT,
        "version": bundle.version,
        "created_at": bundle.created_at.isoformat(),
        "summary": dict(bundle.summary),
    }
    conversion = None if bundle.conversion is None else _conversion_dict(bundle.conversion)
    return {
        "bundle.json": write_document(about),
        "features.json": write_document(bundle.encoder.as_dict()),
        "heads.json": write_document({
            head.value: model.as_dict() for head, model in bundle.heads.items()
        }),
        "conversion.json": write_document({"conversion": conversion}),
        "amount.json": write_document({
            "log_usd": bundle.amount.log_usd.as_dict(),
            "smearing": bundle.amount.smearing,
            "cap_usd": bundle.amount.cap_usd,
        }),
        "reference.json": write_document(bundle.reference.as_dict()),
    }


def bundle_from_files(files: Mapping[str, bytes]) -> ModelBundle:
    """Read a bundle; other files beside `BUNDLE_FILES` are ignored.

    Raises
    ------
    BundleError
        If a file is missing or anything in one is missing, unknown, of the wrong type, out of
        range, not finite, cyclic, too large or contradictory; the message says what and where.
    """
    missing = [name for name in BUNDLE_FILES if name not in files]
    if missing:
        raise BundleError(f"bundle: missing {', '.join(missing)}; train or copy it again")
    documents = {name: Document.parse(files[name], where=name) for name in BUNDLE_FILES}
    about = documents["bundle.json"].record("format", "version", "created_at", "summary")
    if about["format"].integer() != FORMAT:
        raise BundleError(f"bundle.json.format: this program reads format {FORMAT}; train again")
    encoder = Encoder.from_document(documents["features.json"])
    return ModelBundle(
        version=about["version"].text(),
        created_at=_read_time(about["created_at"]),
        encoder=encoder,
        heads=_read_heads(documents["heads.json"], encoder.width),
        conversion=_read_conversion(
            documents["conversion.json"].record("conversion")["conversion"], encoder.width
        ),
        amount=_read_amount(documents["amount.json"], encoder.width),
        reference=Reference.from_document(documents["reference.json"]),
        summary={name: item.value for name, item in about["summary"].members().items()},
    )


def _conversion_dict(conversion: ConversionModel) -> dict[str, object]:
    """Return a conversion model as JSON values."""
    return {
        "stages": [
            {
                "name": stage.name,
                "model": stage.model.as_dict(),
                "is_with_heads": stage.is_with_heads,
            }
            for stage in conversion.stages
        ],
        "direct": None if conversion.direct is None else conversion.direct.as_dict(),
        "need": None if conversion.need is None else conversion.need.as_dict(),
        "need_floor": conversion.need_floor,
        "stage_weight": conversion.stage_weight,
        "direct_weight": conversion.direct_weight,
        "heads_weight": conversion.heads_weight,
        "shift": conversion.shift,
    }


def _read_time(document: Document) -> datetime:
    """Read an ISO 8601 time."""
    try:
        return datetime.fromisoformat(document.text())
    except ValueError as error:
        raise BundleError(f"{document.where}: not an ISO 8601 time") from error


def _read_heads(document: Document, width: int) -> dict[Head, AdditiveModel]:
    """Read the heads that were learned."""
    members = document.members()
    if not set(members) <= set(Head):
        raise BundleError(f"{document.where}: unknown head, expected {', '.join(Head)}")
    return {
        Head(name): AdditiveModel.from_document(item, width=width) for name, item in members.items()
    }


def _read_conversion(document: Document, width: int) -> ConversionModel | None:
    """Read the conversion model, None where there is none."""
    if document.value is None:
        return None
    entry = document.record(
        "stages",
        "direct",
        "need",
        "need_floor",
        "stage_weight",
        "direct_weight",
        "heads_weight",
        "shift",
    )
    stages = entry["stages"].array()
    if len(stages) > _MAX_STAGES:
        raise BundleError(f"{document.where}.stages: too large (at most {_MAX_STAGES})")
    return ConversionModel(
        stages=tuple(_read_stage(stage, width) for stage in stages),
        direct=_read_optional(entry["direct"], width),
        need=_read_optional(entry["need"], width),
        need_floor=entry["need_floor"].number(low=0, high=1),
        stage_weight=entry["stage_weight"].number(low=0, high=1),
        direct_weight=entry["direct_weight"].number(low=0, high=1),
        heads_weight=entry["heads_weight"].number(low=0, high=1),
        shift=entry["shift"].number(),
    )


def _read_stage(document: Document, width: int) -> StageModel:
    """Read one step of the funnel."""
    entry = document.record("name", "model", "is_with_heads")
    return StageModel(
        name=entry["name"].text(),
        model=AdditiveModel.from_document(entry["model"], width=width),
        is_with_heads=entry["is_with_heads"].boolean(),
    )


def _read_optional(document: Document, width: int) -> AdditiveModel | None:
    """Read a model that may be null."""
    return None if document.value is None else AdditiveModel.from_document(document, width=width)


def _read_amount(document: Document, width: int) -> AmountModel:
    """Read the amount model."""
    entry = document.record("log_usd", "smearing", "cap_usd")
    return AmountModel(
        log_usd=AdditiveModel.from_document(entry["log_usd"], width=width),
        smearing=entry["smearing"].number(low=0, high=MAX_USD),
        cap_usd=entry["cap_usd"].number(low=0, high=MAX_USD),
    )
