-- What makes an email another mailbox: every letter, but not capitals. The collation of the column email is too coarse
-- for this, since it takes あ for ア, ² for 2 and ﬁ for fi. Upper case comes first, since σ and ς have one capital.
-- MySQL computes the value and stores it in no row, so older write-apps go on inserting, and adding it takes no time.
ALTER TABLE users
  ADD COLUMN mailbox VARCHAR(254) COLLATE utf8mb4_0900_bin GENERATED ALWAYS AS (LOWER(UPPER(email))) VIRTUAL
