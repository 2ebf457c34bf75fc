"""Addresses whose hosts are all different, and which are all the same to the rules."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import pyarrow as pa
from pyarrow import compute

from leadqual.leads.addresses import special_hosts
from leadqual.leads.schema import Scalar

Values = tuple[Scalar, ...]
"""What one cell gives for each of the flat names of its field."""

_NAME: Final = "[0-9a-z]+(?:-[0-9a-z]+)*"
_LOCAL: Final = "[0-9a-z]+(?:[._+-][0-9a-z]+)*@"
_PLAIN: Final = re.compile(rf"(?:{_LOCAL})?{_NAME}\.([a-z]{{2,20}})")
_MAX_LENGTH: Final = 64
_MAX_TLDS: Final = 64
_NOT: Final = pa.scalar(False)  # noqa: FBT003 - Arrow takes the value
_NOBODYS: Final = "a-name-that-nobody-has"


class UsualHosts:
    """Finds addresses at a host of their owner: `name.tld`, where the rules look at the end only.

    Parameters
    ----------
    levels : frozenset of str
        Hosts that are told apart.
    evaluate : callable
        The rules: from an address to what it gives, None where it is refused.
    is_mail : bool
        Whether addresses are of e-mail; else they are hosts alone.
    """

    def __init__(
        self,
        levels: frozenset[str],
        evaluate: Callable[[object], Values | None],
        is_mail: bool,  # noqa: FBT001 - the third of three
    ) -> None:
        self._evaluate = evaluate
        self._is_mail = is_mail
        self._is_usual: dict[str, bool] = {}
        self._told = pa.array(sorted(levels | special_hosts()), type=pa.string())
        self.stand_in = self._address("com")
        """The address that stands for all of them."""

    def are_own(self, addresses: pa.Array) -> pa.Array:
        """Return which addresses, lower-case, give what `stand_in` gives; never null."""
        usual = sorted(tld for tld, is_usual in self._is_usual.items() if is_usual)
        if not usual:
            return pa.repeat(_NOT, len(addresses))
        local = _LOCAL if self._is_mail else ""
        form = f"^{local}{_NAME}\\.(?:{'|'.join(usual)})$"
        is_own = compute.match_substring_regex(addresses, form)
        if (compute.max(compute.binary_length(addresses)).as_py() or 0) > _MAX_LENGTH:
            is_short = compute.less_equal(compute.binary_length(addresses), _MAX_LENGTH)
            is_own = compute.and_(is_own, is_short)
        is_own = compute.fill_null(is_own, _NOT)
        is_told = compute.is_in(self._hosts(addresses), value_set=self._told)
        return compute.and_not(is_own, is_told)

    def learn(self, addresses: pa.Array) -> None:
        """Find out about top-level domains that were not met before; for the next addresses."""
        for address in addresses.to_pylist():
            found = _PLAIN.fullmatch(address)
            if found is None or found[1] in self._is_usual or len(self._is_usual) >= _MAX_TLDS:
                continue
            values = self._evaluate(self._address(found[1]))
            self._is_usual[found[1]] = values is not None and values[0] == f"{_NOBODYS}.{found[1]}"

    def _address(self, tld: str) -> str:
        return f"{'x@' if self._is_mail else ''}{_NOBODYS}.{tld}"

    def _hosts(self, addresses: pa.Array) -> pa.Array:
        """Return what stands behind the @, null where there is none."""
        if not self._is_mail:
            return addresses
        parts = compute.split_pattern(addresses, "@", max_splits=1)
        is_split = compute.fill_null(compute.equal(compute.list_value_length(parts), 2), _NOT)
        hosts = compute.list_element(parts.filter(is_split), 1)
        return compute.replace_with_mask(pa.nulls(len(parts), pa.string()), is_split, hosts)
