"""Addresses whose hosts are all different, and which are all the same to the rules."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute

from leadqual.leads.addresses import special_hosts
from leadqual.leads.schema import Scalar
from leadqual.services.batch_texts import codes_of

Values = tuple[Scalar, ...]
"""What one cell gives for each of the flat names of its field."""

_NAME: Final = "[0-9a-z]+(?:-[0-9a-z]+)*"
_MAIL: Final = "^[0-9a-z]+(?:[._+-][0-9a-z]+)*@[0-9a-z.-]+$"
_PLAIN: Final = re.compile(rf"{_NAME}\.([a-z]{{2,20}})")
_MAX_LENGTH: Final = 64
_MAX_TLDS: Final = 64
_NOBODYS: Final = "a-name-that-nobody-has"


class UsualHosts:
    """Reads addresses by their hosts, and lets one stand for all that no rule is about.

    What is before the @ of a plain address changes nothing, so each host is asked about once; and
    of `name.tld` the rules look at the end only.

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

    def reduce(self, text: pa.Array) -> tuple[list[object], NDArray[np.intp]]:
        """Return addresses that say what those of a column say, and which of them each row has."""
        if self._is_mail:
            return self._reduce_mail(compute.ascii_lower(text))
        encoded = text if pa.types.is_dictionary(text.type) else text.dictionary_encode()
        cells, places = self._stand_ins(compute.ascii_lower(encoded.dictionary))
        places = np.append(places, len(cells))
        return [*cells, None], places[codes_of(encoded)]

    def _reduce_mail(self, addresses: pa.Array) -> tuple[list[object], NDArray[np.intp]]:
        """Do so for addresses of e-mail, lower-case."""
        is_plain = compute.and_(
            compute.match_substring_regex(addresses, _MAIL),
            compute.less_equal(compute.binary_length(addresses), _MAX_LENGTH),
        )
        is_plain = is_plain.fill_null(False)  # noqa: FBT003 - Arrow takes the value
        hosts = _behind_at(addresses.filter(is_plain)).dictionary_encode()
        others = addresses.filter(compute.invert(is_plain)).dictionary_encode()
        cells, places = self._stand_ins(hosts.dictionary)
        is_host = is_plain.to_numpy(zero_copy_only=False)
        codes = np.empty(len(addresses), dtype=np.intp)
        codes[is_host] = places[codes_of(hosts)]
        codes[~is_host] = codes_of(others) + len(cells)
        return [*cells, *others.dictionary.to_pylist(), None], codes

    def _stand_ins(self, hosts: pa.Array) -> tuple[list[object], NDArray[np.intp]]:
        """Return addresses for different hosts, lower-case, and the place of each host's."""
        is_own = self._are_own(hosts)
        kept = hosts.filter(compute.invert(is_own)).to_pylist()
        if self._learn(kept):
            is_own = self._are_own(hosts)
            kept = hosts.filter(compute.invert(is_own)).to_pylist()
        places = np.zeros(len(hosts), dtype=np.intp)
        places[~is_own.to_numpy(zero_copy_only=False)] = np.arange(1, len(kept) + 1)
        return [self._address(f"{_NOBODYS}.com"), *map(self._address, kept)], places

    def _are_own(self, hosts: pa.Array) -> pa.Array:
        """Return which hosts give what that of nobody gives; never null."""
        usual = sorted(tld for tld, is_usual in self._is_usual.items() if is_usual)
        if not usual:
            return pa.array(np.zeros(len(hosts), dtype=np.bool_))
        is_own = compute.and_(
            compute.match_substring_regex(hosts, f"^{_NAME}\\.(?:{'|'.join(usual)})$"),
            compute.less_equal(compute.binary_length(hosts), _MAX_LENGTH),
        )
        return compute.and_not(is_own, compute.is_in(hosts, value_set=self._told))

    def _learn(self, hosts: list[str]) -> bool:
        """Find out about top-level domains that were not met before; return whether any was."""
        n_known = len(self._is_usual)
        for host in hosts:
            found = _PLAIN.fullmatch(host)
            if found is None or found[1] in self._is_usual or len(self._is_usual) >= _MAX_TLDS:
                continue
            values = self._evaluate(self._address(f"{_NOBODYS}.{found[1]}"))
            self._is_usual[found[1]] = values is not None and values[0] == f"{_NOBODYS}.{found[1]}"
        return len(self._is_usual) > n_known

    def _address(self, host: str) -> str:
        return f"x@{host}" if self._is_mail else host


def _behind_at(addresses: pa.Array) -> pa.Array:
    """Return what stands behind the @ of addresses that each have exactly one."""
    n_leads = len(addresses)
    _, ends, letters = addresses.buffers()
    if letters is None:
        return addresses
    limits = np.frombuffer(ends, dtype=np.int32)[addresses.offset :][: n_leads + 1]
    text = np.frombuffer(letters, dtype=np.uint8)[: limits[-1]]
    # The same text cut twice as often, before and behind each @: every second part is a host.
    parts = np.empty(2 * n_leads + 1, dtype=np.int32)
    parts[::2] = limits
    parts[1::2] = np.flatnonzero(text[limits[0] :] == ord("@")) + limits[0] + 1
    cut = pa.StringArray.from_buffers(2 * n_leads, pa.py_buffer(parts), letters)
    return cut.take(pa.array(np.arange(1, 2 * n_leads, 2)))
