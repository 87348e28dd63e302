"""The one table of settings. Everything else about configuration derives from it.

Parsing, validation, attributes, command-line flags, `.env`, `cointrader.toml`, per-symbol values,
`config show`: to add a setting, add a row here and its typed name in `config_values`.
"""

from __future__ import annotations

from dataclasses import dataclass

from cointrader.app.config.types import (
    Choice,
    Flag,
    Number,
    SecretText,
    SignalRule,
    SizingRule,
    Symbols,
    Text,
    ValueType,
    Whole,
)

PROFILES = ("default", "founding")
_SAME = object()

GROUPS = {
    "keys": "Keys for the exchange; paper trading needs none",
    "market": "What is traded",
    "signal": "Signal",
    "indicators": "Indicator periods",
    "exits": "Exits",
    "size": "Size",
    "limits": "Limits over all symbols",
    "filter": "Entry filter",
    "costs": "Costs of a simulated fill",
    "rules": "Rules that the founding profile switches off",
    "training": "Training",
    "deployment": "Alerts and deployment",
    "logs": "Logs",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. Its name in the environment is the upper-cased `name`.

    Parameters
    ----------
    default, founding : its value in the two profiles
    per_symbol : may be given for one symbol, as ``NAME_SYMBOL``
    needs : (another setting, its values) without which this one has no effect
    """

    name: str
    group: str
    type: ValueType
    default: object
    help: str
    founding: object = _SAME
    per_symbol: bool = False
    needs: tuple[str, tuple[object, ...]] | None = None

    @property
    def env_name(self) -> str:
        return self.name.upper()

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def secret(self) -> bool:
        """Secrets come from the environment and `.env` only, and are never shown."""
        return isinstance(self.type, SecretText)

    def value_in(self, profile: str) -> object:
        """Its value when nobody says anything; a fresh list for a list."""
        founding = profile == "founding" and self.founding is not _SAME
        value = self.founding if founding else self.default
        return list(value) if isinstance(value, list | tuple) else value


def _period(name: str, default: int, help_text: str) -> Setting:
    return Setting(name, "indicators", Whole(2, 200), default, help_text, per_symbol=True)


def _key(name: str, help_text: str) -> Setting:
    return Setting(name, "keys", SecretText(r"\S+", "text without blanks"), "", help_text)


_HOURS = r"off|([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d(\s+\S+)?"
_CHATS = r"off|-?\d+(\s*,\s*-?\d+)*"
_LEVEL = Choice("info", "warning", "critical")
_BY_ATR = ("exit_mode", ("atr",))
_BY_PERCENT = ("exit_mode", ("pct",))
_WITH_FILTER = ("no_ml_filter", (False,))
_WITH_SCORE = ("signal", ("score",))

TABLE: tuple[Setting, ...] = (
    _key("binance_api_key", "Key for live trading"),
    _key("binance_api_secret", "Its secret"),
    _key("binance_testnet_api_key", "Key for the exchange's testnet"),
    _key("binance_testnet_api_secret", "Its secret"),
    _key("binance_guard_api_key", "Key of the guard, where it has one of its own"),
    _key("binance_guard_api_secret", "Its secret"),
    Setting("symbols", "market", Symbols(), ("XRPUSDT", "TRXUSDT", "DOGEUSDT"),
            "Comma list, one bot each; its order decides who is served first"),
    Setting("correlation_symbols", "market", Symbols(off=True), ("BTCUSDT", "ETHUSDT"),
            "Markets the features compare with; not traded"),
    Setting("interval", "market", Choice("5m", "15m", "30m", "1h", "2h", "4h"), "15m",
            "Length of a candle"),
    Setting("profile", "market", Choice(*PROFILES), "default",
            "default; founding are the first rules, for comparison only"),
    Setting("signal", "signal", SignalRule(), "score",
            "The signal rule: score, or path/to/file.py:Name", per_symbol=True),
    Setting("signal_threshold", "signal", Whole(1, 6), 3, "Score a side needs", per_symbol=True,
            needs=_WITH_SCORE),
    Setting("vol_multiplier", "signal", Number(0, 100), 1.5,
            "Volume must be above this many times its mean, unless the score is one higher",
            per_symbol=True, needs=_WITH_SCORE),
    Setting("adx_threshold", "signal", Number(0, 100), 0.0,
            "No signal while ADX is below this; 0 is off", per_symbol=True, needs=_WITH_SCORE),
    _period("rsi_period", 14, "Bars of RSI"),
    _period("macd_fast", 12, "Bars of MACD's fast mean"),
    _period("macd_slow", 26, "Bars of MACD's slow mean"),
    _period("macd_signal", 9, "Bars of MACD's signal line"),
    _period("band_period", 20, "Bars of the Bollinger bands"),
    Setting("band_width", "indicators", Number(0, 10, above=True), 2.0,
            "Half width of the bands in standard deviations", per_symbol=True),
    _period("ema_fast", 9, "Bars of the fast EMA"),
    _period("ema_mid", 21, "Bars of the middle EMA"),
    _period("ema_slow", 50, "Bars of the slow EMA"),
    _period("atr_period", 14, "Bars of ATR"),
    _period("stoch_period", 14, "Bars whose RSI range StochRSI looks at"),
    _period("stoch_k", 3, "Bars of StochRSI's K"),
    _period("stoch_d", 3, "Bars of StochRSI's D"),
    _period("adx_period", 14, "Bars of ADX"),
    _period("volume_period", 20, "Bars of the volume mean"),
    Setting("exit_mode", "exits", Choice("atr", "pct"), "atr",
            "Stop and target in ATR, or as a fraction of the fill", per_symbol=True),
    Setting("atr_sl_mult", "exits", Number(0, 100, above=True), 1.5,
            "Stop distance in ATR", per_symbol=True, needs=_BY_ATR),
    Setting("atr_tp_mult", "exits", Number(0, 100, above=True), 3.0,
            "Take-profit distance in ATR", per_symbol=True, needs=_BY_ATR),
    Setting("stop_loss_pct", "exits", Number(0, 1, above=True, below=True), 0.015,
            "Stop distance as a fraction of the fill; only with EXIT_MODE=pct",
            per_symbol=True, needs=_BY_PERCENT),
    Setting("take_profit_pct", "exits", Number(0, 1, above=True, below=True), 0.045,
            "Take-profit distance, likewise", per_symbol=True, needs=_BY_PERCENT),
    Setting("trailing_stop_pct", "exits", Number(0, 1, below=True), 0.0,
            "The stop follows the best close at this distance; 0 is off", per_symbol=True),
    Setting("leverage", "size", Whole(1, 125), 10, "Leverage set on the exchange"),
    Setting("sizing", "size", SizingRule(), "account",
            "account: a share of the wallet; risk: fixed loss at the stop; fixed:N: for research"),
    Setting("risk_per_trade", "size", Number(0, 1, above=True), 0.02,
            "Fraction of the wallet lost at the stop; only with SIZING=risk",
            needs=("sizing", ("risk",))),
    Setting("margin_max_ratio", "size", Number(0, 1, above=True), 0.5,
            "Largest share of the wallet used as margin"),
    Setting("margin_min_ratio", "size", Number(0, 1), 0.2, "Smallest share"),
    Setting("margin_decay_rate", "size", Number(0, 100), 0.0006,
            "How much the share shrinks per unit of profit (see MARGIN_DECAY)"),
    Setting("margin_decay", "size", Choice("absolute", "relative"), "absolute",
            "absolute: a unit is one of quote currency, so a large account's share falls sooner; "
            "relative: a unit is the base balance, so large and small accounts behave alike"),
    Setting("max_positions", "limits", Whole(1, 1000), 3, "Positions open at once"),
    Setting("max_same_direction", "limits", Whole(1, 1000), 2,
            "Of these, on the same side; at most MAX_POSITIONS"),
    Setting("max_daily_loss", "limits", Number(0, 1, above=True), 0.05,
            "Fraction of the day's starting equity; then no entries until 00:00 UTC"),
    Setting("max_drawdown", "limits", Number(0, 1, above=True, below=True, off=True), 0.3,
            "Fraction below the highest equity; then no more entries",
            founding=None),
    Setting("max_entry_delay", "limits", Number(0, 86_400, above=True, off=True), 30.0,
            "Seconds after the candle's close; a later entry is dropped", founding=None),
    Setting("auction_deadline", "limits", Number(0, 60), 2.0,
            "Seconds that entries of one bar wait for the slowest symbol"),
    Setting("foreign_positions", "limits", Choice("leave", "adopt", "refuse"), "leave",
            "Positions and orders that this program did not open: leave them alone and do not "
            "trade that symbol, adopt positions (protect and manage them), or refuse to start"),
    Setting("tie_break", "limits", Choice("order", "probability"), "order",
            "Who is served first: order (of SYMBOLS) or probability (of the model)"),
    Setting("kill_fast", "limits", Flag(), False,
            "Stop a symbol's entries after 8 losses running"),
    Setting("kill_slow", "limits", Flag(), False,
            "Stop a symbol's entries at a profit factor below 0.75 over 15 trades"),
    Setting("ml_threshold", "filter", Number(0, 1), 0.55,
            "Probability an entry needs; where it is not set, the model's own threshold counts",
            per_symbol=True, needs=_WITH_FILTER),
    Setting("no_ml_filter", "filter", Flag(), False,
            "Trading without a model is meant; otherwise live makes no entries without one",
            founding=True, per_symbol=True),
    Setting("taker_fee", "costs", Number(0, 0.01), 0.0005,
            "Fee per side as a fraction of the notional", founding=0.0004),
    Setting("slippage_bps", "costs", Number(0, 1000), 2.0,
            "Against us on every fill, in hundredths of a percent", founding=0.0),
    Setting("daily_loss_basis", "rules", Choice("marked", "realised"), "marked",
            "The day's loss counts open positions (marked) or not (realised)",
            founding="realised"),
    Setting("open_risk_bound", "rules", Flag(), True,
            "Loss up to the open stops counts towards MAX_DAILY_LOSS", founding=False),
    Setting("slots_by", "rules", Choice("min", "symbols"), "min",
            "The wallet is split by min(symbols, MAX_POSITIONS), or by symbols",
            founding="symbols"),
    Setting("check_margin", "rules", Flag(), True,
            "An entry needs free margin", founding=False),
    Setting("use_filters", "rules", Flag(), True,
            "Tick, step and minimum sizes of the exchange count in history", founding=False),
    Setting("liquidation_distance", "rules", Flag(), True,
            "No entry whose liquidation price is nearer than twice the stop", founding=False),
    Setting("label", "training", Choice("engine", "barrier"), "engine",
            "A signal's label: its own trade, or the founding triple barrier", founding="barrier"),
    Setting("max_label_bars", "training", Whole(1, 10_000), 96,
            "Bars after which a labelled trade ends", needs=("label", ("engine",))),
    Setting("barrier_bars", "training", Whole(1, 10_000), 24,
            "Bars the triple barrier looks ahead", needs=("label", ("barrier",))),
    Setting("weight_decay", "training", Number(0, 100), 2.0,
            "How much more the newest samples weigh: exp(this) times the oldest"),
    Setting("discord_webhook_url", "deployment", SecretText(r"https?://\S+", "an https:// address"),
            "", "Where alerts go; a secret"),
    Setting("discord_level", "deployment", _LEVEL, "info", "The lowest level that goes there"),
    Setting("telegram_token", "deployment", SecretText(r"\d+:\S+", "as @BotFather tells it"), "",
            "A Telegram bot for alerts and commands; a secret"),
    Setting("telegram_chat_ids", "deployment", Text(_CHATS, "numbers, or off"), "off",
            "Comma list of the chats that get alerts and may give commands; nobody else may"),
    Setting("telegram_level", "deployment", _LEVEL, "warning", "The lowest level that goes there"),
    Setting("telegram_url", "deployment", Text(r"https?://\S+", "an https:// address"),
            "https://api.telegram.org", "The server of the Bot API"),
    Setting("notify_urls", "deployment", SecretText(r"[A-Za-z][\w+.-]*://.+", "apprise addresses"),
            "", "Other channels, as apprise writes them, with blanks between them; a secret"),
    Setting("notify_level", "deployment", _LEVEL, "warning", "The lowest level that goes there"),
    Setting("quiet_hours", "deployment", Text(_HOURS, "22:00-07:00, or off"), "off",
            "Only critical alerts go out then: 22:00-07:00 in UTC, or 22:00-07:00 Asia/Seoul"),
    Setting("heartbeat_url", "deployment", SecretText(r"https?://\S+", "an https:// address"),
            "", "Asked for every minute while all is well, for a monitor; a secret"),
    Setting("dashboard_token", "deployment", SecretText(r"\S{16,}", "16 characters or more"), "",
            "What logs in to the dashboard; without it one is made for each journal; a secret"),
    Setting("deploy_host", "deployment", Text(r"[^\s-]\S*", "user@host"), "",
            "Where models are deployed to: user@host"),
    Setting("deploy_path", "deployment", Text(r"[^\s-][^\n]*", "a folder"), "",
            "Folder of cointrader on that host"),
    Setting("log_format", "logs", Choice("console", "json"), "console",
            "console: a readable line per event; json: an object per line"),
    Setting("log_level", "logs", Choice("debug", "info", "warning", "error"), "warning",
            "The lowest level on stderr; a file has info too"),
    Setting("log_file", "logs", Text(r"[^\n\0]*", "a file"), "",
            "A file for the same lines, for one process; without it only stderr"),
    Setting("log_file_mb", "logs", Number(0, 100_000, above=True), 10.0,
            "Megabytes after which the log file is begun anew"),
    Setting("log_files_kept", "logs", Whole(1, 1000), 5, "Full log files that are kept"),
)  # fmt: skip

SETTINGS: dict[str, Setting] = {setting.name: setting for setting in TABLE}
