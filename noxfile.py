"""Everything that is checked. `uv run nox` runs what CI runs, `uv run nox -s quick` the fast tests only."""

from __future__ import annotations

import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["lint", "types", "core", "tests", "wheel"]

ROOT = Path(__file__).parent
PROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
SOURCES = ("core", "plugins", "mockserver")
EXAMPLE = ("docs/examples/acme-offhook/src", "docs/examples/acme-offhook/tests")
PACKAGES = [Path(folder).name for folder in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]]
# Without it, `import core.offhook` would work by accident from the root and make a second copy of every class.
ENVIRONMENT = {"PYTHONSAFEPATH": "1"}
# The tests start hundreds of processes: each would compile every module anew where this variable is set.
ENVIRONMENT |= {"PYTHONDONTWRITEBYTECODE": ""}
TWO_PROCESSES = ("-n", "2", "--dist", "worksteal")
# Twice as many processes as our machines have cores, since most of the time is spent waiting for real calls.
FOUR_PROCESSES = ("-n", "4", "--dist", "worksteal")


def install(session: nox.Session, *groups: str) -> None:
    """Install offhook with all its extras, editable, and the named dependency groups."""
    session.env.update(ENVIRONMENT)
    session.install("-e", ".[mock,audio,testing]", *nox.project.dependency_groups(PROJECT, *groups))


