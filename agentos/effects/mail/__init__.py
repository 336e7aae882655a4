"""Outgoing mail: an .eml file in the outbox always, and SMTP where it is configured."""

from agentos.effects.mail.system import MailSystem

__all__ = ["MailSystem"]
