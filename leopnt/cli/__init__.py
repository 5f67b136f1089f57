"""The command `leopnt`. Nothing heavy is imported before a command runs."""

from leopnt.cli.app import main

__all__ = ["main"]
