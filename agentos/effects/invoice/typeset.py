"""The invoice as PDF/A-3b with the e-invoice inside (Factur-X 1.0, profile EN 16931): same document, same bytes.

Typst sets the page, embeds the XML and writes PDF/A; what it can't write is the Factur-X part of the XMP metadata,
which is added here (Factur-X 1.0, section 6.2). Only the fonts in typst's wheel are used, so every machine agrees.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, time
from io import BytesIO
from typing import Any

from agentos.effects.invoice.cii import to_xml
from agentos.effects.invoice.document import Document
from agentos.effects.invoice.layout import view
from agentos.errors import Permanent

_SCALES = (1.0, 0.9, 0.8, 0.72)
_FX = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_EXTENSION = "http://www.aiim.org/pdfa/ns/extension/"
_PROPERTIES = {
    "DocumentFileName": ("factur-x.xml", "The name of the embedded XML document"),
    "DocumentType": ("INVOICE", "The type of the hybrid document in capital letters"),
    "Version": ("1.0", "The version of the standard applying to the embedded XML document"),
    "ConformanceLevel": ("EN 16931", "The conformance level of the embedded XML document"),
}


def render_pdf(document: Document, xml: bytes | None = None) -> bytes:
    """The PDF. A long invoice is set smaller to fit one page; one that never does runs on, with page numbers.

    Raises Permanent for characters that no embedded font has (Latin, Greek, Cyrillic and Hebrew letters are there).
    """
    from pypdf import PdfReader

    content = to_xml(document) if xml is None else xml
    attempts = []
    for scale in _SCALES:
        attempts.append(_compile(document, content, scale))
        if len(PdfReader(BytesIO(attempts[-1])).pages) == 1:
            return _with_factur_x(attempts[-1])
    return _with_factur_x(attempts[0])


def _compile(document: Document, xml: bytes, scale: float) -> bytes:
    from importlib.resources import files

    import typst

    issued = datetime.combine(document.draft.issued_on, time(), UTC)
    inputs = {"data": json.dumps(view(document), ensure_ascii=False), "xml": xml.decode(), "scale": str(scale)}
    try:
        pdf = typst.compile(
            files("agentos.effects.invoice").joinpath("invoice.typ").read_bytes(),
            format="pdf",
            sys_inputs=inputs,
            font_paths=typst.Fonts(include_system_fonts=False),
            pdf_standards=["a-3b"],
            timestamp=issued,
        )
    except typst.TypstError as error:
        if "could not be displayed" in error.message:
            raise Permanent(
                f"The invoice can't be printed: {error.message.removeprefix('PDF/A-3b error: ')}.",
                hint="Write it without emoji and in Latin, Greek, Cyrillic or Hebrew letters.",
                code="invoice.characters",
            ) from error
        raise Permanent(f"The invoice can't be typeset: {error.message}.", code="invoice.typeset") from error
    return bytes(pdf)


def _with_factur_x(pdf: bytes) -> bytes:
    from pypdf import PdfWriter
    from pypdf.generic import StreamObject

    writer = PdfWriter(clone_from=BytesIO(pdf))
    writer.pdf_header = "%PDF-1.7"  # PDF/A-3 rests on PDF 1.7; pypdf would write 1.3
    metadata = writer.root_object["/Metadata"].get_object()
    if not isinstance(metadata, StreamObject):
        raise Permanent("The typesetter left no metadata; nothing was issued.", code="invoice.typeset")
    metadata.set_data(_extended(metadata.get_data()))
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def _extended(xmp: bytes) -> bytes:
    """Typst's XMP packet with the Factur-X properties and their PDF/A extension schema added."""
    from lxml import etree  # type: ignore[import-untyped]

    start, end = xmp.index(b"?>") + 2, xmp.rindex(b"<?xpacket")
    root = etree.fromstring(xmp[start:end])
    description = next(root.iter(f"{{{_RDF}}}Description"))
    bag = next(root.iter(f"{{{_EXTENSION}}}schemas"))[0]
    bag.append(_schema())
    for name, (value, _) in _PROPERTIES.items():
        etree.SubElement(description, f"{{{_FX}}}{name}", nsmap={"fx": _FX}).text = value
    return xmp[:start] + bytes(etree.tostring(root)) + xmp[end:]


def _schema() -> Any:
    from lxml import etree

    schema, prop = "http://www.aiim.org/pdfa/ns/schema#", "http://www.aiim.org/pdfa/ns/property#"

    def put(at: Any, namespace: str, name: str, text: str | None = None) -> Any:
        child = etree.SubElement(at, f"{{{namespace}}}{name}")
        child.text = text
        return child

    item = etree.Element(
        f"{{{_RDF}}}li",
        {f"{{{_RDF}}}parseType": "Resource"},
        nsmap={"rdf": _RDF, "pdfaSchema": schema, "pdfaProperty": prop},
    )
    put(item, schema, "schema", "Factur-X PDFA Extension Schema")
    put(item, schema, "namespaceURI", _FX)
    put(item, schema, "prefix", "fx")
    properties = put(put(item, schema, "property"), _RDF, "Seq")
    for name, (_, meaning) in _PROPERTIES.items():
        entry = put(properties, _RDF, "li")
        entry.set(f"{{{_RDF}}}parseType", "Resource")
        for field, text in (("name", name), ("valueType", "Text"), ("category", "external"), ("description", meaning)):
            put(entry, prop, field, text)
    return item
