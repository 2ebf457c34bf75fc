import pytest

from leadqual.leads.titles import (
    DEPARTMENTS,
    SENIORITIES,
    read_department,
    read_seniority,
    read_title,
)

TITLES = """
CEO|c_level|executive
Chief Financial Officer|c_level|finance
CTO|c_level|engineering
CIO|c_level|it
Founder & CEO|owner|executive
Managing Partner|owner|executive
SVP Marketing|vp|marketing
Vice-President, Operations|vp|operations
Sales Director|director|sales
Head of Procurement|head|procurement
IT Manager|manager|it
Senior Software Engineer|senior|engineering
Lead Developer|senior|engineering
Team Lead Customer Support|manager|support
Marketing Assistant|junior|marketing
Executive Assistant|specialist|executive
Assistant to the CEO|specialist|executive
HR Business Partner|specialist|hr
Product Owner|specialist|product
Account Executive|specialist|sales
Legal Counsel|specialist|legal
International Sales Manager|manager|sales
Marketing Intern|intern|marketing
Geschäftsführer|c_level|executive
Geschaeftsfuehrerin|c_level|executive
Inhaber|owner|executive
Vertriebsleiter|head|sales
Einkaufsleiterin|head|procurement
Bereichsleiter Finanzen|director|finance
Teamleiter Marketing|manager|marketing
Projektleiter|manager|other
Personalleiterin|head|hr
Sachbearbeiter Buchhaltung|specialist|finance
Softwareentwickler|specialist|engineering
Leitung Produktion|head|operations
Produktmanagerin|manager|product
Assistenz der Geschäftsführung|specialist|executive
Werkstudent Marketing|intern|marketing
Directrice générale|c_level|executive
PDG|c_level|executive
Gérant|owner|executive
Directeur des achats|director|procurement
Responsable informatique|manager|it
Chef de projet|manager|other
Acheteur|specialist|procurement
Ingénieur logiciel|specialist|engineering
Stagiaire marketing|intern|marketing
Directora de Marketing|director|marketing
Gerente general|c_level|executive
Jefa de Recursos Humanos|head|hr
Dueño|owner|executive
Técnico de soporte|specialist|support
Consejero delegado|c_level|executive
Diretor de Operações|director|operations
Gerente de Compras|manager|procurement
Sócio-gerente|owner|executive
Coordenador de TI|manager|it
Estagiária|intern|other
Advogado|specialist|legal
"""


@pytest.mark.parametrize("line", TITLES.split("\n")[1:-1])
def test_title_tells_seniority_and_department(line):
    title, seniority, department = line.split("|")

    assert read_title(title) == (seniority, department)
    assert read_title(title.upper()) == (seniority, department)
    assert seniority in SENIORITIES
    assert department in DEPARTMENTS


@pytest.mark.parametrize("title", ["Leadership coach", "asdf", "Intendente"])
def test_title_that_does_not_tell_its_level_gives_none(title):
    assert read_title(title).seniority is None


@pytest.mark.parametrize("title", ["", "---", "123", "日本"])
def test_text_without_a_latin_letter_gives_nothing(title):
    assert read_title(title) == (None, None)


@pytest.mark.parametrize(
    ("text", "seniority"),
    [("C-Level", "c_level"), ("C-Suite", "c_level"), ("Director", "director"), ("Entry", None)],
)
def test_seniority_column_is_read(text, seniority):
    assert read_seniority(text) == seniority


@pytest.mark.parametrize(
    ("text", "department"),
    [("Human Resources", "hr"), ("Vertrieb", "sales"), ("R&D", "engineering"), ("IT", "it")],
)
def test_department_column_is_read(text, department):
    assert read_department(text) == department
