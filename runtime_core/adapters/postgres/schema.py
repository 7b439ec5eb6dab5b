"""Schema version that this release of the Postgres adapter needs."""

# The number of the last file in runtime_core/migrations/postgres. A constant, because handlers may run without the
# files; a test compares the two.
SCHEMA_VERSION = 6
