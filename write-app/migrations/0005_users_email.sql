-- An email is taken where both columns are equal. That is true of no two rows that the old key allowed. The key has the
-- old name, so this may be run again. It is one statement, so there is a key at any time; writes go on meanwhile.
ALTER TABLE users DROP KEY users_email, ADD UNIQUE KEY users_email (email, mailbox)
