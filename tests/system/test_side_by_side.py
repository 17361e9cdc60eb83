"""The source document's service in Python and under reeve (examples/service), looked at by one client.

Each case says what it sees of one form. Both must see the same, unless the case lists what differs and why; a listed
difference that is not there fails as well. docs/from-fastapi.md tells the same in sentences. Figures are measured and
printed; nothing depends on them."""
import concurrent.futures
import contextlib
import pathlib

import pytest

import service_admission_cases  # noqa: F401 - they register their cases
import service_door_cases  # noqa: F401
import service_event_cases  # noqa: F401
from service_case import CASES, FIGURES
from service_forms import Python, Reeve

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/from-fastapi.md"


@contextlib.contextmanager
def started(tmp_path_factory, reeve):
    """Both forms, each with a folder and ports of its own."""
    forms = [Python(tmp_path_factory.mktemp("python")), Reeve(reeve)]
    try:
        yield [form.start() for form in forms]
    finally:
        for form in forms:
            form.end()


@pytest.fixture(scope="module")
def shared_forms(tmp_path_factory, shared_reeve):
    with started(tmp_path_factory, shared_reeve) as forms:
        yield forms


@pytest.fixture
def own_forms(tmp_path_factory, make_reeve):
    with started(tmp_path_factory, make_reeve()) as forms:
        yield forms


def look(case, forms):
    """At both at the same time: most of it is waiting."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return tuple(pool.map(case.look, forms))


def verify(case, forms):
    python, reeve = look(case, forms)
    if case.why is None:
        assert python == reeve, f"{case.name}: a difference that is not listed"
    else:
        assert python == case.python, f"{case.name}: the Python form is not as listed"
        assert reeve == case.reeve, f"{case.name}: reeve is not as listed"


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.own])
def test_side_by_side(name, shared_forms):
    verify(CASES[name], shared_forms)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.own])
def test_side_by_side_harmed(name, own_forms):
    verify(CASES[name], own_forms)


def test_the_page_tells_each_difference():
    text = PAGE.read_text()
    assert not [case.name for case in CASES.values() if case.why and f"`{case.name}`" not in text]


@pytest.fixture(scope="module", autouse=True)
def tables(request):
    """Printed at the end, whatever passed: the differences and the figures."""
    yield
    lines = ["", "", "differences (Python / reeve):"]
    lines += [f"  {case.name}: {case.python} / {case.reeve}: {case.why}" for case in CASES.values() if case.why]
    lines += ["", f"{'figures':52}{'Python':>12}{'reeve':>12}"]
    for what in dict.fromkeys(what for what, _ in FIGURES):
        python, reeve = (FIGURES.get((what, form), "–") for form in ("python", "reeve"))
        lines.append(f"  {what:50}{python:>12}{reeve:>12}")
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print("\n".join(lines))
