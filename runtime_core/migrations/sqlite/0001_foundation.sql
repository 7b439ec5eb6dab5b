-- The schema of a SQLite database. Ids are UUIDs as text of 36 characters; times are UTC as ISO 8601
-- text with microseconds, so that text order is time order; JSON is text. Columns are named as the
-- fields of the values in runtime_core, but for memories.table_name ("table").
--
-- Every key starts with agent_id: what two agents call by the same id are two rows. Foreign keys stand
-- where a row means nothing without the other one. Nothing refers to agents, because an agent's rows may
-- be written before its own; memories, runs, tasks and logs refer to nothing, because what is worth
-- keeping is kept, also about a room or an entity that nobody described.

CREATE TABLE agents (
    agent_id   TEXT NOT NULL,
    id         TEXT NOT NULL,
    name       TEXT NOT NULL,
    enabled    INTEGER NOT NULL,
    character  TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (agent_id, id),
    CHECK (agent_id = id) -- an agent writes its own row alone
) STRICT;

CREATE TABLE worlds (
    agent_id          TEXT NOT NULL,
    id                TEXT NOT NULL,
    name              TEXT,
    message_server_id TEXT,
    metadata          TEXT NOT NULL,
    created_at        TEXT NOT NULL,
    PRIMARY KEY (agent_id, id)
) STRICT;

CREATE TABLE rooms (
    agent_id          TEXT NOT NULL,
    id                TEXT NOT NULL,
    world_id          TEXT,
    name              TEXT,
    source            TEXT,
    type              TEXT NOT NULL,
    channel_id        TEXT,
    message_server_id TEXT,
    metadata          TEXT NOT NULL,
    created_at        TEXT NOT NULL,
    PRIMARY KEY (agent_id, id),
    FOREIGN KEY (agent_id, world_id) REFERENCES worlds (agent_id, id) ON DELETE CASCADE
) STRICT;

CREATE INDEX rooms_by_id ON rooms (id); -- whose room is this? asked before an agent may join
CREATE INDEX rooms_by_world ON rooms (agent_id, world_id);

CREATE TABLE entities (
    agent_id   TEXT NOT NULL,
    id         TEXT NOT NULL,
    names      TEXT NOT NULL,
    metadata   TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (agent_id, id)
) STRICT;

CREATE TABLE components (
    agent_id         TEXT NOT NULL,
    id               TEXT NOT NULL,
    entity_id        TEXT NOT NULL,
    type             TEXT NOT NULL,
    room_id          TEXT,
    world_id         TEXT,
    source_entity_id TEXT,
    data             TEXT NOT NULL,
    created_at       TEXT NOT NULL,
    PRIMARY KEY (agent_id, id),
    FOREIGN KEY (agent_id, entity_id) REFERENCES entities (agent_id, id) ON DELETE CASCADE
) STRICT;

CREATE INDEX components_by_entity ON components (agent_id, entity_id);

CREATE TABLE participants (
    agent_id   TEXT NOT NULL,
    room_id    TEXT NOT NULL,
    entity_id  TEXT NOT NULL,
    state      TEXT CHECK (state IN ('FOLLOWED', 'MUTED')),
    created_at TEXT NOT NULL,
    PRIMARY KEY (agent_id, room_id, entity_id),
    FOREIGN KEY (agent_id, room_id) REFERENCES rooms (agent_id, id) ON DELETE CASCADE,
    FOREIGN KEY (agent_id, entity_id) REFERENCES entities (agent_id, id) ON DELETE CASCADE
) STRICT;

CREATE INDEX participants_by_entity ON participants (agent_id, entity_id);

CREATE TABLE relationships (
    agent_id         TEXT NOT NULL,
    id               TEXT NOT NULL,
    source_entity_id TEXT NOT NULL,
    target_entity_id TEXT NOT NULL,
    tags             TEXT NOT NULL,
    metadata         TEXT NOT NULL,
    created_at       TEXT NOT NULL,
    PRIMARY KEY (agent_id, id),
    FOREIGN KEY (agent_id, source_entity_id) REFERENCES entities (agent_id, id) ON DELETE CASCADE,
    FOREIGN KEY (agent_id, target_entity_id) REFERENCES entities (agent_id, id) ON DELETE CASCADE
) STRICT;

CREATE INDEX relationships_by_source ON relationships (agent_id, source_entity_id);
CREATE INDEX relationships_by_target ON relationships (agent_id, target_entity_id);

CREATE TABLE tasks (
    agent_id    TEXT NOT NULL,
    id          TEXT NOT NULL,
    name        TEXT NOT NULL,
    description TEXT NOT NULL,
    room_id     TEXT,
    world_id    TEXT,
    entity_id   TEXT,
    tags        TEXT NOT NULL,
    metadata    TEXT NOT NULL,
    due_at      TEXT,
    updated_at  TEXT,
    created_at  TEXT NOT NULL,
    PRIMARY KEY (agent_id, id)
) STRICT;

