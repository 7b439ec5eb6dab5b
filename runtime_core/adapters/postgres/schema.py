"""The schema version that this release of the Postgres adapter needs."""

# The number of the last file in runtime_core/migrations/postgres. A constant, because the files need not be where the
# handlers run; a test holds the two together.
SCHEMA_VERSION = 6
