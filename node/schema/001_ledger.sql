-- The ledger of one circle, in a schema of its own. What the log commits to is append-only; balances
-- and open things are one row each, so that memory and cost do not grow with the log.

CREATE TABLE head (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    size        bigint  NOT NULL CHECK (size >= 0),
    root        bytea   NOT NULL CHECK (length(root) = 32),
    log_time    bigint  NOT NULL,          -- Unix milliseconds, of the last entry
    frontier    bytea   NOT NULL,          -- complete subtrees of the right edge, largest first
    checkpoint  text    NOT NULL           -- the signed note over size and root
);

CREATE TABLE entries (
    index       bigint  PRIMARY KEY CHECK (index >= 0),
    log_time    bigint  NOT NULL,
    leaf        bytea   NOT NULL,
    authority   text    NOT NULL,
    wire        bytea   NOT NULL,          -- the signed order; empty for the circle's own entries
    secret      bytea   NOT NULL CHECK (length(secret) = 32),
    postings    bytea   NOT NULL           -- canonical array of the postings, as committed
);
ALTER TABLE entries ALTER COLUMN leaf SET STORAGE EXTERNAL;
ALTER TABLE entries ALTER COLUMN wire SET STORAGE EXTERNAL;
ALTER TABLE entries ALTER COLUMN postings SET STORAGE EXTERNAL;

CREATE TABLE tiles (
    level       smallint NOT NULL,
    index       bigint   NOT NULL,
    data        bytea    NOT NULL CHECK (length(data) = 8192),
    PRIMARY KEY (level, index)
);
ALTER TABLE tiles ALTER COLUMN data SET STORAGE EXTERNAL;

CREATE TABLE accounts (
    number      bigint  PRIMARY KEY,
    kind        text    NOT NULL CHECK (kind IN ('member', 'treasury', 'community', 'suspense')),
    floor       bigint  NOT NULL CHECK (floor <= 0),
    ceiling     bigint  NOT NULL CHECK (ceiling >= 0),
    lowest      bigint  NOT NULL CHECK (lowest <= floor),      -- effective limits: they ratchet
    highest     bigint  NOT NULL CHECK (highest >= ceiling),   -- back to the set ones
    balance     bigint  NOT NULL CHECK (balance BETWEEN -9007199254740991 AND 9007199254740991),
    held        bigint  NOT NULL CHECK (held >= 0),
    seq         bigint  NOT NULL CHECK (seq > 0),
    last        bytea   NOT NULL CHECK (length(last) = 32),
    deviceless  boolean NOT NULL,
    closed      boolean NOT NULL,
    CONSTRAINT within_limits CHECK (balance - held >= lowest AND balance <= highest),
    CONSTRAINT closed_is_empty CHECK (NOT closed OR (balance = 0 AND held = 0))
) WITH (fillfactor = 50);

CREATE TABLE postings (                    -- one line of an account's statement
    account      bigint NOT NULL,
    seq          bigint NOT NULL,
    entry        bigint NOT NULL,
    log_time     bigint NOT NULL,
    delta        bigint NOT NULL,
    balance      bigint NOT NULL,
    held         bigint NOT NULL,
    counterparty bigint,                   -- the other account, or the one that faces all others
    PRIMARY KEY (account, seq)
);

CREATE TABLE verdicts (                    -- what was decided of orders that have not expired
    device      bytea   NOT NULL,
    nonce       bigint  NOT NULL,
    order_id    bytea   NOT NULL,
    entry       bigint,                    -- accepted as this entry,
    refusal     text,                      -- or refused: code, detail and attributes as JSON
    expires     bigint  NOT NULL,
    PRIMARY KEY (device, nonce),
    CHECK ((entry IS NULL) <> (refusal IS NULL))
);
CREATE INDEX verdicts_expires ON verdicts USING brin (expires);

CREATE TABLE rules (one boolean PRIMARY KEY DEFAULT true CHECK (one), encoded bytea NOT NULL);

CREATE TABLE holders (
    account     bigint NOT NULL REFERENCES accounts,
    person      bigint NOT NULL,
    PRIMARY KEY (account, person)
);
CREATE INDEX holders_person ON holders (person);

CREATE TABLE persons (                     -- whoever held an account once: no number is given twice
    person      bigint PRIMARY KEY
);

CREATE TABLE devices (
    key          bytea  PRIMARY KEY CHECK (length(key) = 32),
    person       bigint NOT NULL,
    role         text   NOT NULL CHECK (role IN ('device', 'recovery', 'paper')),
    label        text   NOT NULL,
    status       text   NOT NULL CHECK (status IN ('active', 'frozen', 'revoked')),
    active_from  bigint NOT NULL,
    capped_until bigint NOT NULL,
    spent        bigint NOT NULL
);

CREATE TABLE holds (                       -- open ones
    index        bigint  PRIMARY KEY,
    account      bigint  NOT NULL REFERENCES accounts,
    payee        bigint  REFERENCES accounts,
    amount       bigint  NOT NULL CHECK (amount > 0),
    until        bigint  NOT NULL,
    claim_window bigint,
    coordinator  boolean NOT NULL,
    evidence     bytea,
    claimed_at   bigint,
    claimed      bigint,
    counted      boolean NOT NULL,         -- against the cap of a mandate or a new device
    CONSTRAINT claimed_by_somebody
        CHECK (payee IS NOT NULL OR (claim_window IS NULL AND claimed IS NULL))
);

