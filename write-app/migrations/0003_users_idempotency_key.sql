-- A registration that is sent again under the same key finds the row that the first attempt made: the key
-- is stored with the row, by the same commit, and so neither can be there without the other. Without a key
-- it is NULL, and NULLs are no duplicates of each other.
ALTER TABLE users
  ADD COLUMN idempotency_key VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin,
  ADD UNIQUE KEY users_idempotency_key (idempotency_key)
