"""Settings as people get them wrong: in the environment, `.env`, `cointrader.toml` and flags."""

from __future__ import annotations

import json

import pytest

from cointrader.cli.main import main
from tests.mistakes.asking import SECRET, Mistake, assert_told, put_files, refused, table

SHOW = "config show"


def env(name: str, setting: str, value: str, *told: str) -> Mistake:
    """A value in the environment that the setting cannot take."""
    where = f"environment {setting}"
    return Mistake(name, SHOW, (f"{setting} cannot be", value, where, *told), env={setting: value})


def dotenv(name: str, content: str | bytes | None, *told: str) -> Mistake:
    return Mistake(name, SHOW, (".env", *told), files={".env": content})


def toml(name: str, content: str | bytes | None, *told: str) -> Mistake:
    return Mistake(name, SHOW, ("cointrader.toml", *told), files={"cointrader.toml": content})


RATIO = "a number above 0 and at most 1"
LEVERAGE = "a whole number from 1 to 125"

VALUES = [
    env("leverage of zero", "LEVERAGE", "0", LEVERAGE),
    env("negative leverage", "LEVERAGE", "-3", LEVERAGE),
    env("leverage beyond the exchange's", "LEVERAGE", "200", LEVERAGE),
    env("half a leverage", "LEVERAGE", "2.5", LEVERAGE),
    env("leverage in words", "LEVERAGE", "ten", LEVERAGE),
    env("a leverage of 10x", "LEVERAGE", "10x", LEVERAGE),
    env("thousands separator", "LEVERAGE", "1,000", LEVERAGE, "without separators: 1000"),
    env("full-width digits", "LEVERAGE", "１０", LEVERAGE, "plain digits and signs: 10"),
    env("a typographic minus", "SLIPPAGE_BPS", "−1", "from 0 to 1000", "plain digits", "-1"),
    env("daily loss in percent", "MAX_DAILY_LOSS", "5", RATIO, "a fraction: 5% is 0.05"),
    env("drawdown in percent", "MAX_DRAWDOWN", "30", "or off", "a fraction: 30% is 0.3"),
    env("a percent sign", "TAKER_FEE", "0.05%", "from 0 to 0.01", "write a fraction"),
    env("a decimal comma", "TAKER_FEE", "0,05", "from 0 to 0.01", "a decimal point: 0.05"),
    env("a comma and three digits", "MAX_DAILY_LOSS", "0,025", RATIO, "a decimal point: 0.025"),
    env("not a number", "MAX_DAILY_LOSS", "nan", RATIO),
    env("an infinite number", "MAX_DAILY_LOSS", "inf", RATIO),
    env("a number too large to be one", "RISK_PER_TRADE", "1e400", RATIO),
    env("a stop of more than the price", "STOP_LOSS_PCT", "1.5", "above 0 and below 1"),
    env("maybe for yes or no", "KILL_FAST", "maybe", "true or false"),
    env("nonsense for foreign positions", "FOREIGN_POSITIONS", "ignore", "leave, adopt or refuse"),
    env("a rate where a way is asked for", "MARGIN_DECAY", "0.0006", "absolute or relative"),
    env("unknown profile", "PROFILE", "founder", "default or founding", "write founding"),
    env("interval without its unit", "INTERVAL", "15", "5m, 15m, 30m, 1h, 2h or 4h"),
    env("interval that nobody stores", "INTERVAL", "7m", "5m, 15m"),
    env("unknown sizing", "SIZING", "kelly", "account, risk, or fixed:N"),
    env("fixed size in letters", "SIZING", "fixed:abc", "account, risk, or fixed:N"),
    env("negative fixed size", "SIZING", "fixed:-1", "a notional N above 0"),
    env("unknown signal rule", "SIGNAL", "macd", "score, or path/to/file.py:Name"),
    env("signal file without its rule", "SIGNAL", "mine.py", "path/to/file.py:Name"),
    env("two symbols with a semicolon", "SYMBOLS", "XRPUSDT;TRXUSDT", "with commas between"),
    env("a symbol as other programs write it", "SYMBOLS", "XRP/USDT", "is written XRPUSDT"),
    env("the same symbol twice", "SYMBOLS", "XRPUSDT,xrpusdt", "XRPUSDT is there twice"),
    env("nothing but commas", "SYMBOLS", ",", "at least one"),
    env("Cyrillic letters in a symbol", "SYMBOLS", "ХRPUSDT", "Cyrillic letters", "Latin"),
    env("full-width letters in a symbol", "SYMBOLS", "ＸＲＰUSDT", "full-width letters"),
]

