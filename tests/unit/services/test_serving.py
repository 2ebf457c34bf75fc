from functools import cached_property

from leadqual.services.serving import Serving


def test_a_complete_set_of_services_makes_none_later(serving: Serving) -> None:
    rest = {name for name, part in vars(Serving).items() if isinstance(part, cached_property)}

    serving.complete()

    assert rest
    assert rest <= set(vars(serving))
    assert serving.people is serving.people
