from pathlib import Path

import pytest

from erp.web.edge.joining import JOINED, join

STATIC = Path(__file__).parents[3] / "static"
FILES = {
    "js/a/page.js": (
        'import { one } from "../lib/one.js";\nimport { two } from "./part.js";\n\nexport const page = one + two;\n'
    ),
    "js/a/part.js": (
        'import { more, one } from "../lib/one.js"; // why\nimport { deep } from "./deep.js";\n\n'
        "export const two = deep;\n"
    ),
    "js/a/deep.js": 'import "../../vendor/x.js";\nexport async function deep() {}\n',
}


def test_a_part_stands_before_what_imports_it_and_exports_nothing_by_itself():
    text = join("js/a/page.js", ("js/a/part.js", "js/a/deep.js"), FILES.__getitem__)
    order = [text.index(line) for line in ("\nasync function deep", "\nconst two = deep", "\nexport const page")]
    assert order == sorted(order)


def test_what_the_parts_import_from_others_is_imported_once_at_the_top():
    text = join("js/a/page.js", ("js/a/part.js", "js/a/deep.js"), FILES.__getitem__)
    assert [line for line in text.splitlines() if line.startswith("import")] == [
        'import { more, one } from "../lib/one.js";',
        'import "../../vendor/x.js";',
    ]


@pytest.mark.parametrize("entry", JOINED)
def test_every_part_is_there_and_stands_in_its_script_once(entry: str):
    texts = []
    join(entry, JOINED[entry], lambda path: texts.append(path) or (STATIC / path).read_text("utf-8"))
    assert sorted(texts) == sorted([entry, *JOINED[entry]])
