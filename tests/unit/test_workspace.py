"""Finding, making and reading a workspace; every error names file, line and what to do."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos.errors import Missing, WorkspaceError
from agentos.workspace.answers import Answers, demo
from agentos.workspace.checks import valid_iban
from agentos.workspace.find import find_workspace
from agentos.workspace.init import init_workspace
from agentos.workspace.lines import line_of
from agentos.workspace.load import edited_files, left_out, load_configuration, load_workspace, require


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home: no global git configuration."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return folder


@pytest.fixture
def made(tmp_path: Path) -> Path:
    init_workspace(tmp_path / "ws", demo())
    return tmp_path / "ws"


def tree(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".git" not in path.parts
    }


def wrong(root: Path, text: str) -> WorkspaceError:
    (root / "agentos.toml").write_text(text, encoding="utf-8")
    with pytest.raises(WorkspaceError) as caught:
        load_configuration(root)
    assert caught.value.hint
    return caught.value


# Finding


def test_the_nearest_folder_above_is_found(made: Path):
    deep = made / "knowledge" / "a" / "b"
    deep.mkdir(parents=True)
    assert find_workspace(None, {}, deep) == made


def test_named_beats_variable_beats_place(made: Path, tmp_path: Path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "agentos.toml").write_text("")
    variable = {"AGENTOS_WORKSPACE": str(tmp_path / "one")}
    assert find_workspace(Path("two"), variable, tmp_path) == tmp_path / "two"
    assert find_workspace(None, variable, made) == tmp_path / "one"


def test_no_workspace_says_how_to_make_one(tmp_path: Path):
    for explicit, environ in ((None, {}), (tmp_path / "nowhere", {}), (None, {"AGENTOS_WORKSPACE": str(tmp_path)})):
        with pytest.raises(WorkspaceError, match="agentos init") as caught:
            find_workspace(explicit, environ, tmp_path)
        assert caught.value.code == "workspace.not_found"


def test_finding_loads_nothing_heavy():
    code = "import sys, agentos.workspace.find; print(sorted({'pydantic', 'httpx', 'tomlkit'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Making


def test_a_demo_workspace_is_complete_and_valid(made: Path):
    workspace = load_workspace(made)
    assert workspace.configuration.business.name == "Lang Energy Writing"
    assert workspace.configuration.business.iban == "DE89370400440532013000"
    assert workspace.configuration.mail.from_address == "heide@lang-energy.example"
    assert sorted(workspace.clients) == ["acme-studio", "beta-ltd"]
    assert workspace.clients["acme-studio"].name == "Acme Studio GmbH"
    assert workspace.problems == ()
    for folder in (workspace.knowledge, workspace.recipes, workspace.inbox, workspace.books, workspace.outbox):
        assert folder.is_dir()
    assert stat.S_IMODE(workspace.state.stat().st_mode) == 0o700


def test_a_plain_workspace_is_valid_and_knows_that_it_is_unedited(tmp_path: Path):
    init_workspace(tmp_path / "ws")
    business = load_workspace(tmp_path / "ws").configuration.business
    assert (business.name, business.owner) == ("", None)
    assert (business.vat_id, business.iban, business.address) == (None, None, None)


def test_every_commented_example_is_valid_when_uncommented(tmp_path: Path):
    init_workspace(tmp_path / "ws")
    path = tmp_path / "ws" / "agentos.toml"
    lines = []
    for line in path.read_text("utf-8").splitlines():
        bare = line.removeprefix("# ")
        is_example = line.startswith("# ") and (bare.startswith("[") or " = " in bare)
        lines.append(bare if is_example else line)
    path.write_text("\n".join(lines), encoding="utf-8")
    configuration = load_configuration(tmp_path / "ws")
    assert configuration.models.large[0].api_key_env == "OPENAI_API_KEY"
    assert configuration.mail.smtp is not None
    assert configuration.business.small_business


def test_a_name_nobody_gave_counts_as_missing(made: Path):
    (made / "agentos.toml").write_text('[business]\nname = "Your business (edit me)"\n')
    assert load_configuration(made).business.name == ""
    (made / "agentos.toml").write_text("[business]\n")
    assert load_configuration(made).business.name == ""


def test_the_owner_comes_from_git(tmp_path: Path, home: Path):
    (home / ".gitconfig").write_text('[user]\n\tname = Ada "The\\\\First" Lang\n')
    init_workspace(tmp_path / "ws")
    assert load_workspace(tmp_path / "ws").configuration.business.owner == "Ada The\\First Lang"


def test_the_site_is_a_repository_that_can_commit(made: Path):
    (made / "site" / "a.md").write_text("x")
    for arguments in (["add", "a.md"], ["commit", "-qm", "a"]):
        subprocess.run(["git", "-C", str(made / "site"), *arguments], check=True, capture_output=True)
    branch = subprocess.run(
        ["git", "-C", str(made / "site"), "branch", "--show-current"], capture_output=True, text=True, check=True
    )
    assert branch.stdout.strip() == "main"


def test_the_site_is_its_own_repository_inside_another(tmp_path: Path):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    init_workspace(tmp_path / "ws", demo())
    assert (tmp_path / "ws" / "site" / ".git").is_dir()


def test_a_second_run_changes_nothing(made: Path):
    before = tree(made)
    assert init_workspace(made, Answers(name="Somebody else")) == []
    assert tree(made) == before


def test_deleted_examples_do_not_come_back_but_folders_do(made: Path):
    (made / "clients" / "beta-ltd.toml").unlink()
    shutil.rmtree(made / "inbox")
    assert init_workspace(made) == ["inbox/"]
    assert not (made / "clients" / "beta-ltd.toml").exists()


def test_an_edited_file_is_never_touched(made: Path):
    (made / "policy.toml").write_text("# mine\n")
    (made / "state" / "examples-made").unlink()
    init_workspace(made, demo())
    assert (made / "policy.toml").read_text() == "# mine\n"


_KILLER = """
import os, sys
from dataclasses import replace
from pathlib import Path
import agentos.workspace.init as init
from agentos.workspace.answers import demo
left = int(sys.argv[2])
def counted(real):
    def call(*a, **k):
        global left
        left -= 1
        if left < 0:
            os._exit(9)
        return real(*a, **k)
    return call
