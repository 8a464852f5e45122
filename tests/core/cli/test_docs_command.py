"""``offhook docs``: the pages by name and by section, and everything that the code points to is among them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from offhook.cli.docs_command import all_pages, read
from offhook.cli.exit_codes import ExitCode
from offhook.cli.root import run
from offhook.errors import ConfigError
from offhook.plugin import Plugins, hookspecs, report

ROOT = Path(__file__).parents[3]
CODE = "\n".join(
    path.read_text(encoding="utf-8") for top in ("core", "plugins", "mockserver") for path in (ROOT / top).rglob("*.py")
)


def test_the_list_has_every_page_with_its_title(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["docs"]) == ExitCode.COMPLETED
    printed = capsys.readouterr().out
    assert printed.startswith("write-a-plugin           Write a plugin\n")
    assert re.findall(r"^([\w-]+) {2,}", printed, re.MULTILINE) == [page.stem for page in all_pages()]
    assert len({page.stem for page in all_pages()}) == len(all_pages()) > 12


@pytest.mark.parametrize("wanted", ["hooks", "hooks.md", "reference/hooks", "docs/reference/hooks.md"])
def test_a_page(wanted: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["docs", wanted]) == ExitCode.COMPLETED
    assert capsys.readouterr().out == (ROOT / "docs/reference/hooks.md").read_text(encoding="utf-8")


def test_a_section_ends_at_the_next_of_its_level(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["docs", "hooks#a-plugin"]) == ExitCode.COMPLETED
    printed = capsys.readouterr().out
    assert re.findall(r"^#+ .*", printed, re.MULTILINE) == ["## A plugin", "### Order", "### What a registry takes"]
    assert read("interfaces#carriercheck") == read("interfaces#Carrier.check") != read("interfaces#carrier")
    assert read("hooks#offhook_call_ended").endswith("\n"), "the last of the page"


def test_a_comment_in_code_is_not_a_section() -> None:
    assert "\n# acme-offhook\n" in read("write-a-plugin")
    with pytest.raises(ConfigError, match="the page write-a-plugin has no section 'acme-offhook'"):
        read("write-a-plugin#acme-offhook")


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ("hoks", "no page is called 'hoks'; did you mean hooks? For a list of the pages: offhook docs"),
        ("7", "no page is called '7'. For a list of the pages: offhook docs"),
        (
            "hooks#ofhook_transport",
            "the page hooks has no section 'ofhook_transport'; did you mean offhook_transport? For the whole page: "
            "offhook docs hooks",
        ),
    ],
)
def test_similar_names_are_suggested(wanted: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["docs", wanted]) == ExitCode.BAD_USAGE
    assert capsys.readouterr().err == f"offhook: {says}\n"


def test_pages_and_sections_that_the_code_refers_to_exist() -> None:
    hooks = [name for name in vars(hookspecs) if name.startswith("offhook_")]
    kinds = [item.interface.__name__ for item in Plugins().registries() if item.interface is not None]
    found = re.findall(r"\bcontract_error\([^\n]*?\"(\w+)\"\)|offhook docs ([a-z]+[\w#-]*)", CODE)
    wanted = {f"{report.HOOKS_PAGE}#{name}" for name in hooks}
    wanted |= {f"{report.INTERFACES_PAGE}#{name.lower()}" for name in [*kinds, *(kind for kind, _ in found if kind)]}
    wanted |= {report.PLUGIN_SECTION, report.REGISTRY_SECTION, *(page for _, page in found if page)}
    for page in wanted:
        assert read(page)
    for path in re.findall(r"\bdocs/[\w/-]+\.md", CODE):
        assert (ROOT / path).is_file(), path


def test_a_word_lists_the_pages_with_it_in_their_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["docs", "test"]) == ExitCode.COMPLETED
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line][:-1]
    assert listed == [
        "failed-tests",
        "test-a-voice-app",
        "test-an-agent",
        "test-tokens",
        "test-webhooks",
        "test-with-virtual-time",
        "test-kit",
    ]
