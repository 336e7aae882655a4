"""What the site can do."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from agentos.effects.port import Verb

VERBS: Mapping[str, Verb] = MappingProxyType(
    {
        "publish": Verb(
            name="publish",
            reversible="compensable",
            undo="Taken down by a new commit. Who has read, copied or subscribed to it keeps it, and git's history "
            "does.",
            outgoing=True,
            outcome="A post stands on the site for everybody to read.",
            failure_modes=(
                "Another post took its address meanwhile: the publisher chooses another one, and asks again.",
                "The branch of the settings is missing: it fails for good and names the setting.",
                "The site's folder can't be used now: tried again, then a card.",
            ),
            act="Look at the post in the site's folder; `agentos undo` takes it down. Don't delete its file by hand.",
        ),
        "unpublish": Verb(
            name="unpublish",
            reversible="final",
            undo="The post is still in git's history and can be published again as a new post.",
            outgoing=True,
            outcome="A post that should not stand there is off the site.",
            failure_modes=(
                "Another post stands under its address by now: it fails for good and leaves that one alone.",
            ),
            act="Look into the site's `git log`: both commits are there. To have it back, ask for the post again.",
        ),
        "restore": Verb(
            name="restore",
            reversible="final",
            undo="What stood there instead is in git's history; undo the post itself to take it down.",
            outgoing=True,
            outcome="A post that was deleted or changed stands there again as it was published.",
            failure_modes=("The branch of the settings is missing: it fails for good and names the setting.",),
            act="Your own text is in the site's `git log`; what was not committed is under `refs/agentos/replaced`.",
        ),
    }
)
