"""The operator's site: Markdown posts in a git repository of its own, rendered to plain HTML beside them."""

from agentos.effects.site.system import SiteSystem

__all__ = ["SiteSystem"]
