-- Statements of the SQLite adapter, except those over records of any kind, which records.py generates.
-- memory_filter.py replaces `{filter}` by the conditions of a MemoryFilter on `m`.

-- name: room_owner
-- The agent that opened the room, unless this agent has joined it.
SELECT coalesce(agents.name, rooms.agent_id) AS name
FROM rooms LEFT JOIN agents ON agents.agent_id = rooms.agent_id AND agents.id = rooms.agent_id
WHERE rooms.id = :room_id
    AND NOT EXISTS (SELECT 1 FROM rooms AS own WHERE own.agent_id = :agent_id AND own.id = :room_id)
ORDER BY rooms.created_at
LIMIT 1;

-- name: run_of_message
SELECT * FROM runs WHERE agent_id = :agent_id AND message_id = :message_id;

-- name: run_of_agent
SELECT * FROM runs WHERE agent_id = :agent_id AND id = :run_id;

-- name: run_by_id
-- Of any agent: the caller checks the owner.
SELECT * FROM runs WHERE id = :run_id LIMIT 1;

-- name: open_run
INSERT INTO runs (
    agent_id, id, message_id, room_id, body_hash, status, attempt, lease_owner, lease_until, steps, details, created_at
)
VALUES (
    :agent_id, :run_id, :message_id, :room_id, :body_hash, 'running', 1, :lease_owner, :lease_until, '[]', '{}', :now
);

-- name: claim_run
-- Claims an existing run; the caller holds the write lock and computes `attempt` and `lease_until`.
UPDATE runs
SET status = 'running', attempt = :attempt, lease_owner = :lease_owner, lease_until = :lease_until, ended_at = NULL
WHERE agent_id = :agent_id AND message_id = :message_id;

-- name: save_steps
UPDATE runs SET steps = :steps
WHERE agent_id = :agent_id AND id = :run_id AND lease_owner = :lease_owner AND status = 'running';

-- name: end_run
-- Empty steps keep those of the last checkpoint for the next attempt.
UPDATE runs
SET status = :status,
    lease_until = NULL,
    steps = CASE WHEN :steps = '[]' THEN steps ELSE :steps END,
    result = :result,
    error = :error,
    details = :details,
    ended_at = :now
WHERE agent_id = :agent_id AND id = :run_id AND lease_owner = :lease_owner AND status = 'running';

-- name: room
SELECT * FROM rooms WHERE agent_id = :agent_id AND id = :room_id;

-- name: world
SELECT * FROM worlds WHERE agent_id = :agent_id AND id = :world_id;

-- name: participants_of_room
SELECT * FROM participants WHERE agent_id = :agent_id AND room_id = :room_id ORDER BY created_at, entity_id;

-- name: entities_of_room
SELECT entities.*
FROM participants JOIN entities ON entities.agent_id = participants.agent_id AND entities.id = participants.entity_id
WHERE participants.agent_id = :agent_id AND participants.room_id = :room_id
ORDER BY entities.created_at, entities.id;

-- name: earlier_messages
-- Newest first, so that the limit keeps the last ones; the caller reverses them.
SELECT * FROM memories
WHERE agent_id = :agent_id AND room_id = :room_id AND table_name = 'messages'
    AND (created_at, id) < (:created_at, :id)
ORDER BY created_at DESC, id DESC
LIMIT :conversation_length;

-- name: add_memory
INSERT INTO memories (
    agent_id, id, entity_id, room_id, world_id, table_name, content, metadata, "unique",
    embedding_priority, embedding_wanted_at, created_at
)
VALUES (
    :agent_id, :id, :entity_id, :room_id, :world_id, :table_name, :content, :metadata, :unique,
    :embedding_priority, :embedding_wanted_at, :created_at
);

