BEGIN TRANSACTION;
CREATE TABLE alerts (
    at_ms INTEGER NOT NULL,
    level TEXT NOT NULL,
    symbol TEXT NOT NULL,
    text TEXT NOT NULL
);
INSERT INTO "alerts" VALUES(1700000100000,'warning','XRPUSDT','market stream lost');
CREATE TABLE bots (
    at_ms INTEGER NOT NULL,
    symbol TEXT NOT NULL,
    state TEXT NOT NULL,
    detail TEXT NOT NULL
);
INSERT INTO "bots" VALUES(1700000100000,'XRPUSDT','crashed','Unreachable: no answer');
CREATE TABLE decisions (
    symbol TEXT NOT NULL,
    bar_open_ms INTEGER NOT NULL,
    action TEXT NOT NULL,
    side TEXT,
    strength INTEGER NOT NULL,
    reasons TEXT NOT NULL,
    refusal TEXT NOT NULL,
    detail TEXT NOT NULL,
    probability REAL,
    UNIQUE (bar_open_ms, symbol)
);
INSERT INTO "decisions" VALUES('XRPUSDT',1700000100000,'ENTER','LONG',4,'["rsi-oversold","ema"]','filter','0.41 < 0.55',0.41);
CREATE TABLE equity (
    at_ms INTEGER NOT NULL PRIMARY KEY,
    wallet TEXT NOT NULL,
    equity TEXT NOT NULL
);
INSERT INTO "equity" VALUES(1700000100000,'1000.00','1001.25');
CREATE TABLE exchange_state (
    id INTEGER NOT NULL UNIQUE DEFAULT 1 CHECK (id = 1),
    at_ms INTEGER NOT NULL,
    state TEXT NOT NULL
);
INSERT INTO "exchange_state" VALUES(1,1700000100000,'{"sums":{"wallet":"1000.5"},"resume_ms":1700000100000}');
CREATE TABLE fills (
    symbol TEXT NOT NULL,
    trade_id INTEGER NOT NULL,
    client_order_id TEXT NOT NULL,
    side TEXT NOT NULL,
    price TEXT NOT NULL,
    quantity TEXT NOT NULL,
    fee TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    UNIQUE (symbol, trade_id)
);
INSERT INTO "fills" VALUES('XRPUSDT',1,'ct-XRPUSDT-1-e0','BUY','0.6123','120.5','0.03689',1700001000001);
CREATE TABLE funding (
    symbol TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    rate TEXT NOT NULL,
    amount TEXT NOT NULL,
    UNIQUE (symbol, at_ms)
);
INSERT INTO "funding" VALUES('XRPUSDT',1700001900000,'0.0001','-0.00737');
CREATE TABLE intents (
    client_order_id TEXT NOT NULL UNIQUE,
    symbol TEXT NOT NULL,
    bar_open_ms INTEGER NOT NULL,
    leg TEXT NOT NULL,
    side TEXT NOT NULL,
    kind TEXT NOT NULL,
    quantity TEXT,
    trigger_price TEXT,
    at_ms INTEGER NOT NULL,
    exits TEXT NOT NULL
);
INSERT INTO "intents" VALUES('ct-XRPUSDT-1-e0','XRPUSDT',1700000100000,'e','BUY','MARKET','120.5',NULL,1700001000000,'atr 0.0123');
CREATE TABLE orders (
    client_order_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    updated_ms INTEGER NOT NULL,
    quantity TEXT,
    filled_quantity TEXT NOT NULL,
    average_price TEXT,
    trigger_price TEXT,
    close_position INTEGER NOT NULL,
    reduce_only INTEGER NOT NULL
);
INSERT INTO "orders" VALUES('ct-XRPUSDT-1-s0','XRPUSDT','SELL','STOP_MARKET','NEW',1700001000000,NULL,'0',NULL,'0.6000',1,0);
CREATE TABLE owner (
    id INTEGER NOT NULL UNIQUE DEFAULT 1 CHECK (id = 1),
    mode TEXT NOT NULL,
    account TEXT NOT NULL
);
CREATE TABLE positions (
    symbol TEXT NOT NULL,
    trade_id TEXT NOT NULL,
    side TEXT NOT NULL,
    quantity TEXT NOT NULL,
    entry_price TEXT NOT NULL,
    entry_bar_ms INTEGER NOT NULL,
    entry_fee TEXT NOT NULL,
    stop TEXT NOT NULL,
    target TEXT NOT NULL,
    best_close REAL NOT NULL
);
INSERT INTO "positions" VALUES('XRPUSDT','ct-XRPUSDT-1-e0','LONG','120.5','0.6123',1700001000000,'0.03689','0.60','0.64',0.6123);
CREATE TABLE risk_events (
    at_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    symbol TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL
);
INSERT INTO "risk_events" VALUES(1700000100000,'refused','XRPUSDT','same-direction','2 of 2 long slots in use');
CREATE TABLE risk_state (
    id INTEGER NOT NULL UNIQUE DEFAULT 1 CHECK (id = 1),
    at_ms INTEGER NOT NULL,
    state TEXT NOT NULL
);
INSERT INTO "risk_state" VALUES(1,1700000100000,'{"slots":{"XRPUSDT":"LONG"},"day":19675,"halted":false,"peak":"1001.25"}');
CREATE TABLE runs (
    at_ms INTEGER NOT NULL,
    mode TEXT NOT NULL,
    market TEXT NOT NULL,
    profile TEXT NOT NULL,
    symbols TEXT NOT NULL,
    interval TEXT NOT NULL,
    base_balance TEXT NOT NULL,
    version TEXT NOT NULL,
    settings TEXT NOT NULL
, source TEXT NOT NULL DEFAULT '{}');
INSERT INTO "runs" VALUES(1700000100000,'paper','synthetic seed 1','default','["XRPUSDT","TRXUSDT"]','15m','1000','0.1.0','{"leverage":"10","note":"ÄÖ ✓"}','{"market":"synthetic","seed":"1"}');
CREATE TABLE trades (
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    entry_time_ms INTEGER NOT NULL,
    exit_time_ms INTEGER NOT NULL,
    entry_price TEXT NOT NULL,
    exit_price TEXT NOT NULL,
    quantity TEXT NOT NULL,
    reason TEXT NOT NULL,
    gross TEXT NOT NULL,
    fee TEXT NOT NULL,
    funding TEXT NOT NULL,
    net TEXT NOT NULL,
    trade_id TEXT NOT NULL,
    UNIQUE (trade_id, symbol, entry_time_ms)
);
INSERT INTO "trades" VALUES('XRPUSDT','LONG',1700001000000,1700004600000,'0.6123','0.64','120.5','TP','3.33785','0.07','-0.07785','3.19','ct-XRPUSDT-1-e0');
CREATE INDEX intents_by_time ON intents (symbol, at_ms);
CREATE INDEX orders_by_id ON orders (client_order_id);
CREATE INDEX orders_by_time ON orders (updated_ms);
CREATE INDEX fills_by_order ON fills (client_order_id);
CREATE INDEX fills_by_time ON fills (at_ms);
CREATE INDEX positions_by_symbol ON positions (symbol);
CREATE INDEX trades_by_time ON trades (exit_time_ms);
CREATE INDEX risk_events_by_time ON risk_events (at_ms);
CREATE INDEX alerts_by_time ON alerts (at_ms);
COMMIT;
PRAGMA application_id = 1668575844;
PRAGMA user_version = 2;
