"""Invoices and credit notes: a PDF a person reads, with the EN 16931 e-invoice a program reads inside it.

`document` computes, `cii` writes the XML, `typeset` the PDF, `numbering` formats numbers, `system` is the outside port.
"""

from agentos.effects.invoice.system import InvoiceSystem

__all__ = ["InvoiceSystem"]
