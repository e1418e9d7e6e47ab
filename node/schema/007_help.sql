-- Help: who helps, what is asked for, who is asked, and what came of it. Tokens move by orders only;
-- here stands which promise (a hold of the ledger) is for which visit. Times are minutes on the clock
-- on the circle's wall, counted from Monday, 3 January 2000, 0:00: so those of a week are what
-- remains after 10,080. `starts` and the like are Unix milliseconds.

CREATE TABLE help_terms (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    hour        bigint  CHECK (hour > 0)   -- what an hour of help is, once a coordinator has said it
);
INSERT INTO help_terms DEFAULT VALUES;

CREATE FUNCTION plain_words(written text) RETURNS text
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$ SELECT lower(unaccent(written)) $$;

CREATE TABLE helpers (
    person      bigint  PRIMARY KEY REFERENCES people ON DELETE CASCADE,
    since       bigint  NOT NULL,          -- Unix milliseconds
    weekly      integer NOT NULL CHECK (weekly BETWEEN 30 AND 10080),  -- minutes offered, at most
    reach       integer NOT NULL CHECK (reach BETWEEN 100 AND 20000),  -- metres that they go
    skills      text[]  NOT NULL,          -- categories
    traits      text[]  NOT NULL,
    free        int4multirange NOT NULL,   -- minutes of a usual week
    away        int4range,
    easting     integer,                   -- of their profile
    northing    integer,
    last_asked  bigint,                    -- Unix milliseconds
    agreed      integer NOT NULL DEFAULT 0,  -- visits ever; without any they are a newcomer
    kept        integer NOT NULL DEFAULT 0,  -- of those that are over: done,
    failed      integer NOT NULL DEFAULT 0,  -- or confirmed not to have been come to, or cancelled late
    CHECK ((easting IS NULL) = (northing IS NULL))
);
-- Whose reach a place is in: what is read depends on how many that are, and not on how many there are.
CREATE INDEX helpers_area ON helpers USING gist (
    box(point(easting - reach, northing - reach), point(easting + reach, northing + reach))
) WHERE easting IS NOT NULL;
CREATE INDEX helpers_nowhere ON helpers (person) WHERE easting IS NULL;

CREATE TABLE help_requests (
    number      bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key         uuid    NOT NULL UNIQUE,   -- chosen by whoever asked, once
    asker       bigint  REFERENCES people ON DELETE SET NULL,
    account     bigint,                    -- that pays
    link        bytea   REFERENCES links,  -- the neighbour that asks, for somebody of its own
    made_by     bigint  REFERENCES people ON DELETE SET NULL,
    made        bigint  NOT NULL,
    category    text    NOT NULL REFERENCES categories,
    title       text    NOT NULL,          -- with the category, area and times for those who are asked
    words       text    NOT NULL,
    minutes     integer NOT NULL CHECK (minutes BETWEEN 15 AND 480),
    helpers     integer NOT NULL CHECK (helpers BETWEEN 1 AND 10),
    weeks       integer NOT NULL CHECK (weeks BETWEEN 1 AND 12),
    traits      text[]  NOT NULL,
    language    text    NOT NULL,
    vetting     text    REFERENCES vetting_levels ON DELETE RESTRICT,
    familiar    boolean NOT NULL,
    picks       boolean NOT NULL,          -- the asker picks among those who say yes
    wider       boolean NOT NULL DEFAULT false,  -- neighbours may be asked, too
    hour        bigint,                    -- what an hour of help was then, if that was said
    most        bigint  NOT NULL CHECK (most > 0),  -- set aside for each visit
    area        text    NOT NULL,
    easting     integer,                   -- of the asker's profile
    northing    integer,
    address     text    NOT NULL,          -- for the agreed helper only, like the next
    private     text    NOT NULL,
    status      text    NOT NULL DEFAULT 'draft'
                CHECK (status IN ('draft', 'open', 'filled', 'over', 'cancelled')),
    phones      boolean NOT NULL,          -- the asker has no device: on the desk from the first minute
    opened      bigint,
    matched     bigint,                    -- when all places had somebody, for the first time
    ends        bigint  NOT NULL,          -- the last moment at which a visit can begin
    wave        integer NOT NULL DEFAULT 0,
    next_wave   bigint,                    -- NULL: nobody more is asked by itself
    desk_since  bigint,                    -- since when a coordinator is to ring round
    CHECK (link IS NULL OR (asker IS NULL AND account IS NULL AND made_by IS NULL))
);
CREATE INDEX help_requests_link ON help_requests (link) WHERE link IS NOT NULL;
CREATE INDEX help_requests_asker ON help_requests (asker, number);
CREATE INDEX help_requests_made_by ON help_requests (made_by);
CREATE INDEX help_requests_going_on ON help_requests (asker) WHERE status IN ('draft', 'open', 'filled');
CREATE INDEX help_requests_next_wave ON help_requests (next_wave) WHERE next_wave IS NOT NULL;
CREATE INDEX help_requests_ends ON help_requests (ends) WHERE status IN ('draft', 'open', 'filled');
CREATE INDEX help_requests_last ON help_requests ((ends + weeks * 604800000::bigint));
CREATE INDEX help_requests_words ON help_requests ((ends + weeks * 604800000::bigint)) WHERE title <> '';
CREATE INDEX help_requests_category ON help_requests (category);
CREATE INDEX help_requests_vetting ON help_requests (vetting) WHERE vetting IS NOT NULL;
CREATE INDEX help_requests_desk ON help_requests (desk_since) WHERE desk_since IS NOT NULL;

