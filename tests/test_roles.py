"""Who may do what: the table of roles, the guard of every page and callback, and the login."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from labeling import history, people, uploads, verification
from labeling.__main__ import NOBODY_LISTED, main
from labeling.errors import ForbiddenError, InputError
from labeling.ingest import silent
from labeling.project import Project, list_projects, opened
from pages.shared import identity
from pages.shared.identity import PAGE_ROLES, vouched_name
from pages.shared.shell import plain
from tests.factories import make_project, text_frame
from tests.test_architecture import calls, dotted, pages

BELOW = {people.REVIEWER: people.ANNOTATOR, people.OWNER: people.REVIEWER}
TEAM = {"Olga": "owner", "Rita": "reviewer", "Ann": "annotator"}
NAME_OF = {role: name for name, role in TEAM.items()}


@pytest.fixture
def project(projects: Path) -> Iterator[Project]:
    with make_project(projects / "p.db", text_frame(60), id=None) as project:
        yield project


# The table


def test_without_an_owner_everybody_is_one_and_with_one_strangers_are_annotators(
    project: Project,
) -> None:
    assert people.role_of(project, "anybody", open_to_all=True) == "owner"
    people.set_roles(project, TEAM, author="test")
    roles = {
        name: people.role_of(project, name, open_to_all=True)
        for name in (*TEAM, "stranger", "", "olga")
    }
    assert roles == {**TEAM, "stranger": "annotator", "": "annotator", "olga": "annotator"}
    assert people.table(project).to_numpy().tolist() == [
        ["Olga", "owner"],
        ["Rita", "reviewer"],
        ["Ann", "annotator"],
    ]


def test_a_change_of_roles_is_in_the_log_and_the_newest_word_stands(project: Project) -> None:
    made = people.set_roles(project, TEAM, author="test")
    assert people.set_roles(project, {"Rita": "reviewer"}, author="test") is None
    people.set_roles(project, {"Rita": "none", " Ann ": "reviewer"}, author="Olga")
    log = history.table(project).set_index("change_id")
    assert log.loc[made, "kind"] == "settings"
    assert log.iloc[-1]["author"] == "Olga"
    assert log.iloc[-1]["title"] == "roles: Rita reviewer → none, Ann annotator → reviewer"
    assert set(people.table(project)["name"]) == {"Olga", "Ann"}
    assert verification.verify(project).empty


@pytest.mark.parametrize(
    "roles",
    [
        {"Olga": "reviewer"},
        {"Olga": "none"},
        {"Olga": "boss"},
        {"Olga": "none", "Rita": "owner", " ": "owner"},
        {"\u200b": "reviewer"},
        {"x" * 256: "reviewer"},
        {"gold": "reviewer"},
    ],
)
def test_what_cannot_be_a_table_of_roles_is_refused_whole(
    project: Project, roles: Mapping[str, str]
) -> None:
    people.set_roles(project, TEAM, author="test")
    with pytest.raises(InputError):
        people.set_roles(project, roles, author="test")
    assert dict(people.table(project).to_numpy().tolist()) == TEAM


def test_an_address_is_the_same_person_however_it_is_typed(project: Project) -> None:
    people.set_roles(project, {"Olga@Lab.org": "owner"}, author="test")
    assert people.role_of(project, vouched_name(OLGA)) == "owner"


OLGA = {"is_logged_in": True, "email": "olga@LAB.org", "email_verified": True}


def test_an_empty_list_opens_the_project_to_everybody_again(project: Project) -> None:
    with pytest.raises(InputError, match="at least one owner"):
        people.set_roles(project, {"Rita": "reviewer"}, author="test")
    people.set_roles(project, TEAM, author="test")
    people.set_roles(project, dict.fromkeys(TEAM, "none"), author="test")
    assert people.role_of(project, "anybody", open_to_all=True) == "owner"
    assert people.role_of(project, "anybody") == "annotator"


@pytest.mark.parametrize("role", people.ROLES)
@pytest.mark.parametrize("needed", people.ROLES)
def test_a_role_allows_what_is_at_or_below_it(role: str, needed: str) -> None:
    assert people.allows(role, needed) is (people.ROLES.index(role) >= people.ROLES.index(needed))
    assert not people.allows(None, needed)
    assert not people.allows("none", needed)


def test_who_may_not_is_told_who_may(project: Project) -> None:
    people.set_roles(project, TEAM, author="test")
    people.require(project, "Rita", "reviewer")
    with pytest.raises(ForbiddenError, match="for owners"):
        people.require(project, "Rita", "owner")


def test_a_project_is_born_with_its_owner(projects: Path) -> None:
    frame = text_frame(60)
    for name, owner in (("mine", "Ann"), ("everybody's", None)):
        uploads.create(
            projects, name.strip("'s"), frame, roles=roles_of(frame), classes="sport\nmoney",
            source="x.csv", author="Ann", progress=silent, owner=owner,
        )  # fmt: skip
    lists = {}
    for info in list_projects(projects):
        with opened(info.path) as made:
            lists[info.name] = people.table(made).to_numpy().tolist()
    assert lists == {"mine": [["Ann", "owner"]], "everybody": []}


def roles_of(frame):  # type: ignore[no-untyped-def]
    from labeling import ingest

    return ingest.guess_roles(frame)._replace(label=None)


def test_the_command_line_shows_and_changes_roles(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*words: str) -> tuple[int, str]:
        code = main(["roles", str(project.path), *words])
        said = capsys.readouterr()
        return code, said.out + said.err

    assert run() == (0, f"{NOBODY_LISTED}\n")
    assert run("Olga=owner", "a=b=reviewer") == (0, "Olga=owner\na=b=reviewer\n")
    assert run("Olga=annotator")[0] == 2
    assert "expected NAME=ROLE, found 'Olga'" in run("Olga")[1]
    assert run() == (0, "Olga=owner\na=b=reviewer\n")


# The pages


def page(root: Path, name: str, person: str) -> AppTest:
    app = AppTest.from_file(str(root / "pages" / f"{name}.py"), default_timeout=30)
    app.session_state["name"] = person
    app.session_state["project"] = "p"
    return app.run()


@pytest.mark.parametrize("name", [name for name, role in PAGE_ROLES.items() if role in BELOW])
def test_a_page_is_refused_to_whoever_is_below_its_role(
    root: Path, project: Project, name: str
) -> None:
    people.set_roles(project, TEAM, author="test")
    needed = PAGE_ROLES[name]
    app = page(root, name, NAME_OF[BELOW[needed]])
    assert [each.type for each in app.main.children.values()] == ["title", "error"]
    assert f"This is for {people.in_words(needed)}" in app.error[0].value.replace("\\", "")
    assert not page(root, name, "").exception
    allowed = page(root, name, NAME_OF[needed])
    assert not allowed.exception
    assert not allowed.error


@pytest.mark.parametrize("name", PAGE_ROLES)
def test_a_page_names_its_role_and_callbacks_ask_for_it_again(root: Path, name: str) -> None:
    source = (root / "pages" / f"{name}.py").read_text(encoding="utf-8")
    assert unguarded(ast.parse(source), PAGE_ROLES[name]) == []


def test_every_page_has_a_role() -> None:
    assert set(PAGE_ROLES) == {path.stem for path in pages()}


def test_what_pages_share_names_the_role_too(root: Path) -> None:
    for path in (root / "pages" / "shared").rglob("*.py"):
        for _, role in again(ast.parse(path.read_text(encoding="utf-8"))):
            assert role in people.ROLES, path.name


GUARD = "project = open_page('A', role='reviewer')\n"


@pytest.mark.parametrize(
    ("source", "n_found"),
    [
        (GUARD, 0),
        ("project = open_page('A')", 1),
        ("project = open_page('A', role='annotator')", 1),
        (GUARD + "def f():\n  with open_again('reviewer'): pass\nst.button('A', on_click=f)", 0),
        (GUARD + "def f():\n  with open_again('owner'): pass\nst.button('A', on_click=f)", 0),
        (GUARD + "def f():\n  with open_again('annotator'): pass\nst.button('A', on_click=f)", 2),
        (GUARD + "def f():\n  with open_again(): pass\nst.button('A', on_click=f)", 2),
        (GUARD + "def f():\n  queue.undo(project)\nst.button('A', on_click=f)", 1),
        (GUARD + "def f():\n  g()\ndef g():\n  open_again('owner')\nst.text_input(on_change=f)", 0),
        (GUARD + "@st.fragment\ndef f():\n  queue.undo(project)", 1),
        (GUARD + "@st.fragment(run_every=1)\ndef f():\n  queue.undo(project)", 1),
        (GUARD + "st.button('A', on_click=lambda: queue.undo(project))", 1),
        (GUARD + "st.download_button('A', on_click='ignore')", 0),
    ],
)
def test_an_unguarded_callback_is_found(source: str, n_found: int) -> None:
    assert len(unguarded(ast.parse(source), "reviewer")) == n_found


def unguarded(tree: ast.Module, role: str) -> list[str]:
    """What in a page asks for less than the page's role, or for nothing."""
    found = [f"open_again({asked})" for _, asked in again(tree) if not people.allows(asked, role)]
    guards = [call for call in each_call(tree, "open_page", "open_entrance")]
    if [keyword(call, "role") for call in guards] != [role]:
        found.append("the guard")
    local = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    return found + [name for name in callbacks(tree) if not reaches(name, local, role)]


