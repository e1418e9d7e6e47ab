-- What members tell the circle of themselves, what they offer and want, and what officers note on
-- it. Nothing here moves tokens. Whatever is about a person hangs on their row in people, which
-- erasing deletes.

CREATE TABLE profiles (
    person      bigint  PRIMARY KEY REFERENCES people ON DELETE CASCADE,
    languages   text[]  NOT NULL,
    about       text    NOT NULL,
    place       text    NOT NULL,          -- as the member calls it
    easting     integer,                   -- the middle of a square, in metres on the circle's grid,
    northing    integer,
    side        integer CHECK (side > 0),  -- as large as the member chose: nothing finer is kept
    channel     text    NOT NULL CHECK (channel IN ('app', 'email', 'sms', 'call', 'letter')),
    contact     text    NOT NULL,
    shown       text[]  NOT NULL,          -- the parts that every member may see
    CHECK ((easting IS NULL) = (side IS NULL) AND (northing IS NULL) = (side IS NULL))
);

CREATE TABLE blocks (                      -- neither sees what the other offers, wants or is
    person      bigint NOT NULL REFERENCES people ON DELETE CASCADE,
    other       bigint NOT NULL REFERENCES people ON DELETE CASCADE,
    PRIMARY KEY (person, other),
    CHECK (person <> other)
);
CREATE INDEX blocks_other ON blocks (other);

CREATE TABLE vetting_levels (              -- what this circle checks of people, as it calls it
    level       text    PRIMARY KEY,
    name        text    NOT NULL,
    position    integer NOT NULL
);

CREATE TABLE vettings (                    -- that somebody was checked; never the document
    person      bigint NOT NULL REFERENCES people ON DELETE CASCADE,
    level       text   NOT NULL REFERENCES vetting_levels ON DELETE CASCADE,
    checked_by  bigint REFERENCES people ON DELETE SET NULL,
    checked_on  date   NOT NULL,
    expires     date   NOT NULL CHECK (expires > checked_on),
    PRIMARY KEY (person, level)
);
CREATE INDEX vettings_level ON vettings (level);
CREATE INDEX vettings_checked_by ON vettings (checked_by) WHERE checked_by IS NOT NULL;

CREATE TABLE categories (
    category    text    PRIMARY KEY,
    name        text    NOT NULL,
    position    integer NOT NULL
);
INSERT INTO categories VALUES
    ('garden',    'Garden',                     10),
    ('home',      'Help at home',               20),
    ('repairs',   'Repairs and making',         30),
    ('lifts',     'Lifts and errands',          40),
    ('company',   'Company and outings',        50),
    ('food',      'Food and cooking',           60),
    ('computers', 'Computers and phones',       70),
    ('forms',     'Letters and forms',          80),
    ('learning',  'Learning and languages',     90),
    ('arts',      'Music, arts and crafts',    100),
    ('wellbeing', 'Health and wellbeing',      110),
    ('children',  'Children',                  120),
    ('pets',      'Pets',                      130),
    ('clothes',   'Clothes and sewing',        140),
    ('furniture', 'Furniture and household',   150),
    ('tools',     'Tools',                     160),
    ('books',     'Books and games',           170),
    ('other',     'Everything else',          1000);

-- How words are read: without accents, then by their stem; and as they are written, for spelling.

CREATE TEXT SEARCH CONFIGURATION listing_words (COPY = pg_catalog.english);
ALTER TEXT SEARCH CONFIGURATION listing_words
    ALTER MAPPING FOR hword, hword_part, word WITH unaccent, english_stem;
CREATE TEXT SEARCH CONFIGURATION listing_spelling (COPY = pg_catalog.simple);
ALTER TEXT SEARCH CONFIGURATION listing_spelling
    ALTER MAPPING FOR hword, hword_part, word WITH unaccent, simple;
ALTER TEXT SEARCH CONFIGURATION listing_spelling
    DROP MAPPING FOR email, url, url_path, host, file, sfloat, float, int, uint, version,
        hword_numpart, numhword, numword;

