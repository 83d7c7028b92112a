"""Projects: unique names, found by what they say, changed in place."""

from typing import Any

import pytest

from runstore.errors import Conflict, NotFound
from runstore.model.project import Project, ProjectQuery
from runstore.model.run import RunMessage
from tests.conformance.ask import NOW, Asked
from tests.model.make import T0, bare, create, json, rid


@pytest.fixture
def loaded(store: Asked) -> Asked:
    for project in (
        Project(id=rid(1), name="alpha", start_us=T0 + 1),
        Project(
            id=rid(2),
            name="Beta_1",
            start_us=T0 + 2,
            description="d",
            extra=json({"metadata": {"env": "prod", "n": 1, "list": [1, {"a": None}]}}),
            reference_dataset_id=rid(70),
        ),
        Project(id=rid(3), name="gamma", start_us=T0 + 3, extra=json({"metadata": {"n": True}})),
        Project(id=rid(4), name="beta", start_us=T0 + 4, reference_dataset_id=rid(71)),
    ):
        store.engine.create_project(project)
    return store


def test_everything_said_comes_back(store: Asked) -> None:
    project = Project(
        id=rid(1),
        name="päckchen",
        start_us=T0,
        end_us=T0 + 5,
        description="what for",
        extra=json({"metadata": {"a": [1, None]}}),
        default_dataset_id=rid(70),
        reference_dataset_id=rid(71),
        trace_tier="longlived",
    )
    assert store.engine.create_project(project) == project
    assert store.engine.list_projects(ProjectQuery()) == ([project], 1)


@pytest.mark.parametrize(
    "message, start_us",
    [
        pytest.param(create(1, project_name="p", start_us=T0 + 7), T0 + 7, id="which says when"),
        pytest.param(bare(1, project_name="p"), NOW, id="which does not"),
    ],
)
def test_a_project_named_by_a_run_starts_with_it(
    store: Asked, message: RunMessage, start_us: int
) -> None:
    store.write(message)
    (project,), _ = store.engine.list_projects(ProjectQuery(name="p"))
    assert project == Project(id=project.id, name="p", start_us=start_us)


@pytest.mark.parametrize(
    "query, found",
    [
        pytest.param({}, ["beta", "gamma", "Beta_1", "alpha"], id="all, newest first"),
        pytest.param({"ids": (rid(1), rid(3), rid(9))}, ["gamma", "alpha"], id="ids"),
        pytest.param({"ids": ()}, [], id="no ids"),
        pytest.param({"name": "beta"}, ["beta"], id="name, exactly"),
        pytest.param({"name": "Alpha"}, [], id="name, with its case"),
        pytest.param({"name_contains": "BETA"}, ["beta", "Beta_1"], id="part, in any case"),
        pytest.param({"name_contains": "_"}, ["Beta_1"], id="no wildcard"),
        pytest.param({"name_contains": "%"}, [], id="no wildcard either"),
        pytest.param({"metadata": json({"env": "prod"})}, ["Beta_1"], id="metadata"),
        pytest.param({"metadata": json({"env": "prod", "n": 2})}, [], id="all its entries"),
        pytest.param({"metadata": json({"n": 1})}, ["Beta_1"], id="1 is not true"),
        pytest.param({"metadata": json({"n": True})}, ["gamma"], id="true is not 1"),
        pytest.param({"metadata": json({"list": [1, {"a": None}]})}, ["Beta_1"], id="nested"),
        pytest.param({"is_experiment": True}, ["beta", "Beta_1"], id="experiments"),
        pytest.param({"is_experiment": False}, ["gamma", "alpha"], id="no experiments"),
        pytest.param({"reference_dataset_ids": (rid(70),)}, ["Beta_1"], id="of a dataset"),
        pytest.param(
            {"sort_by": "name", "descending": False},
            ["Beta_1", "alpha", "beta", "gamma"],
            id="by name",
        ),
        pytest.param({"descending": False, "limit": 2}, ["alpha", "Beta_1"], id="oldest first"),
        pytest.param({"sort_by": "whatever", "limit": 1}, ["beta"], id="unknown order: by start"),
    ],
)
def test_projects_are_found(loaded: Asked, query: dict[str, Any], found: list[str]) -> None:
    assert loaded.project_names(**query) == found


def test_projects_are_found_by_their_last_run(loaded: Asked) -> None:
    loaded.write(
        create(11, project_id=rid(1), start_us=T0 + 30),
        create(12, project_id=rid(1), start_us=T0 + 10),
        create(13, project_id=rid(3), start_us=T0 + 20),
    )
    by_use = ["alpha", "gamma", "beta", "Beta_1"]  # without a run last
    assert loaded.project_names(sort_by="last_run_start_time") == by_use
    others = loaded.project_names(sort_by="last_run_start_time", descending=False)
    assert others == by_use[::-1]


def test_a_page_tells_how_many_there_are_in_all(loaded: Asked) -> None:
    page, total = loaded.engine.list_projects(ProjectQuery(limit=2, offset=1))
    assert ([project.name for project in page], total) == (["gamma", "Beta_1"], 4)
    page, total = loaded.engine.list_projects(ProjectQuery(offset=9, name_contains="beta"))
    assert (page, total) == ([], 2)


@pytest.mark.parametrize(
    "project",
    [
        pytest.param(Project(id=rid(9), name="alpha", start_us=T0), id="its name"),
        pytest.param(Project(id=rid(1), name="other", start_us=T0), id="its id"),
    ],
)
def test_a_project_that_is_there_is_not_made_again(loaded: Asked, project: Project) -> None:
    with pytest.raises(Conflict):
        loaded.engine.create_project(project)
    assert loaded.engine.list_projects(ProjectQuery())[1] == 4


def test_a_change_changes_what_it_says(loaded: Asked) -> None:
    changes: dict[str, object] = {"name": "new", "end_us": T0 + 9, "description": None}
    changed = loaded.engine.update_project(rid(2), changes)
    assert (changed.name, changed.end_us, changed.description) == ("new", T0 + 9, None)
    assert changed.reference_dataset_id == rid(70)
    assert loaded.engine.list_projects(ProjectQuery(name="new")) == ([changed], 1)
    assert loaded.project_names(name="Beta_1") == []


def test_a_renamed_project_takes_runs_by_its_new_name(loaded: Asked) -> None:
    loaded.write(create(5, project_name="alpha"))
    loaded.engine.update_project(rid(1), {"name": "omega"})
    loaded.write(create(6, project_name="omega"), create(7, project_name="alpha"))
    assert sorted(loaded.numbers(project_ids=(rid(1),))) == [5, 6]
    assert loaded.project_id("alpha") != rid(1)
    assert loaded.numbers(filter='eq(session_name, "omega")') == [6, 5]


def test_a_name_that_is_taken_is_a_conflict(loaded: Asked) -> None:
    with pytest.raises(Conflict):
        loaded.engine.update_project(rid(2), {"name": "alpha"})
    assert loaded.engine.update_project(rid(2), {"name": "Beta_1"}).name == "Beta_1"


def test_an_unknown_project_cannot_be_changed(loaded: Asked) -> None:
    with pytest.raises(NotFound):
        loaded.engine.update_project(rid(9), {"name": "x"})
