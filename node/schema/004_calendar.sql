-- The circle's calendar, beside the ledger: no token moves here. Times are those of the clock on the
-- circle's wall; `starts` is where one falls on the world's clock, for order and for reminders.

CREATE TABLE calendar (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    zone        text                       -- an IANA name, once a coordinator has said it
);
INSERT INTO calendar DEFAULT VALUES;

CREATE TABLE events (
    number      bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key         uuid    NOT NULL UNIQUE,   -- chosen by whoever made it, once; its UID in feeds
    kind        text    NOT NULL CHECK (kind IN ('social', 'trading', 'meeting')),
    host        bigint,                    -- a person; NULL once erased
    made_by     bigint,                    -- likewise
    made        bigint  NOT NULL,          -- Unix milliseconds
    title       text    NOT NULL,
    words       text    NOT NULL,
    place       text    NOT NULL,
    access      text    NOT NULL,          -- step-free, a loop, a toilet, parking...
    public      boolean NOT NULL,          -- for anybody to see, or for members only
    capacity    integer CHECK (capacity BETWEEN 1 AND 1000),        -- of each occurrence
    price       bigint  NOT NULL CHECK (price BETWEEN 0 AND 9007199254740991),  -- minor units, noted
    duration    integer NOT NULL CHECK (duration BETWEEN 5 AND 10080),          -- minutes
    repeats     text,                      -- an RRULE with UNTIL as a day, or NULL
    minutes     text    NOT NULL DEFAULT '',                        -- of a meeting
    sequence    integer NOT NULL DEFAULT 0,                         -- RFC 5545 3.8.7.4
    changed     bigint  NOT NULL           -- Unix milliseconds
);
CREATE INDEX events_host ON events (host);
CREATE INDEX events_made_by ON events (made_by, made);

CREATE TABLE occurrences (
    event       bigint    NOT NULL REFERENCES events ON DELETE CASCADE,
    original    timestamp NOT NULL,        -- when the rule has it: which one it is, for ever
    begins      timestamp NOT NULL,        -- when it is: the same unless moved, or not on the clock
    starts      bigint    NOT NULL,        -- of `begins`, Unix milliseconds
    moved       boolean   NOT NULL DEFAULT false,  -- by somebody, to another time or place
    place       text,                      -- where else it is this time
    cancelled   boolean   NOT NULL DEFAULT false,
    note        text      NOT NULL DEFAULT '',     -- why
    PRIMARY KEY (event, original)
);
CREATE INDEX occurrences_begins ON occurrences (begins, event);
CREATE INDEX occurrences_starts ON occurrences (starts, event);

CREATE TABLE rsvps (
    event        bigint    NOT NULL,
    original     timestamp NOT NULL,
    person       bigint    NOT NULL,
    entered_by   bigint,                   -- themselves, or the coordinator whom they told
    answer       text      NOT NULL CHECK (answer IN ('yes', 'no', 'waiting')),
    guests       integer   NOT NULL CHECK (guests BETWEEN 0 AND 5),
    lift_offered integer   NOT NULL CHECK (lift_offered BETWEEN 0 AND 8),  -- seats
    lift_wanted  boolean   NOT NULL,
    turn         bigint    GENERATED ALWAYS AS IDENTITY,    -- the order of the waiting list
    PRIMARY KEY (event, original, person),
    FOREIGN KEY (event, original) REFERENCES occurrences ON DELETE CASCADE,
    CHECK (answer <> 'no' OR (guests = 0 AND lift_offered = 0 AND NOT lift_wanted)),
    CHECK (lift_offered = 0 OR NOT lift_wanted)
);
CREATE INDEX rsvps_person ON rsvps (person);
CREATE INDEX rsvps_entered_by ON rsvps (entered_by);

CREATE TABLE event_notices (               -- what somebody is to be told, besides being reminded
    event       bigint    NOT NULL,
    original    timestamp NOT NULL,
    person      bigint    NOT NULL,
    kind        text      NOT NULL CHECK (kind IN ('place', 'changed', 'cancelled')),
    due         bigint    NOT NULL,        -- Unix milliseconds
    PRIMARY KEY (event, original, person, kind),
    FOREIGN KEY (event, original) REFERENCES occurrences ON DELETE CASCADE
);
CREATE INDEX event_notices_person ON event_notices (person, due);

CREATE VIEW event_reminders AS             -- all that is due to somebody, and when
    SELECT event, original, person, kind, due FROM event_notices
    UNION ALL
    SELECT event, original, person, 'soon', starts - 24 * 3600 * 1000
    FROM rsvps JOIN occurrences USING (event, original) WHERE answer = 'yes' AND NOT cancelled;

CREATE TABLE calendar_feeds (              -- a member's private feed, by its token's hash
    person      bigint  PRIMARY KEY,
    token_hash  bytea   NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    made        bigint  NOT NULL
);
