"""Everything in a folder that is read without AgentOS: see `agentos.export.folder`."""