CREATE TABLE mandates (                    -- living ones
    index        bigint PRIMARY KEY,
    account      bigint NOT NULL REFERENCES accounts,
    person       bigint NOT NULL,
    scope        text[] NOT NULL,
    cap          bigint NOT NULL,
    "window"     bigint NOT NULL,
    until        bigint NOT NULL,
    window_began bigint NOT NULL,
    used         bigint NOT NULL
);

CREATE TABLE invitations (                 -- unused ones
    key          bytea  PRIMARY KEY,
    index        bigint NOT NULL,
    floor        bigint NOT NULL,
    ceiling      bigint NOT NULL,
    starter      bigint NOT NULL,
    office       text   NOT NULL,
    until        bigint NOT NULL
);

CREATE TABLE offices (
    person      bigint NOT NULL,
    office      text   NOT NULL,
    PRIMARY KEY (person, office)
);

CREATE TABLE reversals (entry bigint PRIMARY KEY, by bigint NOT NULL);

CREATE TABLE slips (
    channel     text   NOT NULL,
    number      text   NOT NULL,
    entry       bigint NOT NULL,
    PRIMARY KEY (channel, number)
);

CREATE TABLE requests (                    -- payment requests, as signed by their payees
    id          bytea  PRIMARY KEY,
    wire        bytea  NOT NULL,
    account     bigint NOT NULL REFERENCES accounts,
    expires     bigint NOT NULL,
    paid_by     bigint                     -- the entry that paid it
);
CREATE INDEX requests_account ON requests (account, expires);

-- What is held on people, beside the ledger: the only tables that erasing a person touches.

CREATE TABLE people (
    person      bigint PRIMARY KEY,
    handle      text   NOT NULL UNIQUE,
    name        text   NOT NULL
);

CREATE TABLE personal (                    -- the text an entry commits to, and its salt
    entry       bigint PRIMARY KEY,
    person      bigint NOT NULL,           -- who wrote it
    salt        bytea  NOT NULL,
    body        bytea  NOT NULL
);
CREATE INDEX personal_person ON personal (person);

CREATE TABLE request_texts (
    request     bytea  PRIMARY KEY REFERENCES requests,
    person      bigint NOT NULL,
    salt        bytea  NOT NULL,
    body        bytea  NOT NULL
);

CREATE TABLE sessions (
    token_hash  bytea  PRIMARY KEY,
    device      bytea  NOT NULL,
    person      bigint NOT NULL,
    expires     bigint NOT NULL
);
CREATE INDEX sessions_expires ON sessions (expires);
CREATE TABLE session_nonces (device bytea, nonce bigint, expires bigint, PRIMARY KEY (device, nonce));

-- Witnesses (C2SP tlog-witness): whose heads this node cosigns, and who cosigns its own.

CREATE TABLE witnessed_logs (
    origin      text   PRIMARY KEY,
    origin_hash bytea  NOT NULL UNIQUE CHECK (length(origin_hash) = 32),
    vkey        text   NOT NULL,
    accepted    boolean NOT NULL DEFAULT true,  -- what was cosigned outlives it: none of it is undone
    size        bigint CHECK (size >= 0),  -- of the head cosigned last, and
    root        bytea  CHECK (length(root) = 32),
    checkpoint  text,                      -- that head, with the log's signature and the cosignature
    CHECK ((size IS NULL) = (root IS NULL) AND (size IS NULL) = (checkpoint IS NULL))
);
CREATE TABLE log_forks (                   -- two heads of one size, signed by one log: its conviction
    origin      text   PRIMARY KEY REFERENCES witnessed_logs,
    kept        text   NOT NULL,
    shown       text   NOT NULL,
    found       bigint NOT NULL            -- Unix milliseconds
);

CREATE TABLE witnesses (
    name        text   PRIMARY KEY,        -- of the key
    vkey        text   NOT NULL,
    title       text   NOT NULL,           -- what members are told
    url         text   NOT NULL
);
CREATE TABLE cosigning (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    needed      integer NOT NULL DEFAULT 0 CHECK (needed >= 0),  -- of the witnesses, for a head
    checkpoint  text                       -- the newest head that had so many
);
INSERT INTO cosigning DEFAULT VALUES;

-- What people read of their own is found by whose it is, however many there are of others'.

CREATE INDEX devices_person ON devices (person);
CREATE INDEX holds_account ON holds (account);
CREATE INDEX holds_payee ON holds (payee) WHERE payee IS NOT NULL;
CREATE INDEX mandates_account ON mandates (account);
CREATE INDEX mandates_person ON mandates (person);
CREATE INDEX sessions_person ON sessions (person);
CREATE INDEX request_texts_person ON request_texts (person);
CREATE INDEX requests_open ON requests (account, expires) WHERE paid_by IS NULL;

-- The rules that stand here too, whoever is connected.

CREATE FUNCTION forbid_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are written once and never changed', TG_TABLE_NAME;
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON entries
    FOR EACH ROW EXECUTE FUNCTION forbid_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON postings
    FOR EACH ROW EXECUTE FUNCTION forbid_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON tiles
    FOR EACH ROW EXECUTE FUNCTION forbid_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON entries EXECUTE FUNCTION forbid_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON postings EXECUTE FUNCTION forbid_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON tiles EXECUTE FUNCTION forbid_change();
