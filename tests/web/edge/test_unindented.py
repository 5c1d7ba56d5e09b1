"""The layout of templates stays out of the pages, and takes no space away that HTML needs."""

import re
from pathlib import Path

import pytest
from flask import Flask
from jinja2 import TemplateSyntaxError

from erp.web.edge import templates

ROOT = Path(__file__).parents[3]


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


def test_a_tag_whose_attributes_stand_on_lines_of_their_own_is_written_on_one():
    source = '<input type="radio"\n       value="a > b"\n       {% if yes %}checked{% endif %}\n       >\n<p>'
    assert rendered(source, yes=True) == '<input type="radio" value="a > b" checked>\n<p>'


def test_an_expression_over_several_lines_stays_one():
    assert rendered('<a {{ "b".join(\n    ["c", "d"]) }}\n   id="e">') == '<a cbd id="e">'


def test_an_error_names_the_line_of_the_file():
    with pytest.raises(TemplateSyntaxError) as caught:
        rendered('<a b="c"\n   d="e">\n{% nonsense %}')
    assert caught.value.lineno == 3


IDS = re.compile(r'getElementById\("([^"]+)"\)')


def test_what_a_script_asks_for_by_its_id_stands_in_a_template():
    templates_text = "".join(path.read_text("utf-8") for path in sorted((ROOT / "templates").rglob("*.html")))
    scripts = [path.read_text("utf-8") for path in sorted((ROOT / "static/js").rglob("*.js"))]
    asked = {name for script in scripts for name in IDS.findall(script)}
    assert len(asked) > 5
    assert {name for name in asked if f'id="{name}"' not in templates_text} == set()
