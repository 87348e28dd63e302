"""Every setting as a flag, and a ready `Config` for the command.

    @click.command(cls=SettingsCommand)
    @with_config
    def paper(config: Config) -> None: ...

The flags come from the table of settings; in the help they stand below the command's own options.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from pathlib import Path
from typing import Any, TypeVar, overload

import click

from cointrader.app.config import Config
from cointrader.app.config.settings import GROUPS, PROFILES, TABLE, Setting
from cointrader.app.config.types import Choice, Flag, Number, Whole
from cointrader.app.logs import settings as log_settings
from cointrader.cli.main import EXIT_CODES
from cointrader.domain.errors import UsageError
from cointrader.model.folder import MODELS

_Command = TypeVar("_Command", bound=Callable[..., Any])
_SETTING_PREFIX = "setting_"  # keeps the flags of settings apart from a command's own parameters
_ELSEWHERE = ("training", "deployment")  # accepted everywhere, shown where they matter
_OWN = ("config_file", "one_symbol", "all_symbols", "assignments")
_SECRETS = {setting.flag: setting.env_name for setting in TABLE if setting.secret}


class SettingOption(click.Option):
    """The flag of one setting. Its text is judged by the table, not by click."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        name = _SETTING_PREFIX + setting.name
        default = setting.type.text(setting.default)
        help_text = f"{setting.help}.  [default: {default}]" if default else setting.help + "."
        if isinstance(setting.type, Flag):
            super().__init__([_on_off(setting), name], default=None, help=help_text)
        else:
            super().__init__([setting.flag, name], metavar=_metavar(setting), help=help_text)
        self.hidden = setting.group in _ELSEWHERE


class SettingsCommand(click.Command):
    """A command whose help shows its own options first, then the settings by group."""

    def __init__(self, *args: Any, **values: Any) -> None:
        super().__init__(*args, **{"epilog": EXIT_CODES, **values})

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.option_name not in _SECRETS:
                raise
            raise UsageError(
                f"{_SECRETS[error.option_name]} is a secret and has no flag",
                where="the command line",
                allowed="the environment or .env",
                todo="move it there, and make a new one: shells write down what is typed",
            ) from None
        except click.UsageError as error:
            error.ctx = error.ctx or ctx  # so that the way to the help is told with it
            raise

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        own: list[tuple[str, str]] = []
        groups: dict[str, list[tuple[str, str]]] = {group: [] for group in GROUPS}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is None:
                continue
            if isinstance(param, SettingOption):
                groups[param.setting.group].append(record)
            else:
                own.append(record)
        with formatter.section("Options"):
            formatter.write_dl(own)
        for group, records in groups.items():
            if records:
                with formatter.section(GROUPS[group]):
                    formatter.write_dl(records)


def with_models(*, by_default: bool) -> Callable[[_Command], _Command]:
    """Add `--model/--no-model` and `--models`: the command has ``with_model=`` and ``models=``."""
    judges = "Let the trained entry filter judge signals"
    if by_default:
        judges += " where there is one, as live trading does"

    def added(command: _Command) -> _Command:
        command = click.option(
            "--models",
            type=click.Path(path_type=Path, file_okay=False),
            default=MODELS,
            help=f"Folder of models, one sub-folder per symbol.  [default: {MODELS}]",
        )(command)
        return click.option(
            "--model/--no-model",
            "with_model",
            default=by_default,
            help=f"{judges}.  [default: {'model' if by_default else 'no-model'}]",
        )(command)

    return added


@overload
def with_config(command: _Command) -> _Command: ...
@overload
def with_config(*, one_symbol: bool) -> Callable[[_Command], _Command]: ...
def with_config(command: Any = None, *, one_symbol: bool = True) -> Any:
    """Add every setting as a flag, and call the command with ``config=``, read and judged.

    Adds `--config FILE`, `--symbol` (repeatable), `--all` and `--set NAME=VALUE` too. With
    ``one_symbol=False``, `--symbol` and `--all` are left to the command.
    """
    if command is None:
        return lambda inner: with_config(inner, one_symbol=one_symbol)  # type: ignore[call-overload]

    def run(*args: Any, **values: Any) -> Any:
        return command(*args, config=_config(values), **values)

    params = list(getattr(command, "__click_params__", []))
    params = [*_common(one_symbol), *reversed(_setting_options()), *params]
    wrapped = update_wrapper(run, command)
    wrapped.__click_params__ = params  # type: ignore[attr-defined]
    return wrapped


def _config(values: dict[str, Any]) -> Config:
    """Take what belongs to the settings out of `values` and make the Config."""
    file, single, all_of_them, assignments = (values.pop(name, None) for name in _OWN)
    flags: dict[str, object] = {}
    for name in [name for name in values if name.startswith(_SETTING_PREFIX)]:
        value = values.pop(name)
        if value is not None:
            flags[name.removeprefix(_SETTING_PREFIX)] = value
    if sum((bool(single), "symbols" in flags, bool(all_of_them))) > 1:
        raise UsageError("--symbol, --symbols and --all exclude each other", todo="give one")
    if single:
        flags["symbols"] = ",".join(single)
    for assignment in assignments or ():
        name, equals, value = assignment.partition("=")
        if not equals or not name.strip():
            raise UsageError(  # what was written is not shown: it may hold a secret
                "this is not NAME=VALUE", where="--set", todo="write --set LEVERAGE=5, for example"
            )
        flags[name.strip().lower()] = value
    config = Config(file, flags=flags)
    log_settings.choose(config)
    return config


def _setting_options() -> list[click.Option]:
    return [SettingOption(setting) for setting in TABLE if not setting.secret]


def _common(one_symbol: bool) -> list[click.Option]:
    options = [
        click.Option(
            ["--config", "config_file"],
            type=click.Path(path_type=Path, dir_okay=False),
            help="Settings in TOML.  [default: cointrader.toml, if there is one]",
        ),
        click.Option(
            ["--set", "assignments"],
            multiple=True,
            metavar="NAME=VALUE",
            help="Any setting by its name, also for one symbol: ATR_SL_MULT_XRPUSDT=2.0.",
        ),
    ]
    if one_symbol:
        options += [
            click.Option(
                ["--symbol", "one_symbol"], multiple=True, metavar="S", help="Symbol; repeatable."
            ),
            click.Option(
                ["--all", "all_symbols"],
                is_flag=True,
                help="Every symbol of the configuration; the same as naming none.",
            ),
        ]
    return options[::-1]


def _on_off(setting: Setting) -> str:
    positive = setting.flag
    if positive.startswith("--no-"):
        return f"{positive}/--{positive.removeprefix('--no-')}"
    return f"{positive}/--no-{positive.removeprefix('--')}"


def _metavar(setting: Setting) -> str:
    if setting.name == "profile":
        return "|".join(PROFILES)
    if isinstance(setting.type, Choice):
        return "|".join(setting.type.options)
    if setting.name.endswith("symbols"):
        return "A,B,C"
    return (
        "N"
        if isinstance(setting.type, Whole)
        else "X"
        if isinstance(setting.type, Number)
        else "TEXT"
    )
