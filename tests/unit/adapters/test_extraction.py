"""Text extraction from every kind of file."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from runtime_core.adapters.extraction import extract
from runtime_core.errors import InvalidInput

_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"


def docx() -> bytes:
    """Make a minimal Word file: a heading and a sentence."""
    paragraphs = (
        '<w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>Kilns</w:t></w:r></w:p>'
        "<w:p><w:r><w:t>They crack when cooled fast.</w:t></w:r></w:p>"
    )
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as parts:
        parts.writestr(
            "[Content_Types].xml",
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Override PartName="/word/document.xml" ContentType='
            '"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>',
        )
        parts.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{_RELATIONS}"><Relationship Id="a" Type="{_OFFICE}" Target="word/document.xml"/>'
            "</Relationships>",
        )
        parts.writestr(
            "word/document.xml",
            f'<w:document xmlns:w="{_WORD}"><w:body>{paragraphs}</w:body></w:document>',
        )
        parts.writestr(
            "word/styles.xml",
            f'<w:styles xmlns:w="{_WORD}"><w:style w:type="paragraph" w:styleId="Heading1">'
            '<w:name w:val="heading 1"/></w:style></w:styles>',
        )
        parts.writestr(
            "word/_rels/document.xml.rels",
            f'<Relationships xmlns="{_RELATIONS}"><Relationship Id="b" Target="styles.xml" '
            'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles"/></Relationships>',
        )
    return content.getvalue()


def pdf() -> bytes:
    """Make a PDF of one page with one sentence."""
    stream = b"BT /F1 12 Tf 72 720 Td (Kilns crack when cooled fast.) Tj ET"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    content, offsets = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, start=1):
        offsets.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % len(content)
    return content + b"xref\n0 6\n0000000000 65535 f \n" + table + trailer


PAGE = (
    b"<html><head><style>p {}</style><script>alert(1)</script></head><body><nav>Menu</nav>"
    b'<h1>Kilns</h1><p>They <a href="x">crack</a>.</p></body></html>'
)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.txt", "\ufeffKöln".encode(), "Köln"),
        ("a.md", b"# Kilns\n\nThey crack.", "# Kilns\n\nThey crack."),
        ("a.html", PAGE, "# Kilns\n\nThey crack."),
        ("a.docx", docx(), "# Kilns\n\nThey crack when cooled fast."),
        ("a.pdf", pdf(), "Kilns crack when cooled fast."),
        ("a.csv", b"name;price\nBowl;12\nCup;\n", "name: Bowl; price: 12\nname: Cup"),
        ("a.json", b'{"hours": {"monday": "9 to 5"}, "tags": ["a", "b"]}', "hours monday: 9 to 5\ntags: a\ntags: b"),
        ("a.json", b'[{"name": "Bowl"}, {"name": "Cup"}]', "name: Bowl\n\nname: Cup"),
    ],
    ids=["text", "markdown", "html", "docx", "pdf", "csv", "json", "json list"],
)
def test_each_kind_is_read_as_text(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    assert extract(file).strip() == expected


@pytest.mark.parametrize("name", ["a.txt", "a.docx", "a.pdf", "a.json", "a.exe"])
def test_what_cannot_be_read_names_the_file(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_bytes(b"\xff\xfe\x00broken")
    with pytest.raises(InvalidInput, match=name):
        extract(file)
