"""The index over job-title words finds what trying every word finds."""

import re

from hypothesis import given
from hypothesis import strategies as st

from leadqual.leads.word_index import WordIndex

WORDS = ["it", "head", "*leiter*", "vice pres*", "c[ef]o", "(key|senior) account", "sales?", "r ?d"]
BRUTE = [r"\bit\b", r"\bhead\b", r"(?:leiter)\w*", r"\bvice pres\w*", r"\bc[ef]o\b",
         r"\b(?:key|senior) account\b", r"\bsales?\b", r"\br ?d\b"]  # fmt: skip
INDEX = WordIndex((str(i), word) for i, word in enumerate(WORDS))
TITLES = st.lists(
    st.sampled_from(["it", "head", "vertriebsleiterin", "vice", "president", "ceo", "cfo", "key",
                     "account", "sale", "sales", "salesman", "r", "d", "rd", "a", "italia"]),
    max_size=6,
).map(" ".join)  # fmt: skip


@given(TITLES | st.text("abcdeilorst ", max_size=12))
def test_index_finds_what_trying_every_word_finds(text):
    expected = {
        (i, match.start(), len(match[0]))
        for i, pattern in enumerate(BRUTE)
        if (match := re.search(pattern, text))
    }

    assert {(match.rank, match.start, match.length) for match in INDEX.find(text)} == expected
