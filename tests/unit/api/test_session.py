import pytest

from api.pages.session import local_path


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "leads/1",
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "/a\\b",
        "javascript:x",
    ],
)
def test_a_way_off_this_site_leads_home(given: str | None) -> None:
    assert local_path(given) == "/"


def test_a_path_on_this_site_is_kept() -> None:
    assert local_path("/queue/mrr?after=25") == "/queue/mrr?after=25"