CREATE TABLE help_windows (                -- a visit lies within one of them, and each within a day
    request     bigint  NOT NULL REFERENCES help_requests ON DELETE CASCADE,
    begins      integer NOT NULL,
    ends        integer NOT NULL CHECK (ends > begins),
    PRIMARY KEY (request, begins)
);

CREATE TABLE visits (                      -- one for each helper that is wanted, in each week
    number      bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request     bigint  NOT NULL REFERENCES help_requests ON DELETE CASCADE,
    place       integer NOT NULL,
    week        integer NOT NULL,
    hold        bigint  UNIQUE,            -- the entry that set tokens aside for it
    helper      bigint  REFERENCES people ON DELETE SET NULL,
    account     bigint,                    -- the helper's
    begins      integer,
    starts      bigint,
    minutes     integer NOT NULL,
    status      text    NOT NULL DEFAULT 'open' CHECK (status IN
                ('open', 'held', 'booked', 'done', 'paid', 'cancelled', 'missed', 'dropped')),
    ended_by    bigint  REFERENCES people ON DELETE SET NULL,
    ended       bigint,
    late        boolean NOT NULL DEFAULT false,  -- cancelled late
    confirmed   boolean NOT NULL DEFAULT false,  -- a coordinator made sure of what is said of a miss
    thanks      text    NOT NULL DEFAULT '',
    UNIQUE (request, place, week),
    CHECK ((helper IS NULL OR begins IS NOT NULL) AND (begins IS NULL) = (starts IS NULL))
);
CREATE INDEX visits_helper ON visits (helper, begins) WHERE helper IS NOT NULL;
CREATE INDEX visits_done ON visits (hold) WHERE status = 'done';
CREATE INDEX visits_to_come ON visits (status, helper) WHERE status IN ('held', 'booked');
CREATE INDEX visits_booked ON visits (starts) WHERE status = 'booked';
CREATE INDEX visits_missed ON visits (ended) WHERE status = 'missed' AND NOT confirmed;
CREATE INDEX visits_waiting ON visits (hold) WHERE status IN ('open', 'held');
CREATE INDEX visits_off ON visits (hold) WHERE status IN ('cancelled', 'dropped', 'missed');
CREATE INDEX visits_ended_by ON visits (ended_by) WHERE ended_by IS NOT NULL;

CREATE TABLE asks (                        -- who was asked, why, and what they said
    request     bigint  NOT NULL REFERENCES help_requests ON DELETE CASCADE,
    helper      bigint  NOT NULL REFERENCES people ON DELETE CASCADE,
    wave        integer NOT NULL,          -- 0: by a coordinator, by hand
    asked       bigint  NOT NULL,
    by_call     boolean NOT NULL,
    week        integer NOT NULL,          -- the first one of which a visit had nobody
    begins      integer NOT NULL,          -- the first time in it that suits both
    answer      text    CHECK (answer IN ('yes', 'no', 'no-reply', 'late', 'left', 'declined')),
    answered    bigint,
    answered_by bigint  REFERENCES people ON DELETE SET NULL,  -- who said it, if not the helper
    score       real    NOT NULL,
    distance    integer,
    fit         real    NOT NULL,
    reliable    real    NOT NULL,
    even        real    NOT NULL,
    rested      real    NOT NULL,
    familiar    boolean NOT NULL,
    newcomer    boolean NOT NULL,
    PRIMARY KEY (request, helper)
);
CREATE INDEX asks_helper ON asks (helper, asked);
CREATE INDEX asks_answered_by ON asks (answered_by) WHERE answered_by IS NOT NULL;
CREATE INDEX asks_to_call ON asks (request) WHERE by_call AND answer IS NULL;