-- name: add_memory_if_new
INSERT INTO memories (
    agent_id, id, entity_id, room_id, world_id, table_name, content, metadata, "unique",
    embedding_priority, embedding_wanted_at, created_at
)
VALUES (
    :agent_id, :id, :entity_id, :room_id, :world_id, :table_name, :content, :metadata, :unique,
    :embedding_priority, :embedding_wanted_at, :created_at
)
ON CONFLICT (agent_id, id) DO NOTHING;

-- name: memory
SELECT * FROM memories WHERE agent_id = :agent_id AND id = :id;

-- name: memories_with_embedding
-- In the order of the ids, each with its newest embedding if several models embedded it.
SELECT m.*, (
    SELECT vector FROM embeddings AS e
    WHERE e.agent_id = m.agent_id AND e.memory_id = m.id
    ORDER BY e.created_at DESC, e.model
    LIMIT 1
) AS vector
FROM json_each(:ids) AS given JOIN memories AS m ON m.agent_id = :agent_id AND m.id = given.value
ORDER BY given.key;

-- name: change_memory
UPDATE memories SET content = :content, metadata = :metadata WHERE agent_id = :agent_id AND id = :id;

-- name: delete_embeddings
DELETE FROM embeddings WHERE agent_id = :agent_id AND memory_id = :id;

-- name: want_embedding_again
UPDATE memories
SET embedding_priority = coalesce(embedding_priority, 'normal'), embedding_wanted_at = :now
WHERE agent_id = :agent_id AND id = :id;

-- name: delete_memories_by_id
DELETE FROM memories WHERE agent_id = :agent_id AND id IN (SELECT value FROM json_each(:ids));

-- name: delete_memories
DELETE FROM memories AS m WHERE {filter};

-- name: find_memories
SELECT m.* FROM memories AS m WHERE {filter} ORDER BY m.created_at DESC, m.id DESC LIMIT :limit;

-- name: count_memories
SELECT count(*) AS number FROM memories AS m WHERE {filter};

-- name: other_dimension
-- The smallest and the largest dimension of the model's embeddings.
-- As separate subqueries each is one step in the index; min and max in one query would scan all of it.
SELECT
    (SELECT min(dimension) FROM embeddings WHERE agent_id = :agent_id AND model = :model) AS least,
    (SELECT max(dimension) FROM embeddings WHERE agent_id = :agent_id AND model = :model) AS most;

-- name: other_model
SELECT coalesce(
    (SELECT min(model) FROM embeddings WHERE agent_id = :agent_id AND model < :model),
    (SELECT min(model) FROM embeddings WHERE agent_id = :agent_id AND model > :model)
) AS model;

-- name: add_embedding
INSERT INTO embeddings (agent_id, memory_id, model, dimension, content_hash, vector, signs, created_at)
VALUES (
    :agent_id, :memory_id, :model, :dimension, :content_hash, :vector,
    CASE WHEN :dimension % 8 = 0 THEN vec_quantize_binary(:vector) END, :now
);

-- name: rank_by_words
-- FTS5's rank is bm25: lower is better. CROSS makes the planner query the full-text index once, and not once for each
-- memory of a room.
SELECT m.position, memory_words.rank AS badness
FROM memory_words CROSS JOIN memories AS m ON m.position = memory_words.rowid
WHERE memory_words MATCH :words AND {filter}
ORDER BY memory_words.rank, m.created_at DESC, m.id DESC
LIMIT :depth;

-- name: rank_by_nearness
-- Exact: compares every embedding of the model that passes the filter. The distance of a zero vector is NULL.
SELECT position FROM (
    SELECT m.position, m.created_at, m.id, vec_distance_cosine(e.vector, :vector) AS distance
    FROM embeddings AS e JOIN memories AS m ON m.agent_id = e.agent_id AND m.id = e.memory_id
    WHERE e.agent_id = :agent_id AND e.model = :model AND {filter}
)
WHERE distance IS NOT NULL AND (:match_threshold IS NULL OR 1 - distance >= :match_threshold)
ORDER BY distance, created_at DESC, id DESC
LIMIT :depth;

