"""Write ``docs/demo.svg``: a terminal in which real commands ran on a real demo folder.

``python docs/make_cast.py [DIR]`` plays the demo into a temporary folder, or takes the one that
is named, runs the commands below in it and draws what they print, unaltered but for lines that
are too long for the picture, which are wrapped as a terminal does.
"""

from __future__ import annotations

import html
import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

PICTURE = Path(__file__).parent / "demo.svg"
COMMANDS = (
    "jupyter mlo blame runs/validate.ipynb",
    "jupyter mlo verify altered/validate.ipynb",
)
COLUMNS = 142
LINE, WIDTH, MARGIN, BAR = 17, 7.65, 16, 30
STYLE = """
text { font: 12.5px ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace;
       fill: #d8dee9; white-space: pre; }
.command { fill: #ffffff; font-weight: 600; }
.prompt { fill: #8fbc8f; }
"""


def session(folder: Path) -> list[str]:
    """Commands with a prompt, and the lines that they printed."""
    environ = os.environ | {
        "MLO_HOME": str(folder / "home"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": str(COLUMNS),
    }
    lines: list[str] = []
    for command in COMMANDS:
        done = subprocess.run(
            command.split(),
            cwd=folder,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        lines.append(f"$ {command}")
        for line in done.stdout.rstrip("\n").splitlines():
            lines += textwrap.wrap(
                line, COLUMNS, drop_whitespace=False, replace_whitespace=False
            ) or [""]
        lines += [f"$ echo $?\n{done.returncode}", ""] if done.returncode else [""]
    return "\n".join(lines).rstrip("\n").split("\n")


def picture(lines: list[str]) -> str:
    """The lines as an SVG of a terminal window."""
    width = round(2 * MARGIN + COLUMNS * WIDTH)
    height = BAR + 2 * MARGIN + LINE * len(lines) - 6
    rows = []
    for number, line in enumerate(lines):
        y = BAR + MARGIN + LINE * number + 8
        text = html.escape(line, quote=False)
        if line.startswith("$ "):
            text = f'<tspan class="prompt">$</tspan><tspan class="command"> {text[2:]}</tspan>'
        if line.strip():
            rows.append(f'<text x="{MARGIN}" y="{y}" xml:space="preserve">{text}</text>')
    dots = "".join(
        f'<circle cx="{MARGIN + 4 + 16 * place}" cy="{BAR // 2}" r="5" fill="{colour}"/>'
        for place, colour in enumerate(("#e06c75", "#e5c07b", "#98c379"))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-label="a terminal session">\n'
        f"<style>{STYLE}</style>\n"
        f'<rect width="{width}" height="{height}" rx="8" fill="#20252d"/>\n'
        f'<path d="M0 {BAR}V8a8 8 0 0 1 8-8H{width - 8}a8 8 0 0 1 8 8V{BAR}z" fill="#353b45"/>\n'
        f"{dots}\n" + "\n".join(rows) + "\n</svg>\n"
    )


def main() -> None:
    """Play the demo where no folder is named, and write the picture."""
    if len(sys.argv) > 1:
        PICTURE.write_text(picture(session(Path(sys.argv[1]).absolute())), encoding="utf-8")
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "demo"
        command = [sys.executable, "-m", "jupyter_mlo.cli.main", "demo", "--dir", str(folder)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        PICTURE.write_text(picture(session(folder)), encoding="utf-8")


if __name__ == "__main__":
    main()
