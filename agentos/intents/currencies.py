"""Currency codes (ISO 4217, circulating currencies) and the signs and words people write for the common ones."""

from __future__ import annotations

from agentos.intents.words import word_set

CODES = word_set(
    """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF
    CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL
    HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD
    MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG
    QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD
    TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG
    """
)

# "" is a sign that several currencies share: it is asked about, never assumed.
SYMBOLS = {
    "€": "EUR", "£": "GBP", "us$": "USD", "a$": "AUD", "c$": "CAD", "nz$": "NZD", "hk$": "HKD", "$": "USD",
    "¥": "", "￥": "", "₹": "INR", "₺": "TRY", "₽": "RUB", "₩": "KRW", "₴": "UAH", "₪": "ILS", "zł": "PLN", "₿": "",
}  # fmt: skip

NAMES = {
    "euro": "EUR", "euros": "EUR", "eur": "EUR", "usd": "USD", "gbp": "GBP", "chf": "CHF", "dollar": "USD",
    "dollars": "USD", "us dollars": "USD", "pounds": "GBP", "pound": "GBP", "pfund": "GBP", "franken": "CHF",
    "francs": "CHF", "sfr": "CHF", "fr.": "CHF", "yen": "JPY", "kr": "", "kr.": "", "kronen": "", "kroner": "",
    "kronor": "", "rupees": "", "pesos": "", "bitcoin": "", "btc": "",
}  # fmt: skip

DOLLARS = frozenset({"$", "dollar", "dollars"})
