"""``offhook agora smoke``: one call to a number of one's own, compared with what offhook assumes."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from offhook import Phone
from offhook.cli import CallOrder, ExitCode, choose, code_for_error, place, print_complaint, print_line, report, run
from offhook.errors import OffhookError
from offhook.interfaces import Environment
from offhook.paths import expanded
from offhook.records import write_private
from offhook.wording import quoted_path, system_reason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from offhook.interfaces import Store
    from offhook_agora.smoke.comparison import Row

#: What is played at the answer, so that the tester can say whether it is heard.
_TONES: Final = ("tone:440,0.5", "silence:0.5", "tone:660,0.5")
_KEYS: Final = ("SENDBLUE_API_API_KEY", "SENDBLUE_API_API_SECRET", "OFFHOOK_FROM_NUMBER")
#: A page of a few kilobytes; files of this name are counted up to this number.
_MOST_REPORTS: Final = 1000


def smoke(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="A number of your own, in E.164. It is rung.")],
    yes: Annotated[bool, typer.Option("--yes", help="Ring it. Without this, nothing is dialled.")] = False,
    for_s: Annotated[
        float, typer.Option("--for", metavar="SECONDS", min=5, max=300, help="Leave this long after the answer.")
    ] = 20.0,
    transport: Annotated[
        str | None, typer.Option(metavar="NAME", help="The transport that joins the channel; see: offhook plugins.")
    ] = None,
    from_number: Annotated[
        str | None,
        typer.Option("--from", metavar="NUMBER", help="The line to call from, instead of the configured one."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--report", parser=expanded, metavar="FILE", help="Where the report goes: a new file."),
    ] = None,
) -> None:
    """Ring a number of your own, and compare the call with what offhook assumes about Sendblue's side.

    Take the phone, let it ring about five seconds, answer, be silent until the two tones have ended, and then for five
    seconds more; then talk. Do not hang up. Afterwards it asks three questions, if there is a terminal, and writes a
    report without number, keys, token and channel.

    Exit codes: as for `offhook call`; 2 without --yes.
    """
    # Every start of the command line imports this module, and few are for this command.
    from offhook_agora.smoke.comparison import compare
    from offhook_agora.smoke.ear import SPEC, Ear, EarPlugin
    from offhook_agora.smoke.report import page

    file = _new_file(out)
    ear = Ear()
    plugin = EarPlugin(ear)

    def open_phone(store: Store | None) -> Phone:
        stores: list[Store | str] = ["auto"] if store is None else ["auto", store]
        return Phone.from_env(transport=transport, plugins=[plugin], store=stores)

    if not yes:
        raise typer.Exit(run(lambda stop: _try_out(lambda: open_phone(None), number, from_number)))
    order = CallOrder(number, _TONES, (SPEC,), for_s, quiet_s=for_s, from_number=from_number)
    result = run(lambda stop: place(order, open_phone, choose(json=False), stop))
    if result.record is not None and result.record.dialed_at:
        ended = result.code in (ExitCode.COMPLETED, ExitCode.FAILED)
        rows = compare(result.record, ear, _answers() if ended and result.record.answered_at_s is not None else {})
        _show(rows)
        setting = [("transport", transport or Environment.of_process().get("OFFHOOK_TRANSPORT") or "by default")]
        private = [number, *(Environment.of_process().get(name, "") for name in _KEYS), result.record.channel]
        _write(file, page(result.record, rows, setting, private))
    raise typer.Exit(report(result, as_json=False))


async def _try_out(open_phone: Callable[[], Phone], number: str, from_number: str | None) -> ExitCode:
    """Do everything but the ringing, and say what is missing."""
    try:
        async with open_phone() as phone:
            await phone.dry_run(number, from_number=from_number)
    except OffhookError as error:
        print_complaint(error.message)
        return code_for_error(error)
    print_complaint("everything is ready and nothing was dialled: add --yes to ring that number")
    return ExitCode.BAD_USAGE


def _new_file(out: Path | None) -> Path:
    """The file for the report, which does not exist; found before anything rings."""
    names = ["offhook-smoke.md", *(f"offhook-smoke-{number}.md" for number in range(2, _MOST_REPORTS))]
    file = out or next((Path(name) for name in names if not Path(name).exists()), Path(names[0]))
    if file.exists() or not os.access(file.absolute().parent, os.W_OK):
        print_complaint(f"--report {quoted_path(file)}: it exists, or its folder cannot be written. Choose another")
        raise typer.Exit(ExitCode.BAD_USAGE)
    return file


def _answers() -> dict[str, bool]:
    """What the tester says; nothing without a terminal."""
    from offhook_agora.smoke.comparison import QUESTIONS

    answers: dict[str, bool] = {}
    if not sys.stdin.isatty():
        return answers
    with suppress(KeyboardInterrupt, EOFError):
        for name, question in QUESTIONS.items():
            print_line(f"{question} [y/n, Enter: do not know]")
            said = sys.stdin.readline().strip().lower()[:1]
            if said in ("y", "n"):
                answers[name] = said == "y"
    return answers


def _show(rows: Sequence[Row]) -> None:
    print_line()
    for row in rows:
        print_line(f"{row.verdict:>10}  {row.about}")
        print_line(f"{'':>10}  assumed: {row.assumed}")
        if row.seen:
            print_line(f"{'':>10}  seen: {row.seen}")


def _write(file: Path, text: str) -> None:
    try:
        write_private(file, text.encode())
    except (OSError, ValueError) as error:
        print_complaint(f"the report {quoted_path(file)} cannot be written: {system_reason(error)}")
    else:
        print_line()
        print_line(f"the report is in {file}: read it before you attach it to an issue")