TOGETHER = [
    Mistake(
        "more of one side than positions",
        f"{SHOW} --max-same-direction 4",
        (
            "MAX_SAME_DIRECTION = 4 is above MAX_POSITIONS = 3",
            "flag --max-same-direction; MAX_POSITIONS: default",
            "lower MAX_SAME_DIRECTION or raise MAX_POSITIONS",
        ),
    ),
    Mistake(
        "smallest margin above the largest",
        SHOW,
        ("MARGIN_MIN_RATIO = 0.9 is above MARGIN_MAX_RATIO = 0.5", "environment MARGIN_MIN"),
        env={"MARGIN_MIN_RATIO": "0.9"},
    ),
    Mistake(
        "MACD as slow as it is fast",
        SHOW,
        ("MACD_FAST = 26 is not below MACD_SLOW = 26", "lower MACD_FAST or raise MACD_SLOW"),
        files={".env": "MACD_FAST=26\n"},
    ),
    Mistake(
        "EMAs out of order for one symbol",
        SHOW,
        ("EMA_FAST = 60 is not below EMA_MID = 21 for XRPUSDT",),
        files={"cointrader.toml": "[XRPUSDT]\nema_fast = 60\n"},
    ),
    Mistake(
        "one symbol and a list of them",
        "config check --symbol XRPUSDT --symbols TRXUSDT",
        ("--symbol, --symbols and --all exclude each other", "give one"),
    ),
    Mistake(
        "one symbol and all of them",
        "paper --symbol XRPUSDT --all",
        ("--symbol, --symbols and --all exclude each other", "give one"),
    ),
]

NAMES = [
    Mistake(
        "a slip in the environment",
        SHOW,
        ("LEVERGE is not a setting; did you mean LEVERAGE?", "environment LEVERGE", "env -u"),
        env={"LEVERGE": "3"},
    ),
    Mistake(
        "a letter short in the environment",
        SHOW,
        ("did you mean MAX_POSITIONS?", "environment MAX_POSITION"),
        env={"MAX_POSITION": "3"},
    ),
    Mistake(
        "a slip in .env",
        SHOW,
        ("LEVERGE", "did you mean LEVERAGE?", ".env line 2", "write LEVERAGE, or remove it"),
        files={".env": "SIZING=risk\nLEVERGE=3\n"},
    ),
    Mistake(
        "a slip in TOML",
        SHOW,
        ("LEVERGE", "did you mean LEVERAGE?", "cointrader.toml", "write LEVERAGE, or remove it"),
        files={"cointrader.toml": "leverge = 3\n"},
    ),
    Mistake(
        "a slip in a flag",
        "paper --leverge 3",
        ("No such option '--leverge'", "Did you mean", "'--leverage'"),
    ),
    Mistake(
        "a slip in --set",
        f"{SHOW} --set LEVERGE=3",
        ("flag --set LEVERGE", "did you mean LEVERAGE?", "write LEVERAGE"),
    ),
    Mistake(
        "a name that is nobody's in .env",
        SHOW,
        ("FAVOURITE is not a setting", ".env line 1", "remove it"),
        files={".env": "FAVOURITE=3\n"},
    ),
    Mistake("--set without a value", f"{SHOW} --set LEVERAGE", ("not NAME=VALUE", "--set")),
    Mistake("--set without a name", f"{SHOW} --set =5", ("not NAME=VALUE", "--set LEVERAGE=5")),
    Mistake(
        "--set with nothing behind the sign",
        f"{SHOW} --set LEVERAGE=",
        ("LEVERAGE cannot be ''", "flag --leverage", LEVERAGE),
    ),
    Mistake(
        "a value for a symbol that is not traded",
        SHOW,
        ("ATR_SL_MULT_ADAUSDT is for ADAUSDT", "XRPUSDT, TRXUSDT", "add ADAUSDT to SYMBOLS"),
        env={"ATR_SL_MULT_ADAUSDT": "2"},
    ),
    Mistake(
        "a value for a misspelt symbol",
        SHOW,
        ("XRPUSD, which is not among SYMBOLS", "did you mean ATR_SL_MULT_XRPUSDT?"),
        env={"ATR_SL_MULT_XRPUSD": "2"},
    ),
    Mistake(
        "a table for a symbol that is not traded",
        SHOW,
        ("[ADAUSDT]", "not among SYMBOLS", "cointrader.toml", "add ADAUSDT to SYMBOLS"),
        files={"cointrader.toml": "[ADAUSDT]\natr_sl_mult = 2\n"},
    ),
    Mistake(
        "a common setting for one symbol",
        SHOW,
        ("LEVERAGE is one for all symbols", "environment LEVERAGE_XRPUSDT", "set LEVERAGE"),
        env={"LEVERAGE_XRPUSDT": "3"},
    ),
    Mistake(
        "several symbols in SYMBOL",
        SHOW,
        ("SYMBOL is one symbol", ".env line 1", "XRPUSDT,TRXUSDT", "write SYMBOLS="),
        files={".env": "SYMBOL=XRPUSDT,TRXUSDT\n"},
    ),
]

