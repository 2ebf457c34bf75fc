import pytest

from leadqual.leads.word_index import WordIndex

INDEX = WordIndex([
    ("short", "it, hr, r ?d, c[ef]o"),
    ("long", "head, *leiter*, chef de projets?, vice pres*, personal(?! assist).*"),
    ("group", "(executive|personal) assistant, soci[oa], (managing|senior) partner"),
])


def names(text: str) -> list[str]:
    return [match.name for match in sorted(INDEX.find(text))]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("head of it", ["short", "long"]),
        ("italy", []),
        ("ahead", []),
        ("vertriebsleiterin", ["long"]),
        ("chef de projet", ["long"]),
        ("vice president", ["long"]),
        ("ceo", ["short"]),
        ("rd", ["short"]),
        ("r d", ["short"]),
        ("personal assistant", ["group"]),
        ("personalreferent", ["long"]),
        ("socia", ["group"]),
        ("partner", []),
        ("", []),
        ("x", []),
    ],
)
def test_words_are_found_by_what_they_must_contain(text, found):
    assert names(text) == found


def test_place_and_length_of_a_match_are_told():
    (match,) = INDEX.find("our vice president")

    assert (match.rank, match.start, match.length) == (1, 4, len("vice president"))
