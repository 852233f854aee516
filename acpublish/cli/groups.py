"""Groups of commands: alone they show their help, and a mistyped command gets a suggestion."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import click


def unknown(what: str, name: str, known: Sequence[str]) -> str:
    """Returns that there is no such command or option, and the name that is most similar."""
    # Dashes would make all short options alike.
    words = {word.lstrip("-"): word for word in known}
    similar = difflib.get_close_matches(name.lower().lstrip("-"), words, n=1)
    suggestion = f". Did you mean {words[similar[0]]!r}?" if similar else ""
    return f"No such {what} {name!a}{suggestion}"


class CommandGroup(click.Group):
    """A group whose commands have one sentence of help each, which is never cut."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Shows the help if there is no word at all, as every group does."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), color=ctx.color)
            ctx.exit()
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Finds a command by its name.

        Raises:
            click.UsageError: There is no such command; the message suggests a similar one.
        """
        name = args[0]
        if self.get_command(ctx, name) is None and name[:1] != "-" and not ctx.resilient_parsing:
            raise click.UsageError(unknown("command", name, self.list_commands(ctx)), ctx)
        return super().resolve_command(ctx, args)

    def sentences(self, ctx: click.Context) -> list[tuple[str, str]]:
        """Returns each command with its one sentence of help."""
        commands = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        # click would cut what does not fit on one line; the formatter wraps it.
        return [
            (name, command.get_short_help_str(limit=1000))
            for name, command in commands
            if command is not None
        ]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the commands below the options."""
        with formatter.section("Commands"):
            formatter.write_dl(self.sentences(ctx))