FILES = [
    dotenv("a folder called .env", None, "cannot be read", "Is a directory", "put one there"),
    dotenv("Latin-1 in .env", b"LEVERAGE=5\nDEPLOY_PATH=/caf\xe9\n", "line 2 is not UTF-8"),
    dotenv("UTF-16 from an editor", "LEVERAGE=5\n".encode("utf-16"), "UTF-16", "save it as UTF-8"),
    dotenv("UTF-16 without a mark", "LEVERAGE=5\n".encode("utf-16-le"), "UTF-16", "as UTF-8"),
    dotenv("no assignment in .env", f"LEVERAGE=5\n{SECRET}\n", "line 2 is not NAME=value"),
    dotenv("a colon in .env", f"BINANCE_API_KEY: {SECRET}\n", "line 1", "NAME=value", "correct"),
    dotenv("a quote that stays open", f'BINANCE_API_KEY="{SECRET}\n', "line 1", "close the quote"),
    dotenv("typographic quotes", "SIZING=“risk”\n", "SIZING cannot be '“risk”'", "line 1"),
    dotenv("a name twice", "LEVERAGE=5\nleverage=6\n", "given twice", "line 1 and .env line 2"),
    dotenv("a comment without a blank", "LEVERAGE=5#five\n", "'5#five'", LEVERAGE),
    toml("a text without quotes", "leverage = 5\nsizing = risk\n", "not valid TOML", "line 2"),
    toml("a list for a number", "leverage = [5]\n", "LEVERAGE cannot be [5]", LEVERAGE),
    toml("a half-way number in TOML", "leverage = 5.5\n", "LEVERAGE cannot be 5.5", LEVERAGE),
    toml("nan in TOML", "max_daily_loss = nan\n", "MAX_DAILY_LOSS cannot be nan", RATIO),
    toml("a table in a table", "[XRPUSDT.more]\nx = 1\n", "MORE is not a setting", "[XRPUSDT]"),
    toml("a folder called cointrader.toml", None, "cannot be read", "Is a directory"),
    Mistake(
        "a file of settings that is not there",
        f"{SHOW} --config no.toml",
        ("no.toml cannot be read", "No such file", "name another file"),
    ),
]

SECRETS = [
    toml("a secret in TOML", f'binance_api_secret = "{SECRET}"\n', "is a secret", ".env", "new"),
    Mistake(
        "a secret with --set",
        f"{SHOW} --set BINANCE_API_SECRET={SECRET}",
        ("BINANCE_API_SECRET is a secret", "flag --set BINANCE_API_SECRET", "environment or .env"),
    ),
    Mistake(
        "a secret as a flag",
        f"paper --binance-api-secret {SECRET}",
        ("BINANCE_API_SECRET is a secret and has no flag", "the command line", "make a new one"),
    ),
    Mistake(
        "a webhook as a flag",
        f"paper --discord-webhook-url=https://{SECRET}",
        ("DISCORD_WEBHOOK_URL is a secret and has no flag", "environment or .env"),
    ),
    Mistake(
        "a secret with --set and a colon",
        f"{SHOW} --set BINANCE_API_SECRET:{SECRET}",
        ("not NAME=VALUE", "--set"),
    ),
    Mistake(
        "a webhook that is no address",
        SHOW,
        ("DISCORD_WEBHOOK_URL cannot be this value", "environment DISCORD", "an https:// address"),
        env={"DISCORD_WEBHOOK_URL": SECRET},
    ),
    Mistake(
        "a key with a blank in it",
        SHOW,
        ("BINANCE_API_KEY cannot be this value", ".env line 1", "text without blanks"),
        files={".env": f"BINANCE_API_KEY={SECRET} x\n"},
    ),
    Mistake(
        "a misspelt name of a secret",
        SHOW,
        ("BINANCE_API_KEYS is not a setting; did you mean BINANCE_API_KEY?",),
        env={"BINANCE_API_KEYS": SECRET},
    ),
]

