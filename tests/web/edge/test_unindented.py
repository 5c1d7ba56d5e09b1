"""The layout of templates stays out of the pages, and takes no space away that HTML needs."""

from flask import Flask

from erp.web.edge import templates


def rendered(source: str, **values: object) -> str:
    app = Flask(__name__)
    templates.install(app)
    return app.jinja_env.from_string(source).render(values)


def test_a_page_carries_no_indentation():
    assert rendered("<ul>\n  {% if yes %}\n    <li>\n      one\n    </li>\n  {% endif %}\n</ul>", yes=True) == (
        "<ul>\n<li>\none\n</li>\n</ul>"
    )


def test_an_attribute_after_a_block_tag_keeps_its_space():
    assert rendered('<a {% if yes %}id="b"{% endif %}\n   href="c">', yes=True) == '<a id="b" href="c">'
