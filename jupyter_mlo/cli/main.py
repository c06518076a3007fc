"""Entry point of ``jupyter-mlo``, which ``jupyter mlo`` starts."""

from __future__ import annotations

import os
import sys

from jupyter_mlo.errors import InvalidInput, MloError, PassphraseUnavailable, escaped

TYPE_CHECKING = False  # what type checkers take for typing's, which takes long to import
if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_mlo.verbs.context import Context


class TerminalPrompter:
    """Asks on the controlling terminal; refuses at once where there is none."""

    def text(self, question: str, *, default: str = "") -> str:
        if not sys.stdin.isatty():
            raise InvalidInput(
                f"{question} was not given, and there is no terminal to ask at",
                hint="pass it as an option; --help names it",
            )
        shown = escaped(f"{question} [{default}]: " if default else f"{question}: ")
        sys.stderr.write(shown)
        sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            raise InvalidInput(
                f"{question}: the input ended", hint="answer the question, or pass it as an option"
            )
        return line.strip() or default

    def secret(self, question: str) -> str:
        import getpass

        if not sys.stdin.isatty():
            raise PassphraseUnavailable(
                "a passphrase is needed, and there is no terminal to ask at",
                hint="name a file in MLO_PASSPHRASE_FILE, or pass --passphrase-fd; "
                "for unattended runs make a mandate: jupyter mlo mandate create --help",
            )
        return getpass.getpass(escaped(f"{question}: "), stream=sys.stderr)


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``jupyter mlo``; the result is the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        status = _run(arguments)
        sys.stdout.flush()
    except MloError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read our output (head, less) has gone: what was asked for is done, and
        # nothing is left to write to when the interpreter flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if os.environ.get("MLO_DEBUG"):
            raise
        print(
            "error: jupyter mlo failed in a way that it should not: "
            f"{escaped(f'{type(error).__name__}: {error}')}\n"
            "  hint: this is a fault of ours; MLO_DEBUG=1 shows where, for a report",
            file=sys.stderr,
        )
        return 70
    return status


def _run(arguments: Sequence[str]) -> int:
    if arguments[:1] == ["--version"]:
        from jupyter_mlo import __version__

        print(__version__)
        return 0
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        from jupyter_mlo.verbs.overview import overview

        print(overview(), end="")
        return 0
    from jupyter_mlo.verbs.parser import run_verb

    return run_verb(arguments, _context(arguments[0]))


def _context(name: str) -> Context:
    from datetime import UTC, datetime

    from jupyter_mlo.config import load_settings
    from jupyter_mlo.verbs.context import Context
    from jupyter_mlo.verbs.overview import VERBS

    return Context(
        settings=load_settings(asked=VERBS[name].asks if name in VERBS else "nobody"),
        out=sys.stdout,
        err=sys.stderr,
        ask=TerminalPrompter(),
        now=lambda: datetime.now(UTC),
    )


if __name__ == "__main__":
    sys.exit(main())
