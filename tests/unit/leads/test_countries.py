import pytest

from leadqual.leads.countries import country_code


@pytest.mark.parametrize(
    ("code", "spellings"),
    [
        ("DE", ["de", "DEU", "Germany", "Deutschland", "ALLEMAGNE", "Alemania", "Alemanha"]),
        ("GB", ["GB", "UK", "u.k.", "United Kingdom", "Großbritannien", "Royaume-Uni", "England"]),
        ("US", ["USA", "U.S.A.", "United States of America", "États-Unis", "EE. UU.", "EUA"]),
        ("NL", ["The Netherlands", "Niederlande", "Pays Bas", "Países Bajos", "Holland"]),
        ("CH", ["Schweiz", "Suisse", "Suiza", "Suíça"]),
        ("KR", ["Korea, Republic of", "South Korea", "Südkorea", "Corée du Sud"]),
        ("KP", ["Korea, Democratic People's Republic of", "Nordkorea"]),
        ("CI", ["Côte d'Ivoire", "cote d\u2019ivoire", "Ivory Coast", "Elfenbeinküste"]),
        ("CD", ["DR Congo", "République démocratique du Congo"]),
        ("CG", ["Congo", "Kongo"]),
        ("NO", ["NO", "Norwegen"]),
        ("TR", ["Türkiye", "Turquía"]),
    ],
)
def test_names_and_codes_of_five_languages_give_one_code(code, spellings):
    assert {spelling: country_code(spelling) for spelling in spellings} == dict.fromkeys(
        spellings, code
    )


@pytest.mark.parametrize("text", ["", " ", "Atlantis", "??", "12", "the"])
def test_what_is_no_country_gives_none(text):
    assert country_code(text) is None
