-- Complaints, safeguarding, and who is on duty; beside the ledger.
--
-- A concern has to be kept for its time, also when one of those whom it is about is erased. So it
-- holds on to numbers and not to rows in people: the name goes, and what was written stays hidden
-- from whoever lived with them.

CREATE TABLE complaints (                  -- about what members do here, for the coordinators
    number      bigint  PRIMARY KEY,       -- drawn by lot, so that one left out tells nothing
    about       text    NOT NULL,          -- a path below /api/v1, such as listings/12: that may be
    title       text    NOT NULL,          -- gone by now, so its title or its words are kept
    person      bigint  NOT NULL REFERENCES people ON DELETE CASCADE,      -- whom it is about
    by          bigint  NOT NULL REFERENCES people ON DELETE CASCADE,
    body        text    NOT NULL,
    made        bigint  NOT NULL,          -- Unix milliseconds
    closed      bigint,
    outcome     text    NOT NULL DEFAULT '',
    CHECK ((closed IS NULL) = (outcome = ''))
);
CREATE INDEX complaints_person ON complaints (person);
CREATE INDEX complaints_by ON complaints (by);
CREATE INDEX complaints_closed ON complaints (closed) WHERE closed IS NOT NULL;

CREATE TABLE suspensions (                 -- who is left out of matching until it is lifted
    person       bigint PRIMARY KEY REFERENCES people ON DELETE CASCADE,
    suspended_by bigint REFERENCES people ON DELETE SET NULL,
    made         bigint NOT NULL,          -- Unix milliseconds
    reason       text   NOT NULL           -- which the person is not told
);
CREATE INDEX suspensions_by ON suspensions (suspended_by) WHERE suspended_by IS NOT NULL;

CREATE TABLE suspension_acts (             -- what was done of them: only ever added to
    number      bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person      bigint  NOT NULL REFERENCES people ON DELETE CASCADE,
    act         text    NOT NULL CHECK (act IN ('suspended', 'lifted')),
    judge       bigint  REFERENCES people ON DELETE SET NULL,
    made        bigint  NOT NULL,
    reason      text    NOT NULL           -- empty where it was lifted
);
CREATE INDEX suspension_acts_person ON suspension_acts (person, number);
CREATE INDEX suspension_acts_judge ON suspension_acts (judge) WHERE judge IS NOT NULL;
CREATE INDEX suspension_acts_made ON suspension_acts (made);

CREATE TABLE safeguarding (                -- who reads concerns
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    lead        bigint  REFERENCES people ON DELETE SET NULL,
    deputy      bigint  REFERENCES people ON DELETE SET NULL,
    CHECK (lead <> deputy)
);
INSERT INTO safeguarding DEFAULT VALUES;

CREATE TABLE concerns (
    number      integer PRIMARY KEY CHECK (number BETWEEN 100000 AND 999999),
    subject     bigint  NOT NULL,          -- whom it is about, and never told
    household   bigint[] NOT NULL,         -- theirs as it was made: nor are these, if they part
    reporter    bigint  NOT NULL,
    entered_by  bigint,                    -- for a member without a device
    about       text,                      -- a path below /api/v1, such as help/17
    body        text    NOT NULL,
    urgent      boolean NOT NULL,
    made        bigint  NOT NULL,          -- Unix milliseconds
    closed      bigint,
    closed_by   bigint,
    outcome     text    NOT NULL DEFAULT '',
    pinned      boolean NOT NULL DEFAULT false,            -- to be kept for as long as it is so
    -- Who reads it: lead and deputy as it was made, in this order, but for whom it is kept from;
    -- nobody where it went to the coordinators. Whom it was handed to, and who was told of it.
    named       bigint[] NOT NULL,
    handed      bigint[] NOT NULL DEFAULT '{}',
    told        bigint[] NOT NULL DEFAULT '{}',
    CHECK ((closed IS NULL) = (outcome = '') AND (closed IS NULL) = (closed_by IS NULL))
);
CREATE INDEX concerns_made ON concerns (made, number);
CREATE INDEX concerns_reporter ON concerns (reporter);
CREATE INDEX concerns_closed ON concerns (closed) WHERE NOT pinned;
CREATE INDEX concerns_open ON concerns (number) WHERE closed IS NULL;

-- Only ever added to; they go with their concern.

