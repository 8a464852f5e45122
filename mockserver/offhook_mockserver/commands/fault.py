"""``offhook mock fault``: faults of a running mock, from the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import quote

import typer

from offhook.cli import print_json, print_line
from offhook.errors import ConfigError
from offhook.interfaces import Environment, SystemClock
from offhook.wording import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offhook_mockserver.commands.locator import RunningMock

_TIMEOUT_S: Final = 5.0
#: The longest answer of a mock that is read: a tenant has at most 100 faults.
_MOST_ANSWER: Final = 4 * 1024 * 1024

fault: typer.Typer = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Let something go wrong in a running mock, and stop it again."
)

_Mock = Annotated[str | None, typer.Option("--mock", metavar="URL", help="Which mock; by default, the only one here.")]
_Tenant = Annotated[
    str | None, typer.Option("--tenant", metavar="KEY", help="The key id of a tenant; by default, the first one.")
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@fault.command("names")
def names_command() -> None:
    """Print the faults and their options; those in brackets may be left out."""
    from offhook_mockserver.tenants.faults import FAULT_NAMES, arguments_of, summary_of

    for name in FAULT_NAMES:
        known = arguments_of(name).values()
        options = [_option(argument.name) if argument.needed else f"[{_option(argument.name)}]" for argument in known]
        print_line(" ".join([name, *options]))
        print_line(f"    {summary_of(name)}")


@fault.command("list")
def list_command(mock: _Mock = None, tenant: _Tenant = None, as_json: _Json = False) -> None:
    """Print the active faults and those that are used up, and how often each was applied."""
    _show(_ask(mock, tenant, "GET", ""), as_json)


@fault.command("add", context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
def add_command(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name that `offhook mock fault names` prints.")],
    mock: _Mock = None,
    tenant: _Tenant = None,
    as_json: _Json = False,
) -> None:
    """Make a fault, active until it is removed or the mock stops. Its arguments are options: --status 503 --times 2."""
    body: dict[str, object] = {"name": name, "arguments": arguments_from(name, context.args)}
    made = _ask(mock, tenant, "POST", "", body)
    if as_json:
        print_json(made)
    else:
        print_line(_line(made))


@fault.command("remove")
def remove_command(
    id: Annotated[str, typer.Argument(metavar="ID", help="The id that `offhook mock fault list` prints.")],
    mock: _Mock = None,
    tenant: _Tenant = None,
    as_json: _Json = False,
) -> None:
    """Undo one fault."""
    if not (id.isascii() and id.isalnum()):  # it becomes a part of a path: "../faults" would undo all of them
        raise ConfigError(f"{quoted(id)} is not the id of a fault: `offhook mock fault list` prints them")
    removed = _ask(mock, tenant, "DELETE", f"/{id}")
    if as_json:
        print_json(removed)
    else:
        print_line(_line(removed))


@fault.command("clear")
def clear_command(mock: _Mock = None, tenant: _Tenant = None, as_json: _Json = False) -> None:
    """Undo all faults, and print them."""
    _show(_ask(mock, tenant, "DELETE", ""), as_json)


def arguments_from(name: str, words: Sequence[str]) -> dict[str, object]:
    """The arguments of a fault from the words of a command line, such as ``--status 503 --rings``.

    Raises:
        ConfigError: a word is not an option, or an option that is not a flag has no value.
    """
    from offhook_mockserver.tenants.faults import FAULT_NAMES, arguments_of

    known = arguments_of(name) if name in FAULT_NAMES else {}
    found: dict[str, object] = {}
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        if not word.startswith("--") or word == "--":
            raise ConfigError(f"{quoted(word)} is not an option: write --NAME VALUE, for example --times 1")
        option, equals, value = word.removeprefix("--").partition("=")
        argument = option.replace("-", "_")
        kind = known[argument].kind if argument in known else "str"
        if not equals and kind == "bool":
            found[argument] = True
            continue
        if not equals:
            if not waiting:
                raise ConfigError(f"--{option} needs a value")
            value = waiting.pop(0)
        found[argument] = _value(value, kind)
    return found


def _value(text: str, kind: str) -> object:
    """Text stays text where the fault wants nothing else; the mock says what is wrong with a value."""
    if not any(plain in kind for plain in ("int", "float", "bool")):
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, int | float | bool | None) else text


def _ask(url: str | None, tenant: str | None, method: str, path: str, body: dict[str, object] | None = None) -> Any:
    from offhook_mockserver.commands.locator import find_mock

    return _answer(find_mock(url, Environment.of_process()), tenant, method, path, body)


def _answer(
    mock: RunningMock, tenant: str | None, method: str, path: str, body: dict[str, object] | None
) -> dict[str, Any]:
    import httpx

    from offhook_mockserver.faces.control.operation import DEFAULT
    from offhook_mockserver.faces.control.place import PREFIX

    headers = {"authorization": f"Bearer {mock.token.reveal()}", "content-type": "application/json"}
    faults = f"{PREFIX}/tenants/{DEFAULT if tenant is None else quote(tenant, safe='')}/faults"
    clock, text = SystemClock(), bytearray()
    try:
        with (
            httpx.Client(trust_env=False, timeout=_TIMEOUT_S) as client,
            client.stream(
                method,
                f"{mock.url}{faults}{path}",
                headers=headers,
                content=None if body is None else json.dumps(body),
            ) as answer,
        ):
            until_s = clock.monotonic_s() + _TIMEOUT_S
            for part in answer.iter_raw():
                text += part
                if len(text) > _MOST_ANSWER or clock.monotonic_s() > until_s:
                    break
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ConfigError(f"the mock at {mock.url} does not answer ({type(error).__name__}): does it run?") from None
    try:
        document: dict[str, Any] = json.loads(text)
        if not answer.is_success:
            raise ConfigError(str(document["error"]["message"]))
        for found in document.get("faults", [document]):
            _line(found)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ConfigError(
            f"what answers at {mock.url} is not a mock of this version (HTTP {answer.status_code})"
        ) from None
    return document


def _show(document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    faults = document.get("faults", ())
    for found in faults:
        print_line(_line(found))
    if not faults:
        print_line("no fault is active")


def _line(found: dict[str, Any]) -> str:
    return f"{found['id']}  {found['text']}; applied {found['count']} times" + (
        ", used up" if found.get("used_up") else ""
    )


def _option(argument: str) -> str:
    return "--" + argument.replace("_", "-")