for owner, name in ((Path, "replace"), (Path, "mkdir"), (init, "_git"), (os, "fsync")):
    setattr(owner, name, counted(getattr(owner, name)))
init.init_workspace(Path(sys.argv[1]), demo())
"""


@pytest.mark.parametrize("steps", [1, 2, 4, 9, 17, 26, 33])
def test_killed_half_way_the_next_run_completes(tmp_path: Path, made: Path, steps: int):
    target = tmp_path / "killed"
    done = subprocess.run([sys.executable, "-c", _KILLER, str(target), str(steps)], check=False)
    assert done.returncode == 9
    init_workspace(target, demo())
    assert tree(target) == tree(made)
    assert load_workspace(target).problems == ()
    assert not list(target.rglob(".agentos-init-*"))


def test_somebody_elses_folder_is_left_alone(tmp_path: Path):
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(WorkspaceError, match="not empty"):
        init_workspace(tmp_path)
    assert os.listdir(tmp_path) == ["thesis.txt"]
    with pytest.raises(WorkspaceError, match="is a file"):
        init_workspace(tmp_path / "thesis.txt")


def test_without_git_nothing_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(WorkspaceError, match="git is not installed") as caught:
        init_workspace(tmp_path / "ws")
    assert caught.value.code == "workspace.no_git"
    assert not (tmp_path / "ws").exists()


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path):
    with pytest.raises(WorkspaceError, match="can't be written") as caught:
        init_workspace(Path("/proc/agentos-test"))
    assert caught.value.code == "workspace.read_only"


@given(st.text(min_size=1, max_size=40).filter(lambda s: s.strip() and s.isprintable()))
@settings(deadline=None, max_examples=60)
def test_any_name_survives_the_template(name: str):
    import tomllib
    from importlib.resources import files

    from agentos.workspace.init import configuration_text

    template = files("agentos.workspace").joinpath("template/agentos.toml").read_text("utf-8")
    assert tomllib.loads(configuration_text(template, replace(demo(), name=name)))["business"]["name"] == name


# Reading


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ("[business]\nname = \n", "agentos.toml:2", "not valid TOML"),
        ('[business]\nname = "a"\n\n[business]\n', "agentos.toml:4", "not valid TOML"),
        ('[business]\nname = "unclosed', "agentos.toml:2", "not valid TOML"),
        ("", "agentos.toml:1", "business is missing"),
        ('[business]\nvat_id = "XX12"\n', "agentos.toml:2", "no country's code"),
        ('[business]\nvat_id = "DE12"\n', "agentos.toml:2", "as in DE123456789"),
        ('[business]\ntax_number = "me@lang.example"\n', "agentos.toml:2", "12/345/67890"),
        ('[business]\nname = "a"\ncurency = "EUR"\n', "agentos.toml:3", "Did you mean currency?"),
        ('[business]\nname = "a"\ncurrency = "euro"\n', "agentos.toml:3", "ISO 4217"),
        ('[business]\nname = "a"\namounts = "both"\n', "agentos.toml:3", "'net' or 'gross'"),
        ('[business]\nname = "a"\nvat_rate = 119\n', "agentos.toml:3", "less than or equal to 100"),
        ('[business]\nname = "a"\n\niban = "DE89370400440532013001"\n', "agentos.toml:4", "check digits"),
        ('[business]\nname = "a"\ntimezone = "Mars/Base"\n', "agentos.toml:3", "time zone"),
        ('[business]\nname = "a"\nemail = "nobody"\n', "agentos.toml:3", "mail address"),
        ('business.name = "a"\nbusiness.vat_id = "no"\n', "agentos.toml:2", "VAT id"),
        ('[business]\nname = "a"\n[business.invoice]\npattern = "{jahr}"\n', "agentos.toml:4", "pattern"),
        ('[business]\nname = "a"\n[business.invoice]\npattern = "{year}"\n', "agentos.toml:4", "same number"),
        (
            '[business]\nname = "a"\n[[models.small]]\nmodel = "x"\n'
            '[[models.small]]\nmodel = "y"\ntimeout_seconds = 0\n',
            "agentos.toml:7",
            "models.small[2].timeout_seconds",
        ),
        ('[business]\nname = "a"\naddress = {\n street = "x" }\n', "agentos.toml:3", ""),
        ('[business]\nname = """\na\n"""\n[hours]\novernight_from = "25:00"\n', "agentos.toml:6", "time of day"),
    ],
)
def test_a_wrong_configuration_names_line_and_expectation(made: Path, text: str, where: str, words: str):
    error = wrong(made, text)
    assert error.where == where
    assert words in str(error)


def test_a_key_pasted_into_the_file_is_not_repeated(made: Path):
    for line in ('api_key = "sk-live-secret"', 'api_key_env = "sk-live-secret-1"', 'local = "sk-live-secret"'):
        error = wrong(made, f'[business]\nname = "a"\n[[models.small]]\nmodel = "x"\n{line}\n')
        assert error.where == "agentos.toml:5"
        assert "sk-live" not in str(error)


def test_encodings(made: Path):
    path = made / "agentos.toml"
    good = '[business]\nname = "Müller"\n'
    for data in (
        b"\xef\xbb\xbf" + good.encode(),
        good.replace("\n", "\r\n").encode(),
        good.replace("\n", "\r").encode(),
    ):
        path.write_bytes(data)
        assert load_configuration(made).business.name == "Müller"
    for data, where, words in (
        (good.encode("utf-16"), "agentos.toml", "UTF-16"),
        (good.encode("latin-1"), "agentos.toml:2", "UTF-8"),
        (b"# " + b"x" * 1_000_000, "agentos.toml", "bytes"),
        (b"a = " + b"[" * 50_000, "agentos.toml", "TOML|nested"),
        (b"a = " + b"9" * 10_000, "agentos.toml", "too long"),
    ):
        path.write_bytes(data)
        with pytest.raises(WorkspaceError, match=words) as caught:
            load_configuration(made)
        assert caught.value.where.startswith(where)


def test_a_broken_client_does_not_hide_the_others(made: Path):
    clients = made / "clients"
    (clients / "broken.toml").write_text('name = "Broken"\nvat = "maybe"\n')
    (clients / "halves.toml").write_text('name = "H"\n\nschedule = [{ share = 50, days = 0 }]\n')
    (clients / "other-id.toml").write_text('name = "O"\nid = "someone"\n')
    (clients / "Big Name.toml").write_text('name = "B"\n')
    workspace = load_workspace(made)
    assert sorted(workspace.clients) == ["acme-studio", "beta-ltd"]
    assert [problem.where for problem in workspace.problems] == [
        "clients/Big Name.toml",
        "clients/broken.toml:2",
        "clients/halves.toml:3",
        "clients/other-id.toml:2",
    ]
    assert all(problem.hint for problem in workspace.problems)


def test_links_out_of_the_workspace_are_not_read(made: Path, tmp_path: Path):
    outside = tmp_path / "outside.toml"
    outside.write_text('name = "Outside"\n')
    (made / "clients" / "outside.toml").symlink_to(outside)
    (made / "knowledge" / "loop").symlink_to(made / "knowledge")
    (made / "knowledge" / "out.md").symlink_to(outside)
    workspace = load_workspace(made)
    assert [(problem.where, "outside the workspace" in problem.message) for problem in workspace.problems] == [
        ("clients/outside.toml", True)
    ]
    assert not [name for name, _ in edited_files(made) if "out" in name]
    assert {name for name, _ in left_out(made)} == {"clients/outside.toml", "knowledge/out.md"}


def test_edited_files_are_exactly_what_the_operator_edits(made: Path):
    (made / "knowledge" / "deep").mkdir()
    (made / "knowledge" / "deep" / "a.md").write_bytes(b"a\r\n")
    for scratch in (".hidden", "a.md~", "#a.md#", ".a.md.swp"):
        (made / "knowledge" / scratch).write_text("x")
    (made / "state" / "secret").write_text("x")
    files = dict(edited_files(made))
    assert files["knowledge/deep/a.md"] == b"a\r\n"
    assert {"agentos.toml", "policy.toml", "clients/acme-studio.toml", "recipes/README.md"} <= set(files)
    assert {name.split("/")[0] for name in files} == {"agentos.toml", "policy.toml", "clients", "knowledge", "recipes"}
    assert not [name for name in files if "~" in name or "#" in name or "/." in name]


def test_lines_of_keys_survive_comments_strings_and_arrays():
    text = '# c\n[a]\nx = """\n[b]\n"""\ny = [ # z = 1\n  1,\n]\n"q.r" = 1\n[[t]]\nk=1\n[[t]]\nk=2\n[a.s]\nz={u=1}\n'
    for key, line in (
        (("a", "x"), 3),
        (("a", "y"), 6),
        (("a", "y", 0), 6),
        (("a", "q.r"), 9),
        (("t", 0, "k"), 11),
        (("t", 1, "k"), 13),
        (("a", "s", "z", "u"), 15),
        (("nowhere",), 1),
    ):
        assert line_of(text, key) == line


def test_what_is_missing_is_asked_when_needed():
    assert require("DE1", "Your VAT id", "agentos.toml: business.vat_id") == "DE1"
    with pytest.raises(Missing) as caught:
        require(None, "Your VAT id", "agentos.toml: business.vat_id")
    assert caught.value.what == "Your VAT id"


@given(st.integers(min_value=10, max_value=31), st.integers(min_value=1, max_value=9))
@settings(deadline=None, max_examples=40)
def test_one_wrong_digit_is_always_noticed(position: int, shift: int):
    good = "DE89370400440532013000"
    assert valid_iban(good)
    index = position % 20 + 2
    changed = good[:index] + str((int(good[index]) + shift) % 10) + good[index + 1 :]
    assert not valid_iban(changed)


@pytest.mark.parametrize("hidden", ["\u202e", "\u0007", "\n", "\u2066", "\u00ad"])
def test_what_can_not_be_seen_on_an_invoice_is_refused_with_file_and_line(made: Path, hidden: str) -> None:
    file = made / "clients" / "acme-studio.toml"
    plain = file.read_text(encoding="utf-8")
    for old in ("Acme Studio GmbH", "Musterstraße 12", "Anna Beispiel"):
        written = "".join(f"\\u{ord(ch):04x}" for ch in hidden)
        file.write_text(plain.replace(old, f"{old}{written}x"), encoding="utf-8")
        (problem,) = load_workspace(made).problems
        line = 1 + next(n for n, text in enumerate(plain.splitlines()) if old in text)
        assert problem.where.startswith(f"clients/acme-studio.toml:{line}")
        assert "direction mark" in problem.message
