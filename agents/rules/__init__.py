"""Style and compliance rules, as data: one TOML file each."""