CREATE INDEX tasks_by_due_time ON tasks (agent_id, due_at);

-- The audit trail: lines are appended; the database itself refuses every change.
CREATE TABLE logs (
    agent_id   TEXT NOT NULL,
    id         TEXT NOT NULL,
    type       TEXT NOT NULL,
    entity_id  TEXT,
    room_id    TEXT,
    run_id     TEXT,
    body       TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (agent_id, id)
) STRICT;

CREATE INDEX logs_by_time ON logs (agent_id, created_at, id);

CREATE TRIGGER logs_are_not_changed BEFORE UPDATE ON logs
BEGIN
    SELECT RAISE(ABORT, 'a log line is never changed');
END;

CREATE TRIGGER logs_are_not_deleted BEFORE DELETE ON logs
BEGIN
    SELECT RAISE(ABORT, 'a log line is never deleted');
END;

-- One run for each message of an agent. lease_owner stays after the end, so that the same owner
-- finishing twice is known from another one finishing late.
CREATE TABLE runs (
    agent_id    TEXT NOT NULL,
    id          TEXT NOT NULL,
    message_id  TEXT NOT NULL,
    room_id     TEXT NOT NULL,
    body_hash   TEXT NOT NULL,
    status      TEXT NOT NULL CHECK (status IN ('running', 'completed', 'failed')),
    attempt     INTEGER NOT NULL,
    lease_owner TEXT NOT NULL,
    lease_until TEXT,
    steps       TEXT NOT NULL,
    result      TEXT,
    error       TEXT,
    details     TEXT NOT NULL,
    created_at  TEXT NOT NULL,
    ended_at    TEXT,
    PRIMARY KEY (agent_id, id),
    UNIQUE (agent_id, message_id)
) STRICT;

CREATE INDEX runs_by_id ON runs (id);

-- position is the row's number, which the full-text index refers to.
CREATE TABLE memories (
    position            INTEGER PRIMARY KEY,
    agent_id            TEXT NOT NULL,
    id                  TEXT NOT NULL,
    entity_id           TEXT NOT NULL,
    room_id             TEXT NOT NULL,
    world_id            TEXT,
    table_name          TEXT NOT NULL,
    content             TEXT NOT NULL,
    metadata            TEXT NOT NULL,
    "unique"            INTEGER NOT NULL,
    embedding_priority  TEXT CHECK (embedding_priority IN ('high', 'normal', 'low')),
    embedding_wanted_at TEXT, -- since when the sweep finds this memory without an embedding
    created_at          TEXT NOT NULL,
    text                TEXT GENERATED ALWAYS AS (content ->> '$.text') VIRTUAL,
    UNIQUE (agent_id, id)
) STRICT;

CREATE INDEX memories_by_room ON memories (agent_id, room_id, table_name, created_at, id);
CREATE INDEX memories_by_table ON memories (agent_id, table_name, created_at, id);
CREATE INDEX memories_wanting_an_embedding ON memories (embedding_priority, embedding_wanted_at)
    WHERE embedding_wanted_at IS NOT NULL;

-- Full text, kept by triggers; the texts themselves stay in memories.
CREATE VIRTUAL TABLE memory_words USING fts5 (
    text,
    content = 'memories',
    content_rowid = 'position',
    tokenize = 'porter unicode61'
);

CREATE TRIGGER memories_add_words AFTER INSERT ON memories
BEGIN
    INSERT INTO memory_words (rowid, text) VALUES (new.position, new.text);
END;

CREATE TRIGGER memories_remove_words AFTER DELETE ON memories
BEGIN
    INSERT INTO memory_words (memory_words, rowid, text) VALUES ('delete', old.position, old.text);
END;

CREATE TRIGGER memories_replace_words AFTER UPDATE OF content ON memories
BEGIN
    INSERT INTO memory_words (memory_words, rowid, text) VALUES ('delete', old.position, old.text);
    INSERT INTO memory_words (rowid, text) VALUES (new.position, new.text);
END;

-- vector holds 32-bit floats, as sqlite-vec reads them.
CREATE TABLE embeddings (
    agent_id     TEXT NOT NULL,
    memory_id    TEXT NOT NULL,
    model        TEXT NOT NULL,
    dimension    INTEGER NOT NULL,
    content_hash TEXT NOT NULL,
    vector       BLOB NOT NULL,
    created_at   TEXT NOT NULL,
    PRIMARY KEY (agent_id, memory_id, model),
    FOREIGN KEY (agent_id, memory_id) REFERENCES memories (agent_id, id) ON DELETE CASCADE
) STRICT;

CREATE INDEX embeddings_by_model ON embeddings (agent_id, model, dimension);

CREATE TABLE cache (
    agent_id   TEXT NOT NULL,
    key        TEXT NOT NULL,
    value      TEXT NOT NULL,
    expires_at TEXT,
    PRIMARY KEY (agent_id, key)
) STRICT;

CREATE INDEX cache_by_expiry ON cache (expires_at) WHERE expires_at IS NOT NULL;