CREATE TABLE concern_notes (
    concern     integer NOT NULL REFERENCES concerns ON DELETE CASCADE,
    note        bigint  GENERATED ALWAYS AS IDENTITY,
    author      bigint  NOT NULL,
    made        bigint  NOT NULL,
    body        text    NOT NULL,
    PRIMARY KEY (concern, note)
);

CREATE TABLE concern_readings (            -- who looked at it, and when, to the minute
    concern     integer NOT NULL REFERENCES concerns ON DELETE CASCADE,
    reader      bigint  NOT NULL,
    made        bigint  NOT NULL,
    PRIMARY KEY (concern, made, reader)
);

-- A person, and all who hold an account together with them, as the ledger has it.
CREATE FUNCTION household(of_whom bigint) RETURNS SETOF bigint
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT of_whom
    UNION
    SELECT others.person FROM holders AS own JOIN holders AS others USING (account)
    WHERE own.person = of_whom
$$;

-- Whether somebody may read a concern about another: neither that person, nor anybody who is of their
-- household or was, nor who left.
CREATE FUNCTION may_read(person bigint, subject bigint, was bigint[]) RETURNS boolean
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT may_read.person <> ALL (was) AND may_read.person NOT IN (SELECT household(subject))
        AND EXISTS (SELECT FROM people WHERE people.person = may_read.person)
        AND (
            EXISTS (
                SELECT FROM offices
                WHERE offices.person = may_read.person AND office = 'coordinator'
            )
            OR EXISTS (
                SELECT FROM holders JOIN accounts ON number = account AND NOT closed
                WHERE holders.person = may_read.person
            )
        )
$$;

-- Who reads a concern: the lead of then, or else the deputy of then; where both are gone, those of now,
-- or else the coordinators; where there were none, the coordinators. So nobody comes to read what
-- was raised before by being named, but whom it is handed to. For one that is being raised, `named`
-- is null.
CREATE FUNCTION concern_readers(
    subject bigint, was bigint[] DEFAULT '{}', named bigint[] DEFAULT NULL,
    handed bigint[] DEFAULT '{}'
) RETURNS SETOF bigint
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    WITH fit AS (
        SELECT person, turn FROM (
            SELECT person, turn FROM unnest(named) WITH ORDINALITY AS of_then (person, turn)
            UNION ALL SELECT lead, 3 FROM safeguarding
            UNION ALL SELECT deputy, 4 FROM safeguarding
            UNION ALL SELECT person, CASE WHEN named = '{}' THEN 0 ELSE 5 END FROM offices
                WHERE office = 'coordinator'
        ) AS chosen
        WHERE may_read(person, subject, was)
    )
    SELECT person FROM fit WHERE turn = (SELECT min(turn) FROM fit)
    UNION
    SELECT person FROM unnest(handed) AS person WHERE may_read(person, subject, was)
$$;

-- The rota. Times are those of the clock on the circle's wall; one that ends no later than it begins
-- ends on the following day.

CREATE TABLE duty_week (                   -- of every week
    weekday     integer NOT NULL CHECK (weekday BETWEEN 0 AND 6),          -- from Monday on
    begins      time    NOT NULL,
    ends        time    NOT NULL,
    person      bigint  NOT NULL REFERENCES people ON DELETE CASCADE,
    PRIMARY KEY (weekday, begins, person)
);
CREATE INDEX duty_week_person ON duty_week (person);

CREATE TABLE duty_days (                   -- days that are not as in every week
    day         date    PRIMARY KEY
);

CREATE TABLE duty_turns (                  -- who is on duty on such a day; on some nobody is
    day         date    NOT NULL REFERENCES duty_days ON DELETE CASCADE,
    begins      time    NOT NULL,
    ends        time    NOT NULL,
    person      bigint  NOT NULL REFERENCES people ON DELETE CASCADE,
    PRIMARY KEY (day, begins, person)
);
CREATE INDEX duty_turns_person ON duty_turns (person);

CREATE TABLE handover_notes (              -- only ever added to
    number      bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    author      bigint  REFERENCES people ON DELETE SET NULL,
    made        bigint  NOT NULL,
    body        text    NOT NULL
);
CREATE INDEX handover_notes_author ON handover_notes (author) WHERE author IS NOT NULL;
CREATE INDEX handover_notes_made ON handover_notes (made);
