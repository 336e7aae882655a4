"""The agents: one file a role, each with a manifest, a typed request and result, and one async function."""

ROLES = (
    "planner",
    "researcher",
    "drafter",
    "editor",
    "fact_checker",
    "publisher",
    "finance",
    "bookkeeper",
    "data_retriever",
    "monitor",
    "reconciler",
)
