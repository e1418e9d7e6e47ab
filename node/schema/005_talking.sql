-- What members are told and write to each other. Whatever is about a person hangs on their row in
-- people, which erasing deletes. Times are Unix milliseconds, hours are those of the circle's wall.

CREATE TABLE notice_wishes (               -- when a member wants to be told, where they said so
    person      bigint  PRIMARY KEY REFERENCES people ON DELETE CASCADE,
    quiet_from  integer CHECK (quiet_from BETWEEN 0 AND 23),  -- no quiet hours where it is null
    quiet_until integer CHECK (quiet_until BETWEEN 0 AND 23),
    digest      integer CHECK (digest BETWEEN 0 AND 23),      -- the hour of one email a day
    CHECK ((quiet_from IS NULL) = (quiet_until IS NULL) AND quiet_from <> quiet_until)
);

CREATE TABLE notices (                     -- what somebody is to be told, and how far that is
    number      bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person      bigint  NOT NULL REFERENCES people ON DELETE CASCADE,
    kind        text    NOT NULL,
    about       text    NOT NULL,          -- the path below /api/v1 of what it is about
    words       text    NOT NULL CHECK (length(words) BETWEEN 1 AND 1000),
    urgent      boolean NOT NULL,          -- it is about the same day
    made        bigint  NOT NULL,
    expires     bigint,                    -- from then on there is no use in telling it
    begins      bigint,                    -- something that they agreed to, and that this is about
    told        bigint,                    -- when it first reached them
    told_by     bigint  REFERENCES people ON DELETE SET NULL,  -- who called, or posted the letter
    seen        bigint,                    -- when it was first shown on a device of theirs
    -- How it goes out: by what, as decided last; when it is looked at next, null where nothing is
    -- left to do but by hand; how often it was sent; what was wrong the last time; and whether that
    -- was the last time, so that somebody has to call. `never` are coordinators whom it is kept from.
    route       text    CHECK (route IN ('app', 'email', 'sms', 'call', 'letter')),
    due         bigint,
    attempts    integer NOT NULL DEFAULT 0,
    trouble     text    NOT NULL DEFAULT '',
    given_up    boolean NOT NULL DEFAULT false,
    no_replies  integer NOT NULL DEFAULT 0,
    rung        bigint,                    -- when nobody answered last
    never       bigint[] NOT NULL DEFAULT '{}',
    CHECK (told IS NULL OR due IS NULL),
    CHECK (seen IS NULL OR told IS NOT NULL)
);
CREATE INDEX notices_person ON notices (person, number);
CREATE INDEX notices_due ON notices (due) WHERE due IS NOT NULL;
CREATE INDEX notices_by_hand ON notices (route, urgent DESC, number)
    WHERE told IS NULL AND due IS NULL AND route IN ('call', 'letter');
CREATE INDEX notices_about ON notices (about, person);
CREATE INDEX notices_made ON notices (made);
CREATE INDEX notices_told_by ON notices (told_by) WHERE told_by IS NOT NULL;

CREATE TABLE event_told (                  -- which of what is due of events became a notice
    event       bigint    NOT NULL,
    original    timestamp NOT NULL,
    person      bigint    NOT NULL REFERENCES people ON DELETE CASCADE,
    kind        text      NOT NULL,
    due         bigint    NOT NULL,
    PRIMARY KEY (event, original, person, kind),
    FOREIGN KEY (event, original) REFERENCES occurrences ON DELETE CASCADE
);
CREATE INDEX event_told_person ON event_told (person);

CREATE TABLE threads (                     -- what two members write to each other about one thing
    number      bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    about       text    NOT NULL,
    title       text    NOT NULL,          -- what that was called when it was last written about
    low         bigint  NOT NULL REFERENCES people ON DELETE CASCADE,
    high        bigint  NOT NULL REFERENCES people ON DELETE CASCADE,
    latest      bigint  NOT NULL,          -- the number of its last message
    CHECK (low < high),
    UNIQUE (low, high, about)
);
CREATE INDEX threads_low ON threads (low, latest);
CREATE INDEX threads_high ON threads (high, latest);

CREATE TABLE messages (
    number      bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    thread      bigint  NOT NULL REFERENCES threads ON DELETE CASCADE,
    author      bigint  NOT NULL REFERENCES people ON DELETE CASCADE,
    entered_by  bigint  REFERENCES people ON DELETE SET NULL,  -- for a member without a device
    words       text    NOT NULL,
    made        bigint  NOT NULL,
    read        bigint                     -- when the other one read it
);
CREATE INDEX messages_thread ON messages (thread, number);
CREATE INDEX messages_unread ON messages (thread) WHERE read IS NULL;
CREATE INDEX messages_author ON messages (author, made);
CREATE INDEX messages_made ON messages (made);
CREATE INDEX messages_entered_by ON messages (entered_by) WHERE entered_by IS NOT NULL;

CREATE TABLE announcements (               -- what coordinators tell everybody, or who comes to an event
    number      bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    by          bigint  REFERENCES people ON DELETE SET NULL,
    words       text    NOT NULL,
    event       bigint  REFERENCES events ON DELETE SET NULL,
    made        bigint  NOT NULL,
    people      integer NOT NULL           -- how many were to be told
);
CREATE INDEX announcements_made ON announcements (made);
CREATE INDEX announcements_by ON announcements (by);
CREATE INDEX announcements_event ON announcements (event) WHERE event IS NOT NULL;
