"""`cointrader config`: show, check and begin the configuration."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from textwrap import fill
from typing import Any

import click

from cointrader.app.config import Config
from cointrader.app.config.settings import GROUPS, TABLE, Setting
from cointrader.cli.numbers import positive
from cointrader.cli.options import SettingsCommand, with_config
from cointrader.domain.errors import UsageError

_DEFAULT_BALANCE = "1000"


@click.group()
def config() -> None:
    """Show, check or begin the configuration.

    \b
      cointrader config show
      cointrader config check --balance 5000
    """


@config.command("show", cls=SettingsCommand, short_help="Every setting, its value and source.")
@click.option("--symbol", metavar="S", help="As the bot of this symbol sees it.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable, on stdout.")
@with_config(one_symbol=False)
def show(config: Config, symbol: str | None, as_json: bool) -> None:
    """Print every setting, its value and where that came from. Secrets stay hidden.

    \b
      cointrader config show
      cointrader config show --symbol XRPUSDT --json
    """
    rows = _common_rows(config) if symbol is None else _symbol_rows(config, _traded(config, symbol))
    if as_json:
        click.echo(json.dumps(_document(config, rows), indent=2, ensure_ascii=False))
    else:
        _print_rows(rows)


@config.command("check", cls=SettingsCommand, short_help="What is wrong, idle or unusual.")
@click.option(
    "--balance",
    default=_DEFAULT_BALANCE,
    metavar="X",
    show_default=True,
    help="Wallet the account is first started with, in quote currency.",
)
@click.option(
    "--data",
    "folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="FOLDER",
    help="Take the ATR of each symbol from its candles there, not a typical one.",
)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable, on stdout.")
@with_config
def check(config: Config, balance: str, folder: Path | None, as_json: bool) -> None:
    """Judge the configuration: what is wrong, without effect, unlike the profile; and in money.

    \b
      cointrader config check
      cointrader config check --balance 5000 --margin-decay absolute
    """
    from cointrader.app.config.check import findings
    from cointrader.app.config.money import in_money, measured
    from cointrader.cli.money_output import money_lines

    wallet = float(positive(balance, "--balance", most=1e12))
    money = in_money(config, wallet, None if folder is None else measured(folder, config))
    found = findings(config, money)
    if as_json:
        remarks = [{"topic": finding.topic, "text": finding.text} for finding in found]
        result = {"valid": True, "findings": remarks, "money": asdict(money)}
        click.echo(json.dumps(result, indent=2, ensure_ascii=False))
        return
    click.echo(f"Valid: profile {config.profile}, {', '.join(config.symbols)}")
    titles = {
        "warning": "Look at this",
        "idle": "Without effect",
        "deviation": f"Unlike profile {config.profile}",
        "number": "In numbers",
        "model": "Models",
    }
    for topic, title in titles.items():
        texts = [finding.text for finding in found if finding.topic == topic]
        if texts:
            click.echo(f"\n{title}:")
            for text in texts:
                click.echo(_wrapped(text))
    click.echo("\nIn money:")
    for line in money_lines(config, money):
        click.echo(f"  {line}".rstrip())


@config.command("init", short_help="Write a commented file to begin with.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["toml", "env"]),
    default="toml",
    show_default=True,
    help="cointrader.toml, or .env (which may hold keys).",
)
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
def init(form: str, force: bool) -> None:
    """Write a file with every setting, its default and what it does, all commented out.

    \b
      cointrader config init
      cointrader config init --format env
    """
    from cointrader.app.config.template import env_template, toml_template

    path = Path("cointrader.toml" if form == "toml" else ".env")
    if path.exists() and not force:
        raise UsageError(f"{path} is there already", todo="keep it, or overwrite it with --force")
    if form == "env":
        path.touch(mode=0o600)  # before anyone writes a key into it
    path.write_text(toml_template() if form == "toml" else env_template(), encoding="utf-8")
    click.echo(f"wrote {path}: take away the # of what you want to change", err=True)


def _wrapped(text: str) -> str:
    return fill(
        text,
        96,
        initial_indent="  ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


Row = tuple[Setting, str, Any, str]  # setting, its name here, value, source


def _common_rows(config: Config) -> list[Row]:
    rows: list[Row] = []
    for setting in TABLE:
        value, source = getattr(config, setting.name), config.source(setting.name)
        rows.append((setting, setting.env_name, value, source))
        for symbol in config.symbols:
            own = config.own_values(symbol)
            if setting.name in own:
                given = own[setting.name]
                rows += [(setting, f"{setting.env_name}_{symbol}", given.value, given.source)]
    return rows


def _symbol_rows(config: Config, symbol: str) -> list[Row]:
    view = config.for_symbol(symbol)
    public = (setting for setting in TABLE if not setting.secret)
    return [(s, s.env_name, getattr(view, s.name), view.source(s.name)) for s in public]


def _traded(config: Config, symbol: str) -> str:
    symbol = symbol.strip().upper()
    if symbol not in config.symbols:
        raise UsageError(
            f"{symbol} is not among SYMBOLS",
            where="--symbol",
            found=symbol,
            allowed=", ".join(config.symbols),
            todo=f"add it to SYMBOLS ({config.source('symbols')}), or name one of these",
        )
    return symbol


def _document(config: Config, rows: list[Row]) -> dict[str, object]:
    return {
        "profile": config.profile,
        "settings": {
            name: {
                "value": setting.type.text(value) if setting.secret else value,
                "source": source,
            }
            for setting, name, value, source in rows
        },
    }


def _print_rows(rows: list[Row]) -> None:
    texts = [(s, name, s.type.text(value), source) for s, name, value, source in rows]
    wide = max(len(name) for _, name, _, _ in texts)
    middle = max(len(text) for _, _, text, _ in texts)
    for group, title in GROUPS.items():
        of_group = [row for row in texts if row[0].group == group]
        if not of_group:
            continue
        click.echo(f"\n{title}" if group != next(iter(GROUPS)) else title)
        for _, name, text, source in of_group:
            click.echo(f"  {name:<{wide}}  {text:<{middle}}  {source}".rstrip())