@nox.session
def lint(session: nox.Session) -> None:
    """ruff, the arrows between packages and rooms, and the count of words that are slow to read."""
    install(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports", "--no-cache")
    session.run("python", "tests/packaging/plain_english.py", *SOURCES)


@nox.session
def types(session: nox.Session) -> None:
    """mypy and pyright, both strict; and every public name of every package has a type that is written down."""
    install(session, "types", "test", "sdks")
    with ThreadPoolExecutor() as beside:  # each of these takes one core
        pyright = beside.submit(session.run, "pyright")
        public = beside.submit(_public_types, session)
        # The example is what others copy: it is held to what the sources are.
        session.run("mypy", *SOURCES, "noxfile.py", *EXAMPLE)
        # A little looser: mypy takes a state that was asserted to be unchanged for ever after.
        loose = ("--no-warn-unreachable", "--disable-error-code=comparison-overlap")
        session.run("mypy", *loose, "tests", "examples", "docs")
        pyright.result()
        public.result()


def _public_types(session: nox.Session) -> None:
    for package in PACKAGES:  # as installed, by the python that is first on the path; exits with 1 below 100 %
        session.run("pyright", "--verifytypes", package, "--ignoreexternal", silent=True)


@nox.session
def core(session: nox.Session) -> None:
    """The tests of the core and of its conformance kits, with every branch of `offhook` covered by them alone."""
    install(session, "test")
    # Starts coverage in every Python process, so that it measures both workers.
    session.env["COVERAGE_PROCESS_START"] = str(ROOT / "pyproject.toml")
    session.run("coverage", "erase")
    session.run("pytest", "tests/core", "tests/testing", *TWO_PROCESSES, *session.posargs)
    del session.env["COVERAGE_PROCESS_START"]
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")


@nox.session(default=False)
def kits(session: nox.Session) -> None:
    """The conformance kits in full: each broken plugin runs every clause. To be run whenever a kit changes."""
    install(session, "test")
    session.run("pytest", "tests/testing", "--whole-kits", *TWO_PROCESSES, *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """All other tests but `soak`, `agora` and `sdks`, the slow ones too: real sockets, real media, real servers."""
    install(session, "test")
    others = ("tests", "--ignore=tests/core", "--ignore=tests/testing", "-m", "not soak and not agora and not sdks")
    session.run("pytest", *others, *FOUR_PROCESSES, *session.posargs)


@nox.session(default=False)
def soak(session: nox.Session) -> None:
    """A thousand calls that leave nothing, a hundred over real media, and the benchmark itself. CI runs it as well."""
    install(session, "test", "soak")
    session.run("pytest", "tests", "-p", "no:asyncio", "-m", "soak and not agora", *TWO_PROCESSES, *session.posargs)


@nox.session(default=False)
def agora(session: nox.Session) -> None:
    """The contract tests over the Python layer of Agora's SDK. They need a C compiler; CI runs them as well."""
    install(session, "test")
    session.install("pip")  # downloads the Python layer's source archive; uv's environments have none
    # Fewer than in `tests`: nearly all of these hear audio in real time.
    session.run("pytest", "tests/agora", "-m", "agora", "-n", "3", "--dist", "worksteal", *session.posargs)


@nox.session(default=False)
def sdks(session: nox.Session) -> None:
    """Sendblue's official SDKs, schemathesis, and the example in JavaScript. Needs node; CI runs it as well."""
    install(session, "test", "sdks")
    session.install("pip")  # downloads the source archive of the SDK, which has its tests; uv's environments have none
    if shutil.which("npm"):
        npm = ("npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent")
        for folder in ("tests/sdks/js", "examples/node"):
            with session.chdir(ROOT / folder):
                session.run(*npm, external=True)
    # Without `no:asyncio`, which the tests of the SDK need, pytest would load it for ours.
    session.run("pytest", "tests/sdks", "-p", "no:asyncio", *TWO_PROCESSES, *session.posargs)


@nox.session(name="agora-versions", default=False)
def agora_versions(session: nox.Session) -> None:
    """The same on other versions of that layer, by hand, and what changed: `nox -s agora-versions -- 2.4.9 newest`."""
    install(session, "test")
    session.install("pip")
    session.run("python", "tests/agora/versions.py", *session.posargs)


@nox.session(default=False)
def fuzz(session: nox.Session) -> None:
    """Every parser of what others wrote, with as many inputs each as are given: `nox -s fuzz -- 1000000`."""
    install(session, "test")
    session.run("python", "-W", "error", "tests/fuzz/run.py", *session.posargs)


@nox.session(default=False)
def quick(session: nox.Session) -> None:
    """The fast tests."""
    install(session, "test")
    session.run("pytest", "tests", "-m", "not slow and not agora and not sdks", *FOUR_PROCESSES, *session.posargs)


@nox.session(default=False)
def fast(session: nox.Session) -> None:
    """Calls and a mock on uvloop, the loop of the extra `fast`."""
    session.env.update(ENVIRONMENT)
    session.install("-e", ".[mock,fast]")
    session.run("python", "tests/packaging/fast.py")


@nox.session(reuse_venv=False)
def wheel(session: nox.Session) -> None:
    """Build the wheel, install it alone in a new environment, place a call with it from an empty folder, and follow the
    tutorial."""
    session.env.update(ENVIRONMENT)
    session.install(*nox.project.dependency_groups(PROJECT, "wheel"))
    with tempfile.TemporaryDirectory() as folder:
        session.run("python", "-m", "build", "--installer", "uv" if shutil.which("uv") else "pip", "--outdir", folder)
        (built,) = Path(folder).glob("*.whl")
        session.run("python", str(ROOT / "tests/packaging/inspect_wheel.py"), str(built))
        session.install(f"{built}[mock]")
        elsewhere = Path(folder, "elsewhere")
        elsewhere.mkdir()
        os.chdir(elsewhere)
        try:
            session.run("offhook", "plugins")
            session.run("offhook", "docs", "hooks#offhook_transport", silent=True)
            session.run("offhook", "demo", "--json", "--out", "call", silent=True)
        finally:
            os.chdir(ROOT)
        session.install(f"{built}[mock,testing]")
        session.run("python", str(ROOT / "tests/packaging/tutorial.py"))


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """One table of ratios, measured in turns. With `-- --runs 3 --page` it writes docs/benchmarks.md as well."""
    install(session, "test")
    session.run("python", "tests/bench/run.py", *session.posargs)
