-- Background embedding: texts that a model refused, and fragments that go with the text they are of.

-- A row goes with its memory, with its text, or when it is wanted again.
CREATE TABLE embedding_failures (
    agent_id     TEXT NOT NULL,
    memory_id    TEXT NOT NULL,
    content_hash TEXT NOT NULL,
    reason       TEXT NOT NULL,
    created_at   TEXT NOT NULL,
    PRIMARY KEY (agent_id, memory_id),
    FOREIGN KEY (agent_id, memory_id) REFERENCES memories (agent_id, id) ON DELETE CASCADE
) STRICT;

CREATE INDEX fragments_by_document ON memories (agent_id, metadata ->> '$.document_id')
    WHERE table_name = 'fragments';

CREATE TRIGGER memories_delete_fragments AFTER DELETE ON memories WHEN old.table_name <> 'fragments'
BEGIN
    DELETE FROM memories
    WHERE agent_id = old.agent_id AND table_name = 'fragments' AND metadata ->> '$.document_id' = old.id;
END;
