"""`cointrader new-signal`: a file to write a signal rule in, and its test."""

from __future__ import annotations

import keyword
import re
from importlib.resources import files
from pathlib import Path

import click

from cointrader.cli.main import EXIT_CODES
from cointrader.domain.errors import UsageError

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*([_-]?[A-Za-z0-9]+)*")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+|[0-9]+")
_LIKE = ("trend", "mean-reversion")

_TEST = '''\
"""What must hold of the signal rule {name}: run `pytest {folder}`."""

from pathlib import Path

from cointrader.signals.indicators import Indicators
from cointrader.signals.leak_check import Effort, prove, trial_frame
from cointrader.signals.rules import evaluate
from cointrader.signals.user_rules import load_rule

PLACE = f"{{Path(__file__).with_name('{stem}.py')}}:{name}"


def test_it_takes_both_sides_of_a_made_up_market():
    frame = trial_frame()  # 4,000 bars of 15 minutes

    signals = evaluate(load_rule(PLACE), frame, Indicators(frame))

    assert {{-1, 1}} <= set(signals.side.tolist())


def test_it_knows_nothing_of_the_future():
    report = prove(load_rule(PLACE), trial_frame(), effort=Effort(moments=200))

    assert report.is_clean, "\\n".join(map(str, report.leaks))
'''


@click.command("new-signal", epilog=EXIT_CODES)
@click.argument("name")
@click.option(
    "--like",
    type=click.Choice(_LIKE),
    default=_LIKE[0],
    show_default=True,
    help="The example to begin with.",
)
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("signals"),
    show_default=True,
    help="Where the two files go.",
)
def new_signal(name: str, like: str, folder: Path) -> int:
    """Begin a signal rule of your own: a file that works, and its test.

    \b
      cointrader new-signal Breakout
      cointrader new-signal night-owl --like mean-reversion --dir rules
    """
    class_name, stem = _names(name)
    rule, test = folder / f"{stem}.py", folder / f"test_{stem}.py"
    for path in (rule, test):
        if path.exists():
            raise UsageError(
                "there is such a file already, and it is left alone",
                where=str(path),
                todo="choose another name or --dir, or move it away",
            )
    folder.mkdir(parents=True, exist_ok=True)
    rule.write_text(_example(like, class_name, stem), encoding="utf-8")
    test.write_text(_TEST.format(name=class_name, stem=stem, folder=folder), encoding="utf-8")
    click.echo(
        f"wrote {rule} and {test}\n\n"
        f"  pytest {folder}\n"
        f"  cointrader data leak-check --signal {rule}:{class_name}\n"
        f"  cointrader paper --signal {rule}:{class_name}",
        err=True,
    )
    return 0


def _names(name: str) -> tuple[str, str]:
    """The class and the module for `name`: NightOwl and night_owl for any way to write it."""
    words = [word.lower() for word in _WORDS.findall(name)] if _NAME.fullmatch(name) else []
    stem = "_".join(words)
    if not words or keyword.iskeyword(stem):
        raise UsageError(
            "this cannot name a signal rule",
            where="NAME",
            found=name,
            allowed="letters and digits, a letter first: Breakout, night-owl",
        )
    is_class_name = name[0].isupper() and name.isalnum()
    return name if is_class_name else "".join(word.capitalize() for word in words), stem


def _example(like: str, class_name: str, stem: str) -> str:
    """The source of an example under another name."""
    module = like.replace("-", "_")
    source = files("cointrader.signals.examples").joinpath(f"{module}.py").read_text("utf-8")
    source, n_classes = re.subn(r"(?m)^class \w+:", f"class {class_name}:", source)
    source, n_names = re.subn(r'(?m)^    name = ".*"$', f'    name = "{stem}"', source)
    assert (n_classes, n_names) == (1, 1), f"the example {like} has another form"
    return source
