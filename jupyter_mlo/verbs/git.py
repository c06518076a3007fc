"""Have git show notebooks readably, and merge them so that stamps stay with their cells.

`install` sets up this clone (or with --global all of yours): `git diff`, `git log -p` and
`git blame` show cells with who executed them; `git merge` merges cells (through nbdime), keeps the
stamps of those that are as they were stamped, and names the seals, which are of neither: they count
as older ones, so seal again when you are done. Where nbdime is, its views leave our metadata out;
where a jupytext.toml is, text files do not get it either. nbstripout may go on as it is.

`textconv` and `merge` are what git calls.

Examples:
  jupyter mlo git install
  jupyter mlo git install --global
  jupyter mlo git status
  jupyter mlo git uninstall
  jupyter mlo git textconv train.ipynb
  jupyter mlo git merge base.ipynb ours.ipynb theirs.ipynb
"""

from __future__ import annotations

import argparse

from jupyter_mlo.verbs.context import Context


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="install|uninstall|status|textconv|merge"
    )
    for name, summary in (
        ("install", "set it up"),
        ("uninstall", "take it out again"),
        ("status", "show what is set up, and what other tools do to stamps"),
    ):
        action = actions.add_parser(name, allow_abbrev=False, help=summary)
        where = action.add_mutually_exclusive_group()
        where.add_argument(
            "--local", action="store_true", help="this clone (default); no file in it is changed"
        )
        where.add_argument(
            "--global", action="store_true", dest="everywhere", help="all clones of this account"
        )
        if name == "install":
            action.add_argument(
                "--jupytext",
                action="store_true",
                help="begin a jupytext.toml where there is none, with the filter in it",
            )
    textconv = actions.add_parser(
        "textconv", allow_abbrev=False, help="print a notebook as text (git calls it)"
    )
    textconv.add_argument("file", metavar="FILE", help="the notebook")
    merge = actions.add_parser(
        "merge", allow_abbrev=False, help="merge two versions into OURS (git calls it)"
    )
    merge.add_argument("base", metavar="BASE", help="what both come from")
    merge.add_argument("ours", metavar="OURS", help="this side; the result is written there")
    merge.add_argument("theirs", metavar="THEIRS", help="the other side")
    merge.add_argument("path", metavar="PATH", nargs="?", help="what the notebook is called")


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Do what was asked, or what git asks."""
    if arguments.action == "textconv":
        from jupyter_mlo.verbs.git_text import textconv

        return textconv(arguments.file, context)
    if arguments.action == "merge":
        from jupyter_mlo.verbs.git_merge import merge

        return merge(arguments, context)
    from jupyter_mlo.verbs import git_setup

    setup = git_setup.Setup(everywhere=arguments.everywhere)
    if arguments.action == "install":
        return git_setup.install(setup, context, jupytext=arguments.jupytext)
    if arguments.action == "uninstall":
        return git_setup.uninstall(setup, context)
    return git_setup.status(setup, context)
