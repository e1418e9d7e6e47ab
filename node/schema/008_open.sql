-- Open numbers: what the circle did, month by month, as anybody may read it. Only what is told is
-- kept: what could pick somebody out is not even here.

CREATE TABLE open_months (
    month           date    PRIMARY KEY CHECK (extract(day FROM month) = 1),
    worked_out      bigint  NOT NULL,      -- Unix milliseconds
    settled         boolean NOT NULL DEFAULT false,  -- also what became of requests for help
    trades          bigint  CHECK (trades = 0 OR trades >= 5),
    members         bigint  CHECK (members = 0 OR members >= 5),
    requests        bigint  CHECK (requests = 0 OR requests >= 5),
    unfilled        bigint  CHECK (unfilled = 0 OR unfilled >= 5),
    filled_percent  integer CHECK (filled_percent BETWEEN 0 AND 100),
    half_minutes    bigint  CHECK (half_minutes >= 0),
    most_minutes    bigint  CHECK (most_minutes >= 0),
    helped_minutes  bigint  CHECK (helped_minutes >= 0),
    few             text[]  NOT NULL,      -- of these, which are from 1 to 4,
    hidden          text[]  NOT NULL,      -- and which are of too few to be told
    mirrors         bigint[] NOT NULL,     -- accounts that mirror what is owed with neighbours,
    positions       bigint[] NOT NULL,     -- and their balances when the month was over
    CHECK (cardinality(mirrors) = cardinality(positions))
);
CREATE TRIGGER final BEFORE UPDATE ON open_months
    FOR EACH ROW WHEN (OLD.settled) EXECUTE FUNCTION forbid_change();
CREATE TRIGGER kept BEFORE DELETE ON open_months
    FOR EACH ROW EXECUTE FUNCTION forbid_change();

CREATE TABLE open_counting (               -- how far the log is counted
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    month       date    NOT NULL,          -- that goes on
    next_entry  bigint  NOT NULL,
    trades      bigint  NOT NULL,          -- in it so far
    mirrors     bigint[] NOT NULL,
    positions   bigint[] NOT NULL
);
CREATE TABLE open_traders (account bigint PRIMARY KEY);  -- in it so far; emptied when it is over

CREATE INDEX help_requests_opened ON help_requests (opened) WHERE opened IS NOT NULL;
CREATE INDEX visits_given ON visits (starts) WHERE status IN ('done', 'paid');
