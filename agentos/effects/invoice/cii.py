"""The EN 16931 e-invoice in UN/CEFACT Cross Industry Invoice syntax (CII D22B), as Factur-X 1.0 and ZUGFeRD 2 embed it.

Element order follows FACTUR-X_EN16931.xsd, which `to_xml` validates against; BT and BG numbers are those of EN 16931-1.
Built with lxml directly: the order of elements is the whole difficulty, and it is easiest to see written down.
"""

from __future__ import annotations

import logging
import threading
from datetime import date
from decimal import Decimal
from typing import Any

from agentos.effects.invoice.document import Document, Party
from agentos.effects.invoice.words import day, language_of, money
from agentos.errors import Permanent
from agentos.money import digits

_URN = "urn:un:unece:uncefact:data:standard:"
NAMESPACES = {
    "rsm": f"{_URN}CrossIndustryInvoice:100",
    "ram": f"{_URN}ReusableAggregateBusinessInformationEntity:100",
    "udt": f"{_URN}UnqualifiedDataType:100",
    "qdt": f"{_URN}QualifiedDataType:100",
}
_INVOICE, _CREDIT_NOTE = "380", "381"  # UNTDID 1001
_SEPA, _TRANSFER = "58", "30"  # UNTDID 4461


def to_xml(document: Document) -> bytes:
    """The XML, valid against the schema of the profile. Raises Permanent when it is not (a fault, but never sent)."""
    from lxml import etree  # type: ignore[import-untyped]

    root = etree.Element(_name("rsm:CrossIndustryInvoice"), nsmap=NAMESPACES)
    _put(
        root,
        "rsm:ExchangedDocumentContext/ram:GuidelineSpecifiedDocumentContextParameter/ram:ID",
        "urn:cen.eu:en16931:2017",
    )
    head = _put(root, "rsm:ExchangedDocument")
    _put(head, "ram:ID", document.draft.number)
    _put(head, "ram:TypeCode", _CREDIT_NOTE if document.draft.cancels else _INVOICE)
    _date(_put(head, "ram:IssueDateTime"), document.draft.issued_on)
    trade = _put(root, "rsm:SupplyChainTradeTransaction")
    for index in range(len(document.draft.lines)):
        _line(_put(trade, "ram:IncludedSupplyChainTradeLineItem"), document, index)
    _agreement(_put(trade, "ram:ApplicableHeaderTradeAgreement"), document)
    delivery = _put(trade, "ram:ApplicableHeaderTradeDelivery")
    _date(
        _put(delivery, "ram:ActualDeliverySupplyChainEvent/ram:OccurrenceDateTime"),
        document.draft.delivered_on or document.draft.issued_on,
    )
    _settlement(_put(trade, "ram:ApplicableHeaderTradeSettlement"), document)
    xml: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    _validate(xml)
    return xml


def _line(at: Any, document: Document, index: int) -> None:
    line, net = document.draft.lines[index], document.line_nets[index]
    _put(at, "ram:AssociatedDocumentLineDocument/ram:LineID", str(index + 1))
    _put(at, "ram:SpecifiedTradeProduct/ram:Name", line.description)
    price = _put(at, "ram:SpecifiedLineTradeAgreement/ram:NetPriceProductTradePrice")
    _put(price, "ram:ChargeAmount", _plain(document.unit_net(index).quantize(Decimal("1e-6"))))
    _put(at, "ram:SpecifiedLineTradeDelivery/ram:BilledQuantity", _plain(line.quantity), unitCode=line.unit)
    settlement = _put(at, "ram:SpecifiedLineTradeSettlement")
    tax = _put(settlement, "ram:ApplicableTradeTax")
    _put(tax, "ram:TypeCode", "VAT")
    _put(tax, "ram:CategoryCode", document.draft.vat.category)
    _rate(tax, document)
    _put(
        settlement,
        "ram:SpecifiedTradeSettlementLineMonetarySummation/ram:LineTotalAmount",
        _amount(net.amount, document),
    )


def _agreement(at: Any, document: Document) -> None:
    draft = document.draft
    # BR-O-02 to -04: an invoice outside the scope of VAT names no VAT id of either side.
    bare = draft.vat.category == "O"
    _party(_put(at, "ram:SellerTradeParty"), draft.seller, bare, seller=True)
    _party(_put(at, "ram:BuyerTradeParty"), draft.buyer, bare, seller=False)


def _party(at: Any, party: Party, bare: bool, *, seller: bool) -> None:
    if seller and party.tax_number and (bare or not party.vat_id):
        _put(at, "ram:ID", party.tax_number)  # BR-CO-26: some identifier of the seller besides BT-32
    elif seller and bare:
        _put(at, "ram:ID", party.email or party.name)
    _put(at, "ram:Name", party.name)
    if party.contact or (seller and (party.phone or party.email)):
        contact = _put(at, "ram:DefinedTradeContact")
        _put(contact, "ram:PersonName", party.contact or party.name)
        if party.phone:
            _put(contact, "ram:TelephoneUniversalCommunication/ram:CompleteNumber", party.phone)
        if party.email:
            _put(contact, "ram:EmailURIUniversalCommunication/ram:URIID", party.email)
    address = _put(at, "ram:PostalTradeAddress")
    _put(address, "ram:PostcodeCode", party.address.postcode)
    _put(address, "ram:LineOne", party.address.street)
    _put(address, "ram:CityName", party.address.city)
    _put(address, "ram:CountryID", party.address.country)
    if party.email:
        _put(at, "ram:URIUniversalCommunication/ram:URIID", party.email, schemeID="EM")
    if party.vat_id and not bare:
        _put(at, "ram:SpecifiedTaxRegistration/ram:ID", party.vat_id.replace(" ", ""), schemeID="VA")
    if seller and party.tax_number:
        _put(at, "ram:SpecifiedTaxRegistration/ram:ID", party.tax_number, schemeID="FC")


