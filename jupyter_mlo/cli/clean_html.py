"""HTML of cells, with everything left out that could act, or stand outside of its cell."""

from __future__ import annotations

import re
from typing import Any, Final

import bleach
from bleach.css_sanitizer import CSSSanitizer
from bs4 import BeautifulSoup

#: Left out with all that they hold.
_DROPPED: Final = (
    "script", "style", "template", "noscript", "iframe", "frame", "object", "embed", "form", "svg",
    "math", "link", "meta", "base", "title",
)  # fmt: skip
_TAGS: Final = frozenset((
    "a", "abbr", "b", "blockquote", "br", "caption", "code", "col", "colgroup", "dd", "del",
    "details", "div", "dl", "dt", "em", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5",
    "h6", "hr", "i", "img", "ins", "kbd", "li", "ol", "p", "pre", "q", "s", "samp", "small",
    "span", "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead",
    "tr", "tt", "u", "ul", "var",
))  # fmt: skip
_ATTRIBUTES: Final = {
    "*": ["class", "style", "title", "dir", "lang", "align", "data-mime-type", "data-type"],
    "a": ["href"],
    "col": ["span"],
    "details": ["open"],
    "img": ["src", "alt", "width", "height"],
    "ol": ["start"],
    "table": ["border"],
    "td": ["colspan", "rowspan"],
    "th": ["colspan", "rowspan", "scope"],
}


#: What nbconvert's template and highlighting put around what cells hold. JupyterLab's style
#: sheet has others that lay things over the page.
_CLASSES: Final = re.compile(
    r"jp-(?:(?:Code|Markdown|Raw)?Cell|Notebook-cell|Cell-(?:input|output)(?:Wrapper|Area)"
    r"|(?:Input|Output)(?:Prompt|Area(?:-(?:prompt|editor|child|output|executeResult))?)"
    r"|CodeMirrorEditor|Editor|MarkdownOutput|Rendered(?:Text|HTMLCommon|HTML|Markdown|Image|Latex))"
    r"|cm-editor|cm-s-jupyter|highlight|hl-[a-z0-9]+|dataframe|ansi-[a-z-]+|[a-z][a-z0-9]{0,2}"
)


class _Addresses:
    """Which attributes stay: pictures come from the page itself, links lead to the web."""

    def __call__(self, tag: str, name: str, value: str) -> bool:
        if name not in (*_ATTRIBUTES["*"], *_ATTRIBUTES.get(tag, ())):
            return False
        if name == "href":
            return not value.strip().lower().startswith("data:")
        return name != "src" or value.startswith("data:image/")


_CLEANER: Final = bleach.Cleaner(
    tags=_TAGS,
    attributes=_Addresses(),
    protocols={"http", "https", "mailto", "data"},
    strip=True,
    strip_comments=True,
    # Its list has neither position nor margin nor background images.
    css_sanitizer=CSSSanitizer(),
)


def clean(html: Any) -> str:
    """The same page's worth of text, tables, pictures and headings."""
    soup = BeautifulSoup(str(html), "html.parser")
    for tag in soup(_DROPPED):
        tag.decompose()
    for tag in soup.find_all(class_=True):
        tag["class"] = " ".join(name for name in tag["class"] if _CLASSES.fullmatch(name))
    return str(_CLEANER.clean(str(soup)))
