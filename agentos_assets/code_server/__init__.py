"""Dagster's code server with runs that start at once: they are forked from a process that has imported everything.

Who holds what. The supervisor (`agentos up`) starts this server with the environment's secrets. The server takes them
out of its own environment at once and hands them to each run through a pipe. The fork server is started after that: it
has imported the program and nothing else, so it holds no thread, no channel, no open log and no secret to be inherited.
"""
