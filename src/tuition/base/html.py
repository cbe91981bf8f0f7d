"""Small HTML tables that show objects in notebooks. All text is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape


def html_table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, caption: str = "", most: int = 20) -> str:
    """Return a table as HTML, with at most `most` rows; the last line counts the rows left out.

    Args:
        headings: the columns' names.
        rows: each row's cells, shown by `str`.
        caption: a line above the table.
        most: the most rows to show.
    """
    listed = list(rows)
    head = Markup("").join(Markup("<th>{}</th>").format(heading) for heading in headings)
    body = [
        Markup("<tr>{}</tr>").format(Markup("").join(Markup("<td>{}</td>").format(cell) for cell in row))
        for row in listed[:most]
    ]
    if len(listed) > most:
        body.append(
            Markup('<tr><td colspan="{}">{} more rows</td></tr>').format(len(headings), f"{len(listed) - most:,}")
        )
    title = Markup("<caption>{}</caption>").format(caption) if caption else Markup("")
    return str(
        Markup("<table>{}<thead><tr>{}</tr></thead><tbody>{}</tbody></table>").format(
            title, head, Markup("").join(body)
        )
    )


def html_spans(parts: Iterable[tuple[str, str]]) -> str:
    """Return consecutive texts as HTML, each with a CSS colour as its background, with their white space kept."""
    spans = (Markup('<span style="background:{}">{}</span>').format(colour, escape(text)) for colour, text in parts)
    return str(Markup('<pre style="white-space:pre-wrap">{}</pre>').format(Markup("").join(spans)))
