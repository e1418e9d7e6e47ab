-- What this circle has with others: links, what is under way on them, and every message, signed.

ALTER TABLE accounts DROP CONSTRAINT accounts_kind_check;
ALTER TABLE accounts ADD CONSTRAINT accounts_kind_check
    CHECK (kind IN ('member', 'treasury', 'community', 'suspense', 'link'));

CREATE TABLE links (
    id              bytea   PRIMARY KEY CHECK (length(id) = 32),
    peer            bytea   NOT NULL UNIQUE CHECK (length(peer) = 32),
    account         bigint  NOT NULL UNIQUE REFERENCES accounts,
    agreement       bytea   NOT NULL,       -- the newest that both signed
    status          text    NOT NULL
        CHECK (status IN ('open', 'suspended', 'frozen', 'lost')),
    peer_suspended  boolean NOT NULL,
    sent_seq        bigint  NOT NULL,
    sent_hash       bytea   NOT NULL CHECK (length(sent_hash) = 32),
    received_seq    bigint  NOT NULL,
    received_hash   bytea   NOT NULL CHECK (length(received_hash) = 32),
    acked           bigint  NOT NULL CHECK (acked BETWEEN 0 AND sent_seq),
    owed            bigint  NOT NULL,       -- by the peer, in the link's unit; negative: by us
    incoming        bigint  NOT NULL CHECK (incoming >= 0),
    outgoing        bigint  NOT NULL CHECK (outgoing >= 0),
    incoming_count  bigint  NOT NULL CHECK (incoming_count >= 0),
    outgoing_count  bigint  NOT NULL CHECK (outgoing_count >= 0),
    rounding        numeric NOT NULL,       -- millionths of our minor unit
    agreed          bytea   NOT NULL,       -- the peer's statement that confirmed our books, or empty
    may_owe         bigint  NOT NULL,
    may_be_owed     bigint  NOT NULL,
    proposed        bytea   NOT NULL,
    offered         bytea   NOT NULL,
    suspending      boolean NOT NULL,       -- no new payments, and the peer cannot be told yet
    has_left        boolean NOT NULL        -- one of the two ended the agreement
);

CREATE TABLE link_holds (                  -- open ones
    link        bytea   NOT NULL REFERENCES links,
    payment     bytea   NOT NULL CHECK (length(payment) = 32),
    incoming    boolean NOT NULL,
    amount      bigint  NOT NULL CHECK (amount > 0),
    value       bigint  NOT NULL CHECK (value >= 0),
    gain        bigint  NOT NULL CHECK (gain BETWEEN 0 AND 1000000), -- by rounding; millionths
    since       bigint  NOT NULL,
    PRIMARY KEY (link, payment)
);

CREATE TABLE link_messages (               -- both directions, each numbered and chained
    link        bytea   NOT NULL REFERENCES links,
    sent        boolean NOT NULL,
    seq         bigint  NOT NULL,
    wire        bytea   NOT NULL,
    number      bigint  GENERATED ALWAYS AS IDENTITY,  -- the order in which they were written
    PRIMARY KEY (link, sent, seq)
);

CREATE TABLE transits (                    -- payments between circles that came by here
    payment     bytea   PRIMARY KEY CHECK (length(payment) = 32),
    header      bytea   NOT NULL,
    sealed      bytea   NOT NULL,
    since       bigint  NOT NULL,
    deadline    bigint  NOT NULL,
    incoming    bytea   NOT NULL,
    outgoing    bytea   NOT NULL,
    came_from   bytea   NOT NULL,
    hold        bigint  NOT NULL,
    account     bigint  NOT NULL,
    most        bigint  NOT NULL,
    ways        bytea   NOT NULL,
    deferred    boolean NOT NULL,
    mine        boolean NOT NULL,
    collected   bigint  NOT NULL,
    status      text    NOT NULL CHECK (status IN ('open', 'committed', 'released')),
    commit      bytea   NOT NULL,
    reason      text    NOT NULL
);
-- What a node reads when it starts, however many there were before.
CREATE INDEX transits_waiting ON transits (payment) WHERE status = 'open' OR incoming <> '';
CREATE INDEX transits_deadline ON transits USING brin (deadline);
CREATE INDEX transits_account ON transits (account, since) WHERE account <> 0;

CREATE TABLE evidence (                    -- what peers signed that contradicts what they signed before
    number      bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    link        bytea   NOT NULL REFERENCES links,
    kind        text    NOT NULL,
    wire        bytea   NOT NULL,
    UNIQUE (link, kind, wire)
);

CREATE TABLE peer_invitations (            -- agreements that were offered, by a code handed out
    code_hash   bytea   PRIMARY KEY CHECK (length(code_hash) = 32),
    unit        text    NOT NULL,          -- the link's
    own         bigint  NOT NULL,          -- so many of our minor units are worth
    linked      bigint  NOT NULL,          -- so many of the link's
    we_owe_max  bigint  NOT NULL,
    they_owe_max bigint NOT NULL,
    hold_max    bigint  NOT NULL,
    holds_max   bigint  NOT NULL,
    expires     bigint  NOT NULL,          -- Unix milliseconds
    agreement   bytea,                     -- its body, once another circle has asked for it
    concluded   boolean NOT NULL DEFAULT false  -- that circle has signed it, too
);

CREATE TABLE peers (                       -- who a neighbouring circle is, and what it is called
    link        bytea   PRIMARY KEY REFERENCES links,
    title       text    NOT NULL,
    identity    bytea   NOT NULL,
    certificate bytea   NOT NULL,
    signature   bytea   NOT NULL           -- of the identity key over the certificate
);

CREATE TABLE gossip_records (              -- what circles say of themselves, as they signed it
    kind        smallint NOT NULL CHECK (kind BETWEEN 0 AND 2), -- announcement, bulletin, conflict
    circle      bytea    NOT NULL CHECK (length(circle) = 32),
    data        bytea    NOT NULL,
    PRIMARY KEY (kind, circle)
);

CREATE TABLE wishes (                      -- what the operator's commands want of the serving node
    number      bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    wish        jsonb   NOT NULL,
    answer      text                       -- "" when it was done, else why not
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON link_messages
    FOR EACH ROW EXECUTE FUNCTION forbid_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON link_messages EXECUTE FUNCTION forbid_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON evidence
    FOR EACH ROW EXECUTE FUNCTION forbid_change();
