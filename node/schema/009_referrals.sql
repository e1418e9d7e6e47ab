-- Requests for help that pass between neighbouring circles. Of each, either circle keeps its own half
-- and the newest of the other's, as they travel; what is agreed stands in the tables of help.

CREATE TABLE referral_terms (              -- what a coordinator said of a neighbour; else nothing passes
    link        bytea   PRIMARY KEY REFERENCES links,
    refer       boolean NOT NULL,          -- requests of ours go there
    take        boolean NOT NULL,          -- requests of theirs are looked after here
    same_grid   boolean NOT NULL           -- both measure places on one grid
);

CREATE TABLE referral_vettings (           -- a level of theirs that counts as one of ours
    link        bytea   NOT NULL REFERENCES referral_terms ON DELETE CASCADE,
    level       text    NOT NULL REFERENCES vetting_levels ON DELETE CASCADE,
    theirs      text    NOT NULL,
    PRIMARY KEY (link, level)
);
CREATE INDEX referral_vettings_level ON referral_vettings (level);

CREATE TABLE referrals (
    number      bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    link        bytea   NOT NULL REFERENCES links,
    id          bytea   NOT NULL CHECK (length(id) = 16),
    outward     boolean NOT NULL,          -- we ask
    request     bigint  REFERENCES help_requests ON DELETE CASCADE,  -- NULL: one that was not taken
    week        integer NOT NULL DEFAULT 0,  -- of the request: each is asked of neighbours by itself
    made        bigint  NOT NULL,          -- Unix milliseconds
    hour        bigint  NOT NULL,          -- what an hour is worth, in minor units of who is asked
    vetting     text    NOT NULL,          -- the level that is wanted, by their name for it, or ''
    half        bytea   NOT NULL DEFAULT '',     -- ours,
    seq         bigint  NOT NULL DEFAULT 0,      -- its number,
    acked       bigint  NOT NULL DEFAULT 0,      -- and the newest that they have
    theirs      bytea   NOT NULL DEFAULT '',
    heard       bigint  NOT NULL DEFAULT 0,
    turns       integer NOT NULL DEFAULT 0,      -- how often our helpers were told anew of it
    UNIQUE (link, id, outward)
);
CREATE INDEX referrals_request ON referrals (request);

CREATE TABLE referral_offers (             -- somebody of a neighbour who can come
    number      bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    referral    bigint  NOT NULL REFERENCES referrals ON DELETE CASCADE,
    offer       bigint  NOT NULL,          -- their number for it
    refused     text    CHECK (refused IN ('late', 'declined')),
    UNIQUE (referral, offer)
);

ALTER TABLE visits ADD COLUMN offer bigint UNIQUE REFERENCES referral_offers ON DELETE SET NULL;
ALTER TABLE visits ADD COLUMN payment bytea CHECK (length(payment) = 32); -- to or from a neighbour
ALTER TABLE visits ADD COLUMN named_by bytea;  -- the device that named it
CREATE UNIQUE INDEX visits_payment ON visits (payment) WHERE payment IS NOT NULL;
ALTER TABLE asks ADD COLUMN offer bigint;   -- our number for a yes to what a neighbour asks