def _settlement(at: Any, document: Document) -> None:
    draft = document.draft
    _put(at, "ram:PaymentReference", draft.number)
    _put(at, "ram:InvoiceCurrencyCode", draft.currency)
    means = _put(at, "ram:SpecifiedTradeSettlementPaymentMeans")
    _put(means, "ram:TypeCode", _SEPA if draft.currency == "EUR" else _TRANSFER)
    account = _put(means, "ram:PayeePartyCreditorFinancialAccount")
    _put(account, "ram:IBANID", draft.account.iban.replace(" ", ""))
    _put(account, "ram:AccountName", draft.seller.name)
    if draft.account.bic:
        _put(means, "ram:PayeeSpecifiedCreditorFinancialInstitution/ram:BICID", draft.account.bic)
    _breakdown(_put(at, "ram:ApplicableTradeTax"), document)
    agreed = _put(at, "ram:SpecifiedTradePaymentTerms")
    _put(agreed, "ram:Description", terms(document))
    if len(document.parts) == 1 and not draft.cancels:
        _date(_put(agreed, "ram:DueDateDateTime"), document.due)
    _summation(_put(at, "ram:SpecifiedTradeSettlementHeaderMonetarySummation"), document)
    if draft.cancels:
        reference = _put(at, "ram:InvoiceReferencedDocument")
        _put(reference, "ram:IssuerAssignedID", draft.cancels.number)
        _date(_put(reference, "ram:FormattedIssueDateTime"), draft.cancels.issued_on, kind="qdt")


def terms(document: Document) -> str:
    """What is to be paid by when, in one line of the document's language (BT-20)."""
    language = language_of(document.draft.language)
    if document.draft.cancels:
        return "Wird verrechnet oder erstattet." if language == "de" else "Set off or paid back."
    until = "fällig am" if language == "de" else "due on"
    return "; ".join(f"{money(amount, language)} {until} {day(due, language)}" for due, amount in document.parts)


def _breakdown(tax: Any, document: Document) -> None:
    vat = document.draft.vat
    _put(tax, "ram:CalculatedAmount", _amount(document.amounts.vat.amount, document))
    _put(tax, "ram:TypeCode", "VAT")
    if vat.reason:
        _put(tax, "ram:ExemptionReason", vat.reason)
    _put(tax, "ram:BasisAmount", _amount(document.amounts.net.amount, document))
    _put(tax, "ram:CategoryCode", vat.category)
    if vat.code:
        _put(tax, "ram:ExemptionReasonCode", vat.code)
    _rate(tax, document)


def _rate(tax: Any, document: Document) -> None:
    if document.draft.vat.category != "O":  # BR-O-05: no rate outside the scope of VAT
        _put(tax, "ram:RateApplicablePercent", _plain(document.draft.vat.rate))


def _summation(at: Any, document: Document) -> None:
    net, vat, gross = (
        _amount(value.amount, document)
        for value in (document.amounts.net, document.amounts.vat, document.amounts.gross)
    )
    _put(at, "ram:LineTotalAmount", net)
    _put(at, "ram:TaxBasisTotalAmount", net)
    _put(at, "ram:TaxTotalAmount", vat, currencyID=document.draft.currency)
    _put(at, "ram:GrandTotalAmount", gross)
    _put(at, "ram:DuePayableAmount", gross)


def _name(tag: str) -> str:
    prefix, _, local = tag.partition(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"


def _put(at: Any, path: str, text: str | None = None, **attributes: str) -> Any:
    from lxml import etree

    for tag in path.split("/"):
        at = etree.SubElement(at, _name(tag))
    at.text = text
    at.attrib.update(attributes)
    return at


def _date(at: Any, value: date, kind: str = "udt") -> None:
    _put(at, f"{kind}:DateTimeString", value.strftime("%Y%m%d"), format="102")


def _amount(value: Decimal, document: Document) -> str:
    return f"{value:.{digits(document.draft.currency)}f}"


def _plain(value: Decimal) -> str:
    """Without exponent and without zeros at the end: "19", "0.5"."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


_checking = threading.Lock()
"""libxml2 sets up its schema types at the first use, and two threads that do so at once find a schema invalid."""


def _validate(xml: bytes) -> None:
    from facturx import xml_check_xsd  # type: ignore[import-untyped]

    logging.getLogger("factur-x").setLevel(logging.CRITICAL)  # it logs the whole XML on failure: a client's data
    try:
        with _checking:
            xml_check_xsd(xml, flavor="factur-x", level="en16931")
    except Exception as error:
        raise Permanent(
            "The e-invoice does not fit its schema; nothing was issued.",
            hint="This is a fault of the program: please report it.",
            code="invoice.schema",
        ) from error
