import pytest

from leadqual.leads.addresses import clean_email, clean_phone, is_free_mail, registrable_domain


@pytest.mark.parametrize(
    ("text", "address", "domain"),
    [
        ("ADA@Engines.Example", "ada@engines.example", "engines.example"),
        ("ada@lab.test", "ada@lab.test", "lab.test"),
        ("mailto:ada@mail.engines.co.uk", "ada@mail.engines.co.uk", "engines.co.uk"),
        ("ada@MÜNCHEN.de", "ada@münchen.de", "xn--mnchen-3ya.de"),
        ("ada@xn--mnchen-3ya.de", "ada@münchen.de", "xn--mnchen-3ya.de"),
        ("jörg@bau.example", "jörg@bau.example", "bau.example"),
    ],
)
def test_address_is_spelled_in_one_way(text, address, domain):
    assert clean_email(text) == (address, domain)


@pytest.mark.parametrize(
    "text",
    [
        "", "@", "ada", "ada@", "@engines.example", "ada@localhost", "ada@office.local",
        "a..b@engines.example", ".ada@engines.example", "ada@-x.example", "ada@ex_ample.com",
        "ada@1.2.3.4", "ada@[1.2.3.4]", "Ada <ada@engines.example>", "a b@engines.example",
        "ada@engines.example\x00", "ada\ud800@engines.example",
        f"ada@{'x' * 64}.example", "ada@ab--cd.example", f"{'x' * 250}@engines.example",
    ],
)  # fmt: skip
def test_what_is_no_address_gives_none(text):
    assert clean_email(text) is None


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("https://user@www.Acme.co.uk:8080/a?b=c#d", "acme.co.uk"),
        ("shop.acme.example", "acme.example"),
        ("sales@acme.de", "acme.de"),
        ("www.acme.com.", "acme.com"),
        ("host.internal.corp", "internal.corp"),
        ("münchen.de", "xn--mnchen-3ya.de"),
    ],
)
def test_registrable_domain_is_found_in_hosts_urls_and_addresses(text, domain):
    assert registrable_domain(text) == domain


@pytest.mark.parametrize("text", ["", "acme", "1.2.3.4", "co.uk", "a b.de", "http://[::1]/", "-"])
def test_what_is_no_domain_gives_none(text):
    assert registrable_domain(text) is None


@pytest.mark.parametrize(
    "domain", ["gmail.com", "web.de", "orange.fr", "uol.com.br", "yopmail.com"]
)
def test_free_and_throw_away_mail_is_known(domain):
    assert is_free_mail(domain)
    assert not is_free_mail(f"not{domain}")


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("+49 (0)30 / 123-456", "+4930123456"),
        ("0033 1 23 45 67 89", "+33123456789"),
        ("(555) 123-4567 ext. 12", "5551234567 x12"),
        ("tel:+1-201-555-0123", "+12015550123"),
        ("030 123456 Durchwahl 9", "030123456 x9"),
    ],
)
def test_phone_keeps_digits_prefix_and_extension(text, phone):
    assert clean_phone(text) == phone
    assert clean_phone(phone) == phone


@pytest.mark.parametrize(
    "text", ["n/a", "-", "12345", "1" * 16, "1-800-FLOWERS", "+1+2345678", "٣٣٣٣٣٣٣"]
)
def test_what_is_no_phone_number_gives_none(text):
    assert clean_phone(text) is None