-- name: nearest_by_signs
-- The embeddings of the model whose signs differ least, without the filter; reads only the index.
SELECT rowid AS number FROM embeddings
WHERE agent_id = :agent_id AND model = :model AND dimension = :dimension
ORDER BY vec_distance_hamming(vec_bit(signs), vec_quantize_binary(:vector))
LIMIT :most;

-- name: rank_nearest
-- The given embeddings that pass the filter, nearest first. CROSS keeps the planner from scanning the large tables.
SELECT m.position, vec_distance_cosine(e.vector, :vector) AS distance
FROM json_each(:numbers) AS given
    CROSS JOIN embeddings AS e ON e.rowid = given.value
    CROSS JOIN memories AS m ON m.agent_id = e.agent_id AND m.id = e.memory_id
WHERE {filter}
ORDER BY distance NULLS LAST, m.created_at DESC, m.id DESC
LIMIT :enough;

-- name: count_some_memories
SELECT count(*) AS number FROM (SELECT 1 FROM memories AS m WHERE {filter} LIMIT :most);

-- name: ranked_memories
SELECT m.*, CASE WHEN :vector IS NOT NULL THEN (
    SELECT 1 - vec_distance_cosine(e.vector, :vector) FROM embeddings AS e
    WHERE e.agent_id = m.agent_id AND e.memory_id = m.id AND e.model = :model
) END AS similarity
FROM memories AS m
WHERE m.agent_id = :agent_id AND m.position IN (SELECT value FROM json_each(:positions));

-- name: memories_before
-- Earlier neighbours of a memory in its room and table, nearest first.
SELECT * FROM memories
WHERE agent_id = :agent_id AND room_id = :room_id AND table_name = :table_name
    AND (created_at, id) < (:created_at, :id)
ORDER BY created_at DESC, id DESC
LIMIT :at_most;

-- name: memories_after
SELECT * FROM memories
WHERE agent_id = :agent_id AND room_id = :room_id AND table_name = :table_name
    AND (created_at, id) > (:created_at, :id)
ORDER BY created_at, id
LIMIT :at_most;

-- name: cached_value
SELECT value FROM cache
WHERE agent_id = :agent_id AND key = :key AND (expires_at IS NULL OR expires_at > :now);

