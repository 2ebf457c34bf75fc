"""Every exception that leadqual raises on purpose.

::

    LeadqualError
    ├── ConfigError             a setting is missing, malformed or unsafe
    ├── InputError              something given to us cannot be used; nothing was written
    │   ├── FileFormatError     an input file cannot be read as what it should be
    │   ├── MappingError        a mapping file is wrong or names what the data lacks
    │   ├── StandardError       a written standard is malformed
    │   └── LeakageError        columns known only after the outcome are among the features
    ├── TrainingError           a history cannot be learned from
    │   └── NotEnoughDataError  too few labelled leads for the asked-for model
    ├── BundleError             a model bundle is missing, foreign, damaged or refused
    │   ├── SignatureError      its manifest was not signed by this deployment
    │   └── UnknownVersionError no such model version
    ├── PromotionRefusedError   the gate judged a candidate worse than the champion
    ├── StoreError              the database cannot do what was asked
    │   ├── SchemaVersionError  its schema is older or newer than this program
    │   ├── NotFoundError       no such lead, item, user, key or standard
    │   ├── ConflictError       the record is not in a state that allows this
    │   │   └── StaleTokenError the lease was lost: somebody else holds the lead now
    │   ├── IdempotencyError    the key was used before with another body
    │   └── BusyError           too much is waiting to be written; nothing was done
    └── AccessError             who is asking may not do this
        ├── AuthenticationError credentials are missing, wrong, expired or revoked
        ├── PermissionDeniedError  known, but lacks the scope or role
        └── ThrottledError      too many wrong attempts; wait

Expected business outcomes are not exceptions: a lead that cannot be used is a
`leads.Rejected`, a gate that refuses is a `learning.Verdict`.
"""

from __future__ import annotations

from collections.abc import Sequence


class LeadqualError(Exception):
    """Say what was given, what was expected and what to do."""


class ConfigError(LeadqualError):
    """Report a setting that is missing, malformed or unsafe."""


class InputError(LeadqualError):
    """Report input that cannot be used; nothing was written."""


class FileFormatError(InputError):
    """Report a file that cannot be read as what it should be."""


class MappingError(InputError):
    """Report a mapping file that is wrong or names what the data lacks.

    Parameters
    ----------
    problems : sequence of str
        Every problem found, not only the first; each says where and what to do.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class StandardError(InputError):
    """Report a written standard that is malformed."""


class LeakageError(InputError):
    """Report features that are known only after the outcome.

    Parameters
    ----------
    findings : mapping of str to str
        Column name to the reason why it is taken for a leak.
    """

    def __init__(self, findings: dict[str, str]) -> None:
        listed = "".join(f"\n  {name}: {why}" for name, why in findings.items())
        super().__init__(
            f"training stopped, {len(findings)} column(s) look known only after the "
            f"outcome:{listed}\nList them under `never:` in the mapping, or say with "
            "`--allow-leaks REASON` why they were known when the lead came."
        )
        self.findings = findings


class TrainingError(LeadqualError):
    """Report a history that cannot be learned from."""


class NotEnoughDataError(TrainingError):
    """Report too few labelled leads for the model asked for."""


class BundleError(LeadqualError):
    """Report a model bundle that is missing, foreign, damaged or refused."""


class SignatureError(BundleError):
    """Report a manifest that this deployment did not sign."""


class UnknownVersionError(BundleError):
    """Report a model version that does not exist."""


class PromotionRefusedError(LeadqualError):
    """Report a candidate that the gate judged worse than the champion."""


class StoreError(LeadqualError):
    """Report that the database cannot do what was asked."""


class SchemaVersionError(StoreError):
    """Report a schema that is older or newer than this program."""


class NotFoundError(StoreError):
    """Report a lead, item, user, key or standard that does not exist."""


class ConflictError(StoreError):
    """Report a record whose state does not allow what was asked.

    Parameters
    ----------
    message : str
        What was asked and why it is not possible now.
    allowed : sequence of str
        What the present state does allow; empty when nothing does.
    """

    def __init__(self, message: str, *, allowed: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.allowed = tuple(allowed)


class StaleTokenError(ConflictError):
    """Report an action under a lease that somebody else holds now."""


class IdempotencyError(StoreError):
    """Report an idempotency key that was used before with another body."""


class BusyError(StoreError):
    """Report that too much is waiting to be written; nothing was done, send it again."""


class AccessError(LeadqualError):
    """Report that whoever asks may not do this."""


class AuthenticationError(AccessError):
    """Report credentials that are missing, wrong, expired or revoked."""


class PermissionDeniedError(AccessError):
    """Report a known caller without the scope or role for this."""


class ThrottledError(AccessError):
    """Report too many wrong attempts.

    Parameters
    ----------
    message : str
        What was tried too often.
    retry_after_seconds : int
        When the next attempt will be looked at.
    """

    def __init__(self, message: str, *, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