def callbacks(tree: ast.Module) -> Iterator[str]:
    """Names of what Streamlit calls by itself; a lambda is called `lambda`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and not isinstance(node.value, ast.Constant):
            if (node.arg or "").startswith("on_"):
                yield dotted(node.value) or "lambda"
        elif isinstance(node, ast.FunctionDef):
            names = [dotted(getattr(each, "func", each)) for each in node.decorator_list]
            if any(name.endswith(("fragment", "dialog")) for name in names):
                yield node.name


def reaches(name: str, local: Mapping[str, ast.FunctionDef], role: str) -> bool:
    """Does the function open the project again, itself or through another of the same page?"""
    if name not in local:
        return False
    if any(people.allows(asked, role) for _, asked in again(local[name])):
        return True
    return any(reaches(called, local, role) for _, called in calls(local[name]) if called != name)


def again(tree: ast.AST) -> Iterator[tuple[int, str | None]]:
    for call in each_call(tree, "open_again"):
        role = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None
        yield call.lineno, str(role)


def each_call(tree: ast.AST, *names: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and dotted(node.func).split(".")[-1] in names:
            yield node


def keyword(call: ast.Call, name: str) -> object:
    values = [each.value for each in call.keywords if each.arg == name]
    return values[0].value if values and isinstance(values[0], ast.Constant) else None


def test_a_role_that_was_taken_away_stops_the_next_press(root: Path, project: Project) -> None:
    people.set_roles(project, TEAM, author="test")
    app = page(root, "requirements", "Olga")
    people.set_roles(project, {"Rita": "owner", "Olga": "annotator"}, author="Rita")
    before = len(history.table(project))
    next(each for each in app.text_input if each.key.endswith("batch_size")).set_value("7")
    next(button for button in app.button if button.label == "Save the settings").click().run()
    assert ["This is for owners" in error.value for error in app.error] == [True, True]
    assert len(history.table(project)) == before


def test_only_reviewers_start_the_jobs(root: Path, project: Project) -> None:
    people.set_roles(project, TEAM, author="test")
    for name, disabled in (("Ann", True), ("Rita", False)):
        app = page(root, "overview", name)
        assert [button.disabled for button in app.button(key="start-close")] == [disabled]


def test_owners_change_roles_on_the_page_and_reviewers_read_them(
    root: Path, project: Project
) -> None:
    app = AppTest.from_function(roles_page)
    app.session_state["name"], app.session_state["project"] = "Olga", "p"
    app.run()
    assert "Nobody is listed" in app.info[0].value
    for name, role in (("Olga", "owner"), ("Rita", "reviewer")):
        app.session_state["role-name"] = name
        app.selectbox(key="role-role").set_value(role)
        app.button[0].click().run()
    assert dict(people.table(project).to_numpy().tolist()) == {"Olga": "owner", "Rita": "reviewer"}
    app.session_state["name"] = "Rita"
    app.run()
    assert not app.button
    assert list(app.dataframe[0].value["name"]) == ["Olga", "Rita"]


def roles_page() -> None:
    from pages.shared.roles import roles_editor
    from pages.shared.shell import open_page

    roles_editor(open_page("Team", role="reviewer"), ["Olga", "Rita"])


# The login


@pytest.mark.parametrize("name", PAGE_ROLES)
def test_with_a_login_no_page_shows_anything_before_it(
    root: Path, project: Project, name: str
) -> None:
    app = AppTest.from_file(str(root / "pages" / f"{name}.py"))
    app.secrets["auth"] = {"client_id": "x"}
    app.session_state["name"], app.session_state["project"] = "Olga", "p"
    app.run()
    assert not app.exception
    assert [title.value for title in app.title] == ["Groundwork"]
    assert [button.label for button in app.button] == ["Log in"]
    assert not app.error


def test_each_provider_has_a_button(project: Project) -> None:
    app = AppTest.from_function(roles_page)
    app.secrets["auth"] = {"google": {"client_id": "x"}, "okta": {"client_id": "y"}}
    labels = [button.label for button in app.run().button]
    assert labels == ["Log in with Google", "Log in with Okta"]


def test_with_a_login_no_callback_runs_before_it(project: Project) -> None:
    app = AppTest.from_function(opens_again)
    app.secrets["auth"] = {"client_id": "x"}
    app.session_state["project"] = "p"
    assert [error.value for error in app.run().error] == [plain("Log in first.")]
    assert not app.markdown


def logged_in(root: Path, name: str, person: str, *, admit: list[str] | None = None) -> AppTest:
    """A page for somebody whom a login vouches for."""
    app = AppTest.from_file(str(root / "pages" / f"{name}.py"), default_timeout=30)
    app.secrets["auth"] = {"client_id": "x"}
    if admit is not None:
        app.secrets["groundwork"] = {"admit": admit}
    app.session_state["project"] = "p"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identity, "vouched_name", lambda claims: person)
        return app.run()


def said(app: AppTest) -> str:
    return " ".join(each.value for each in (*app.error, *app.caption)).replace("\\", "")


def test_with_a_login_a_project_without_an_owner_is_nobodys(root: Path, project: Project) -> None:
    app = logged_in(root, "data", "ann@lab.org")
    assert [each.type for each in app.main.children.values()] == ["title", "error"]
    assert "You are an annotator in this project; no owner is listed yet" in said(app)
    overview = logged_in(root, "overview", "ann@lab.org")
    assert not overview.error
    assert "python -m labeling roles PROJECT.db NAME=owner" in said(overview)
    assert overview.button(key="start-close").disabled
    assert main(["roles", str(project.path), "Ann@Lab.org=owner"]) == 0
    app = logged_in(root, "data", "ann@lab.org")
    assert not app.error
    assert "no owner" not in said(app)
    assert "This is for owners" in said(logged_in(root, "data", "bo@lab.org"))


def test_a_route_asks_for_roles_as_the_pages_do(
    project: Project, secrets_file: Callable[[str], None]
) -> None:
    assert identity.role_in(project, "ann@lab.org") == "owner"
    secrets_file("[auth]\nclient_id = 'x'")
    assert identity.role_in(project, "ann@lab.org") == "annotator"
    people.set_roles(project, {"ann@lab.org": "owner"}, author="test")
    assert identity.role_in(project, "ann@lab.org") == "owner"
    assert identity.role_in(project, "bo@lab.org") == "annotator"


@pytest.mark.parametrize("name", PAGE_ROLES)
def test_who_is_not_admitted_sees_nothing_but_the_way_out(
    root: Path, project: Project, name: str
) -> None:
    people.set_roles(project, {"ann@lab.org": "owner"}, author="test")
    app = logged_in(root, name, "ann@lab.org", admit=["@other.org", "kim@lab.org"])
    assert [each.type for each in app.main.children.values()] == ["title", "text", "button"]
    assert app.text[0].value == "You are logged in as ann@lab.org, but not admitted here."
    assert [button.label for button in app.button] == ["Log out"]
    inside = logged_in(root, name, "ann@lab.org", admit=["@lab.org"])
    assert not inside.error
    assert "Groundwork" not in [title.value for title in inside.title]


def opens_again() -> None:
    import streamlit as st

    from pages.shared.shell import open_again, report_errors

    with report_errors(), open_again("annotator"):
        st.write("past the guard")


@pytest.mark.parametrize("run", [roles_page, opens_again])
def test_secrets_that_cannot_be_read_let_nobody_in(
    project: Project, secrets_file: Callable[[str], None], run: Callable[[], None]
) -> None:
    secrets_file("[auth\nclient_id = ")
    app = AppTest.from_function(run)
    app.session_state["name"], app.session_state["project"] = "Olga", "p"
    app.run()
    assert "nobody is let in" in app.error[0].value
    assert not app.markdown
    assert not app.button
