"""What the log says, kept so that nobody reads all of it each time: pure folds, which may be deleted.

Two kinds. Plain folds that a command or a claim needs at once, and that import nothing: `overview` (for `agentos
status`) and `spending` (for budgets). And frames for whoever looks at the business, in Polars: `typed` (a row from an
event), `history` (a file for each day that is over), `fold` (rules that merge), `tables` (a file a view), `catalogue`,
`refresh`, `read` and `sql`. They are imported where they are used: importing Polars takes longer than `status` may.
"""
