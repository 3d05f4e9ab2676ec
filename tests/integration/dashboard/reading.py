"""Pages, as they are read."""

from lxml import html


def parsed(answer):
    return html.fromstring(answer.content.decode())


def texts(answer, css_class=None, *, xpath=None):
    """The texts of all elements of that class, or that the XPath finds, without what is only spacing."""
    path = xpath or f"//*[contains(concat(' ', @class, ' '), ' {css_class} ')]"
    return [" ".join(found.text_content().split()) for found in parsed(answer).xpath(path)]


def notes(answer):
    """What the page says of what was just done."""
    return texts(answer, "note")


def rows(answer, label):
    """The rows of the table in the region with that name, each as the texts of its cells."""
    found = parsed(answer).xpath(f"//*[@aria-label='{label}']//tbody/tr")
    return [[" ".join(cell.text_content().split()) for cell in row.xpath("./th | ./td")] for row in found]
