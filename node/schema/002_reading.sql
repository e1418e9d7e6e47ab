-- What people read of their own: found by whose it is, however many there are of others'.

CREATE INDEX devices_person ON devices (person);
CREATE INDEX holds_account ON holds (account);
CREATE INDEX holds_payee ON holds (payee) WHERE payee IS NOT NULL;
CREATE INDEX mandates_account ON mandates (account);
CREATE INDEX mandates_person ON mandates (person);
CREATE INDEX sessions_person ON sessions (person);
CREATE INDEX request_texts_person ON request_texts (person);
CREATE INDEX requests_open ON requests (account, expires) WHERE paid_by IS NULL;
