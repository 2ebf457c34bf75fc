"""The list of public suffixes is read as the package that carries it reads it."""

import subprocess
import sys

import pytest
import tldextract

from leadqual.leads.public_suffixes import public_suffixes, split_host

EXTRACT = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


def test_every_rule_of_the_list_is_known_and_none_more() -> None:
    assert public_suffixes() == set(EXTRACT.tlds)


def test_hosts_around_every_rule_are_split_as_the_package_splits_them() -> None:
    bare = [rule.removeprefix("!").replace("*", "any") for rule in sorted(public_suffixes())]
    bare += [rule.encode("idna").decode() for rule in bare if not rule.isascii()]
    hosts = [f"{front}{rule}" for rule in bare for front in ("", "acme.", "www.acme.", "a.b.c.")]

    wrong = [host for host in hosts if split_host(host) != _split_by_package(host)]

    assert len(hosts) > 20_000
    assert wrong == []


@pytest.mark.parametrize(
    "host",
    [
        "acme.example",
        "localhost",
        "shop.xn--fiqs8s",
        "shop.xn--55qx5d.cn",
        "xn--.com",
        "a.xn--zzzzzzzz",
        "city.kawasaki.jp",
        "x.city.kawasaki.jp",
        "ck",
        "blogspot.com",
    ],
)
def test_odd_hosts_are_split_as_the_package_splits_them(host: str) -> None:
    assert split_host(host) == _split_by_package(host)


def test_reading_an_address_imports_no_http_client() -> None:
    code = (
        "import sys; from leadqual.leads.addresses import clean_email;"
        "assert clean_email('ada@mail.acme.co.uk').domain == 'acme.co.uk';"
        "print(sorted({'tldextract', 'requests', 'email_validator'} & set(sys.modules)))"
    )

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"


def _split_by_package(host: str) -> tuple[str, str]:
    parts = EXTRACT(host)
    return parts.domain, parts.suffix
