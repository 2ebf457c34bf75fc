"""A trained model as one frozen value, and as JSON files that read back bit for bit.

Everything scoring needs and nothing that can run code; reading checks every part of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from numpy.typing import NDArray

from leadqual.errors import BundleError
from leadqual.features.document import Document, write_document
from leadqual.features.encoder import Encoder
from leadqual.qualify.additive import AdditiveModel
from leadqual.qualify.amount import AmountModel
from leadqual.qualify.conversion import ConversionModel
from leadqual.qualify.predict import Predictor
from leadqual.qualify.reasons import Explainer
from leadqual.qualify.reference import CONVERSION, TARGETS, Reference
from leadqual.qualify.score import Head

FORMAT: Final = 2
"""Raised when a reader of this format would misread a new bundle."""

BUNDLE_FILES: Final = (
    "bundle.json",
    "features.json",
    "heads.json",
    "conversion.json",
    "amount.json",
    "reference.json",
)

Tables = Mapping[str, NDArray[Any]]
"""The arrays that the models of a bundle are compiled to, by name."""

_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, eq=False, kw_only=True)
class ModelBundle:
    """Everything that answers for a lead.

    Parameters
    ----------
    version : str
        Letters, digits, dots, dashes and underscores; at most 100.
    created_at : datetime
        Aware.
    encoder : Encoder
        All models below read its matrix.
    heads : mapping of Head to AdditiveModel
        A head that is absent could not be learned: the written rules answer for it.
    conversion : ConversionModel, optional
        None where conversion could not be learned: the written rules answer.
    amount : AmountModel
        `AmountModel.constant` where amounts are not known.
    reference : Reference
        What the training leads looked like: percentiles and observed rates for reasons.
    summary : mapping of str to JSON values
        How it was trained, for cards and lists; scoring does not read it.

    is_rules : bool
        Whether this is the written rules and not a trained model; never stored.

    Raises
    ------
    BundleError
        If parts contradict each other.
    """

    version: str
    created_at: datetime
    encoder: Encoder
    heads: Mapping[Head, AdditiveModel]
    conversion: ConversionModel | None
    amount: AmountModel
    reference: Reference
    summary: Mapping[str, object] = field(default_factory=dict)
    is_rules: bool = False

    def __post_init__(self) -> None:
        if not _VERSION.fullmatch(self.version):
            raise BundleError("bundle: version must be 1 to 100 of A-Z a-z 0-9 . _ -")
        if self.created_at.tzinfo is None:
            raise BundleError("bundle: created_at has no time zone")
        models = [*self.heads.values(), self.amount.log_usd]
        if self.conversion is not None:
            models.extend(self.conversion.models)
            if self.conversion.heads_weight > 0 and set(self.heads) != set(Head):
                raise BundleError("conversion: heads_weight is above 0 but a head is absent")
        if any(model.width != self.encoder.width for model in models):
            raise BundleError(f"bundle: a model is not {self.encoder.width} columns wide")
        self.reference.check(self.encoder)

    def answers_for(self, target: str) -> bool:
        """Say whether a model was learned for a head or for `conversion`."""
        return self.conversion is not None if target == CONVERSION else target in self.heads

    @cached_property
    def learned(self) -> tuple[int, ...]:
        """Return the places in `TARGETS` of what a model was learned for."""
        return tuple(i for i, target in enumerate(TARGETS) if self.answers_for(target))

    @cached_property
    def explainer(self) -> Explainer:
        """Return what puts reasons of this bundle into words."""
        return Explainer(self.encoder, self.reference, by_rules=self.is_rules)

    @cached_property
    def predictor(self) -> Predictor:
        """Return the models compiled for scoring; built on first use, a fraction of a second.

        Raises
        ------
        BundleError
            If a tree is deeper than 8 or the tables would be too large.
        """
        return self._predictor_of(None)

    def _predictor_of(self, tables: Tables | None) -> Predictor:
        return Predictor(
            self.encoder,
            self.heads,
            conversion=self.conversion,
            amount=self.amount,
            tables=tables,
        )


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
    conversion = None if bundle.conversion is None else bundle.conversion.as_dict()
    return {
        "bundle.json": write_document(about),
        "features.json": write_document(bundle.encoder.as_dict()),
        "heads.json": write_document({
            head.value: model.as_dict() for head, model in bundle.heads.items()
        }),
        "conversion.json": write_document({"conversion": conversion}),
        "amount.json": write_document(bundle.amount.as_dict()),
        "reference.json": write_document(bundle.reference.as_dict()),
    }


def bundle_from_files(files: Mapping[str, bytes], *, tables: Tables | None = None) -> ModelBundle:
    """Read a bundle; other files beside `BUNDLE_FILES` are ignored.

    Parameters
    ----------
    files : mapping of str to bytes
        By name.
    tables : mapping of str to ndarray, optional
        `Predictor.tables` of the same files, by the same program; else they are compiled now.

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
    conversion = documents["conversion.json"].record("conversion")["conversion"]
    bundle = ModelBundle(
        version=about["version"].text(),
        created_at=_read_time(about["created_at"]),
        encoder=encoder,
        heads=_read_heads(documents["heads.json"], encoder.width),
        conversion=None
        if conversion.value is None
        else ConversionModel.from_document(conversion, width=encoder.width),
        amount=AmountModel.from_document(documents["amount.json"], width=encoder.width),
        reference=Reference.from_document(documents["reference.json"]),
        summary={name: item.value for name, item in about["summary"].members().items()},
    )
    # A bundle that cannot be compiled is refused here, not by a request. `cached_property` keeps
    # what it made in this place.
    vars(bundle)["predictor"] = bundle._predictor_of(tables)
    return bundle


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
