-- Finding users by how their names begin must not read a million of them.
ALTER TABLE users ADD INDEX users_name (name)