CREATE TABLE listings (                    -- what somebody offers or wants
    id          bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person      bigint  NOT NULL REFERENCES people ON DELETE CASCADE,
    entered_by  bigint  REFERENCES people ON DELETE SET NULL,  -- for a member without a device
    kind        text    NOT NULL CHECK (kind IN ('offer', 'want')),
    form        text    NOT NULL CHECK (form IN ('service', 'gift', 'loan', 'sale')),
    category    text    NOT NULL REFERENCES categories,
    title       text    NOT NULL,
    body        text    NOT NULL,
    price       bigint  CHECK (price BETWEEN 0 AND 9007199254740991),  -- 0 is free, null is agreed
    cash        text    NOT NULL,          -- a part in cash, which is noted and never booked
    made        bigint  NOT NULL,          -- Unix milliseconds
    days        integer NOT NULL CHECK (days > 0),  -- it lasts from its last renewal
    expires     bigint  NOT NULL,
    easting     integer,                   -- the member's square, while they show their place
    northing    integer,
    -- What it is found by. Beside its words are marks, which no word can be, as none has a tilde: its
    -- kind, form and category, and in which run of 4,096, 32,768 and 262,144 listings it is. So a search reads the
    -- newest run first and stops when a page is full, however many listings have the word.
    words       tsvector NOT NULL GENERATED ALWAYS AS (
        to_tsvector('listing_words', translate(title || ' ' || body, '~/', '  '))
        || array_to_tsvector(ARRAY[
            '~k' || kind, '~m' || form, '~c' || category,
            '~e' || (id >> 12), '~f' || (id >> 15), '~g' || (id >> 18)
        ])
    ) STORED
);
CREATE INDEX listings_words ON listings USING gin (words) WITH (fastupdate = off);
CREATE INDEX listings_spot ON listings USING gist (point(easting, northing))
    WHERE easting IS NOT NULL;
CREATE INDEX listings_person ON listings (person);
CREATE INDEX listings_expires ON listings (expires);
CREATE INDEX listings_category ON listings (category);
CREATE INDEX listings_entered_by ON listings (entered_by) WHERE entered_by IS NOT NULL;

CREATE TABLE spelling (                    -- the words of all listings, and in how many each is
    word        text   PRIMARY KEY,
    listings    bigint NOT NULL CHECK (listings > 0)
);
CREATE INDEX spelling_likeness ON spelling USING gist (word gist_trgm_ops);

CREATE FUNCTION words_to_spell(written text) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT coalesce(array_agg(word ORDER BY word), '{}')
    FROM unnest(tsvector_to_array(to_tsvector('listing_spelling', translate(written, '~/', '  ')))) AS word
    WHERE length(word) BETWEEN 3 AND 40
$$;

-- One after another: two that count the same words in another order would wait for each other.
CREATE FUNCTION count_spelling() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('tallystick spelling ' || TG_TABLE_SCHEMA, 0));
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM spelling
        WHERE listings = 1 AND word = ANY(words_to_spell(OLD.title || ' ' || OLD.body));
        UPDATE spelling SET listings = listings - 1
        WHERE listings > 1 AND word = ANY(words_to_spell(OLD.title || ' ' || OLD.body));
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO spelling
        SELECT word, 1 FROM unnest(words_to_spell(NEW.title || ' ' || NEW.body)) AS word
        ON CONFLICT (word) DO UPDATE SET listings = spelling.listings + 1;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER count_spelling AFTER INSERT OR DELETE OR UPDATE OF title, body ON listings
    FOR EACH ROW EXECUTE FUNCTION count_spelling();

-- The words in use that are likest to one that somebody wrote, which is told plain too.
CREATE FUNCTION likest_words(written text)
RETURNS TABLE (plain text, word text, listings bigint, likeness real)
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    sought text := lower(unaccent(written));
BEGIN
    RETURN QUERY
        SELECT sought, known.word, known.listings, similarity(known.word, sought)
        FROM spelling AS known ORDER BY known.word <-> sought LIMIT 60;
END $$;
