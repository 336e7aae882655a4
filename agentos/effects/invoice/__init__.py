"""Invoices and credit notes: a PDF a person reads, with the EN 16931 e-invoice a program reads inside it.

`document` computes, `cii` writes the XML, `typeset` the PDF, `numbering` formats numbers, `system` is the outside port.
"""

from agentos.effects.invoice.document import Document, Draft, Line, Vat, build, parse, parties, unusable
from agentos.effects.invoice.numbering import check_pattern, format_number, parse_number
from agentos.effects.invoice.system import InvoiceSystem
from agentos.effects.invoice.taxation import vat_of
from agentos.effects.invoice.typeset import render_pdf

__all__ = [
    "Document",
    "Draft",
    "InvoiceSystem",
    "Line",
    "Vat",
    "build",
    "check_pattern",
    "format_number",
    "parse",
    "parse_number",
    "parties",
    "render_pdf",
    "unusable",
    "vat_of",
]