-- name: set_cached_value
INSERT INTO cache (agent_id, key, value, expires_at) VALUES (:agent_id, :key, :value, :expires_at)
ON CONFLICT (agent_id, key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at;

-- name: delete_cached_value
DELETE FROM cache
WHERE agent_id = :agent_id AND key = :key AND (expires_at IS NULL OR expires_at > :now);

-- name: sweep_cache
-- Readers already ignore expired values; this deletes them from the file.
DELETE FROM cache WHERE expires_at <= :now;

-- name: due_tasks
-- Longest due first; a task without `due_at` is due since its creation.
SELECT * FROM tasks
WHERE agent_id IN (SELECT value FROM json_each(:agent_ids))
    AND coalesce(due_at, created_at) <= :now
    AND EXISTS (SELECT 1 FROM json_each(tags) WHERE value = 'queue')
ORDER BY coalesce(due_at, created_at), id
LIMIT :limit;

-- name: claim_task
UPDATE tasks SET due_at = :held_until WHERE agent_id = :agent_id AND id = :id;

-- name: hold_task
-- Only if the named claim is current; replaces that claim.
UPDATE tasks SET due_at = :held_until WHERE agent_id = :agent_id AND id = :id AND due_at = :claim RETURNING *;

-- name: settle_task
UPDATE tasks
SET name = :name, description = :description, room_id = :room_id, world_id = :world_id, entity_id = :entity_id,
    tags = :tags, metadata = :metadata, due_at = :due_at, updated_at = :updated_at
WHERE agent_id = :agent_id AND id = :id AND due_at = :claim;

-- name: delete_task
DELETE FROM tasks WHERE agent_id = :agent_id AND id = :id AND due_at = :claim;

-- name: memories_to_want
SELECT id, text FROM memories
WHERE agent_id = :agent_id AND id IN (SELECT value FROM json_each(:ids)) ORDER BY id;

-- name: want_embedding
UPDATE memories SET embedding_priority = :priority, embedding_wanted_at = :now
WHERE agent_id = :agent_id AND id IN (SELECT value FROM json_each(:ids)) AND text <> '';

-- name: delete_failures
DELETE FROM embedding_failures WHERE agent_id = :agent_id AND memory_id IN (SELECT value FROM json_each(:ids));

-- name: wanted_embeddings
-- With the hash of the text that the model embedded, or NULL.
SELECT m.id, m.text, m.created_at, e.content_hash AS embedded_hash
FROM json_each(:ids) AS given
    JOIN memories AS m ON m.agent_id = :agent_id AND m.id = given.value AND m.embedding_wanted_at IS NOT NULL
    LEFT JOIN embeddings AS e ON e.agent_id = m.agent_id AND e.memory_id = m.id AND e.model = :model
ORDER BY given.key;

-- name: lacking_embeddings
-- Memories that another model embedded, with the hash of the text that this model embedded, or NULL.
SELECT m.id, m.text, e.content_hash AS embedded_hash
FROM memories AS m
    LEFT JOIN embeddings AS e ON e.agent_id = m.agent_id AND e.memory_id = m.id AND e.model = :model
WHERE m.agent_id = :agent_id AND m.id > :after AND m.text <> ''
    AND EXISTS (
        SELECT 1 FROM embeddings AS o WHERE o.agent_id = m.agent_id AND o.memory_id = m.id AND o.model <> :model
    )
ORDER BY m.id
LIMIT :limit;

-- name: texts_of_memories
SELECT id, text FROM memories WHERE agent_id = :agent_id AND id IN (SELECT value FROM json_each(:ids));

-- name: keep_embedding
INSERT INTO embeddings (agent_id, memory_id, model, dimension, content_hash, vector, signs, created_at)
VALUES (
    :agent_id, :memory_id, :model, :dimension, :content_hash, :vector,
    CASE WHEN :dimension % 8 = 0 THEN vec_quantize_binary(:vector) END, :now
)
ON CONFLICT (agent_id, memory_id, model) DO UPDATE SET
    dimension = excluded.dimension,
    content_hash = excluded.content_hash,
    vector = excluded.vector,
    signs = excluded.signs,
    created_at = excluded.created_at
WHERE embeddings.content_hash <> excluded.content_hash;

-- name: clear_embedding_wanted_at
UPDATE memories SET embedding_wanted_at = NULL
WHERE agent_id = :agent_id AND id IN (SELECT value FROM json_each(:ids));

-- name: keep_failure
INSERT INTO embedding_failures (agent_id, memory_id, content_hash, reason, created_at)
VALUES (:agent_id, :memory_id, :content_hash, :reason, :now)
ON CONFLICT (agent_id, memory_id) DO UPDATE SET
    content_hash = excluded.content_hash, reason = excluded.reason, created_at = excluded.created_at;

-- name: failed_embeddings
SELECT memory_id, content_hash, reason FROM embedding_failures
WHERE agent_id = :agent_id ORDER BY created_at, memory_id LIMIT :limit;

-- name: delete_other_fragments
DELETE FROM memories
WHERE agent_id = :agent_id AND table_name = 'fragments' AND metadata ->> '$.document_id' = :document_id
    AND id NOT IN (SELECT value FROM json_each(:ids));

-- name: overdue_embeddings
SELECT agent_id, id, text FROM memories
WHERE embedding_priority = :priority AND embedding_wanted_at <= :until
    AND agent_id IN (SELECT value FROM json_each(:agent_ids))
ORDER BY embedding_wanted_at, id
LIMIT :limit;

-- name: renew_embedding_wanted_at
UPDATE memories SET embedding_wanted_at = :now WHERE agent_id = :agent_id AND id = :id;