COMMANDS = [
    Mistake("a misspelt command", "papper", ("No such command 'papper'", "Did you mean 'paper'?")),
    Mistake("a misspelt command of a group", "config shwo", ("'shwo'", "Did you mean 'show'?")),
    Mistake("a symbol without its flag", f"{SHOW} XRPUSDT", ("extra argument (XRPUSDT)", "Try")),
    Mistake(
        "one symbol that is not traded",
        f"{SHOW} --symbol ADAUSDT --json",
        ("ADAUSDT is not among SYMBOLS", "XRPUSDT, TRXUSDT, DOGEUSDT"),
    ),
    Mistake(
        "a file that init would overwrite",
        "config init",
        ("cointrader.toml is there already", "--force"),
        files={"cointrader.toml": "leverage = 3\n"},
    ),
    Mistake(
        "an .env that init would overwrite",
        "config init --format env",
        (".env is there already", "--force"),
        files={".env": f"BINANCE_API_KEY={SECRET}\n"},
    ),
    Mistake(
        "a folder where init writes",
        "config init --force",
        ("the system refused: Is a directory", "cointrader.toml", "to do:"),
        code=1,
        files={"cointrader.toml": None},
    ),
    Mistake("an unknown format", "config init --format yaml", ("'yaml'", "'toml', 'env'")),
    Mistake("a balance of nothing", "config check --balance 0", ("--balance", "from 1e-9 to")),
    Mistake("a balance in words", "config check --balance ten", ("--balance", "found: ten")),
    Mistake("candles nowhere", "config check --data nowhere", ("'--data'", "'nowhere'", "exist")),
    Mistake(
        "a wrong value where JSON is asked for",
        "config check --json --leverage 0",
        ("LEVERAGE cannot be '0'", "flag --leverage"),
    ),
]


@table([*VALUES, *TOGETHER, *NAMES, *FILES, *SECRETS, *COMMANDS])
def test_a_wrong_setting_is_told_with_its_place_and_changes_nothing(
    capsys, home, monkeypatch, mistake
):
    put_files(home, mistake.files)
    for name, value in mistake.env.items():
        monkeypatch.setenv(name, value)

    assert_told(refused(capsys, mistake.arguments, mistake.code), mistake.told)


HARMLESS = [
    ("lower-case symbols", "SYMBOLS=xrpusdt, trxusdt\n", "symbols", ["XRPUSDT", "TRXUSDT"]),
    ("stray commas", "SYMBOLS=XRPUSDT,,TRXUSDT,\n", "symbols", ["XRPUSDT", "TRXUSDT"]),
    ("an export from a shell", "export LEVERAGE=5\n", "leverage", 5),
    ("a byte order mark and CRLF", b"\xef\xbb\xbfLEVERAGE=5\r\nSIZING=risk\r\n", "leverage", 5),
    ("blanks around the sign", "LEVERAGE = 5\n", "leverage", 5),
    ("a name with nothing behind it", "LEVERAGE=\n", "leverage", 10),
    ("a comment behind the value", "LEVERAGE=5 # five\n", "leverage", 5),
    ("a Chinese symbol, which exists", "SYMBOLS=币安人生USDT\n", "symbols", ["币安人生USDT"]),
]


@pytest.mark.parametrize(
    ("content", "name", "value"), [row[1:] for row in HARMLESS], ids=[row[0] for row in HARMLESS]
)
def test_what_can_mean_one_thing_only_is_taken_as_meant(capsys, home, content, name, value):
    put_files(home, {".env": content})

    assert main(["config", "show", "--json"]) == 0

    shown = json.loads(capsys.readouterr().out)["settings"][name.upper()]["value"]
    assert shown == value
