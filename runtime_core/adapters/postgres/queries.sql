-- Statements of the Postgres adapter. Long ones, and those that must be atomic, are functions that the migrations
-- create; this file holds their calls and the short statements.
--
-- Each returns at most one row of one column: a JSON value as text.

-- name: begin_turn
-- $1 schema version needed, $2 TurnStart
select mayfly_begin_turn_v1($1, $2::jsonb)::text

-- name: finish_turn
-- $1 schema version needed, $2 TurnEnd
select mayfly_finish_turn_v1($1, $2::jsonb)::text

-- name: checkpoint_turn
-- Returns a row only while the lease is held.
update runs set steps = $4::jsonb
where agent_id = $1 and id = $2 and lease_owner = $3 and status = 'running'
returning 'true'

-- name: get_run
select mayfly_run_v1(r)::text from runs r where r.id = $1 order by r.created_at limit 1

-- name: create_memories
select mayfly_create_memories_v1($1, $2::jsonb, $3, $4)::text

-- name: update_memories
select mayfly_update_memories_v1($1, $2::jsonb)::text

-- name: delete_memories_by_id
with deleted as (delete from memories where agent_id = $1 and id = any ($2::uuid[]) returning 1)
select count(*)::text from deleted

-- name: delete_memories
select mayfly_delete_memories_v1($1, $2::jsonb)::text

-- name: get_memories
-- In the order given, each with its latest embedding if several models embedded it.
select coalesce(json_agg(
    mayfly_memory_v1(m, (
        select e.vector::text::json from embeddings e where e.agent_id = m.agent_id and e.memory_id = m.id
        order by e.created_at desc limit 1)) order by wanted.position), '[]')::text
from unnest($2::uuid[]) with ordinality as wanted (id, position)
join memories m on m.agent_id = $1 and m.id = wanted.id

-- name: find_memories
select mayfly_find_memories_v1($1, $2::jsonb, $3)::text

-- name: count_memories
select mayfly_count_memories_v1($1, $2::jsonb)::text

-- name: search_memories
select mayfly_search_memories_v1($1, $2::jsonb, $3::jsonb)::text

-- name: recall
-- $2 RecallQuery
select mayfly_recall_v1($1, $2::jsonb)::text

-- name: insert_records
select mayfly_insert_records_v1($1, $2::jsonb, $3)::text

-- name: update_records
select mayfly_update_records_v1($1, $2::jsonb)::text

-- name: get_value
select value::text from cache
where agent_id = $1 and key = $2 and (expires_at is null or expires_at > clock_timestamp())

-- name: set_value
-- Also deletes some of the agent's expired values.
with expired as (
    select key from cache where agent_id = $1 and expires_at <= clock_timestamp() and key <> $2
    limit 100 for update skip locked
), swept as (
    delete from cache using expired where cache.agent_id = $1 and cache.key = expired.key
)
insert into cache (agent_id, key, value, expires_at) values ($1, $2, $3::jsonb, $4::timestamptz)
on conflict (agent_id, key) do update set value = excluded.value, expires_at = excluded.expires_at
returning 'true'

-- name: delete_value
-- Returns whether the value existed and had not expired.
with deleted as (
    delete from cache where agent_id = $1 and key = $2
    returning expires_at is null or expires_at > clock_timestamp() as was_there
)
select coalesce(bool_or(was_there), false)::text from deleted

-- name: schema_version
select coalesce(max(number), 0)::text from mayfly_migrations

-- name: lock_migrations
-- The lock lasts until the end of the transaction, so it works behind a transaction-mode pooler.
select pg_advisory_xact_lock(hashtext('mayfly_migrations'))::text

-- name: create_migrations
create table if not exists mayfly_migrations (
    number integer primary key,
    name text not null,
    sha256 text not null,
    applied_at timestamptz not null default clock_timestamp()
)

-- name: applied_migrations
select coalesce(jsonb_object_agg(number, sha256), '{}')::text from mayfly_migrations

-- name: record_migration
insert into mayfly_migrations (number, name, sha256) values ($1, $2, $3)

-- name: claim_tasks
-- $1 agents, $2 lease in ms, $3 limit. Longest due first; skips rows that another claim has locked.
with due as (
    select t.agent_id, t.id, coalesce(t.due_at, t.created_at) as since from tasks t
    where t.agent_id in (select value::uuid from jsonb_array_elements_text($1::jsonb) as given (value))
        and coalesce(t.due_at, t.created_at) <= clock_timestamp() and t.tags @> array['queue']
    order by since, t.id limit $3::integer for update skip locked
), claimed as (
    update tasks t set due_at = clock_timestamp() + $2::bigint * interval '1 millisecond'
    from due where t.agent_id = due.agent_id and t.id = due.id
    returning to_jsonb(t) as task, due.since, t.id
)
select coalesce(jsonb_agg(task order by since, id), '[]')::text from claimed

-- name: hold_task
-- Returns a row only if the named claim is current; replaces that claim.
update tasks t set due_at = clock_timestamp() + $4::bigint * interval '1 millisecond'
where t.agent_id = $1 and t.id = $2 and t.due_at = $3::timestamptz
returning to_jsonb(t)::text

-- name: settle_task
update tasks t set name = n.name, description = n.description, room_id = n.room_id, world_id = n.world_id,
    entity_id = n.entity_id, tags = n.tags, metadata = n.metadata, due_at = n.due_at, updated_at = n.updated_at
from jsonb_populate_record(null::tasks, $4::jsonb) as n
where t.agent_id = $1 and t.id = $2 and t.due_at = $3::timestamptz
returning 'true'

-- name: drop_task
delete from tasks where agent_id = $1 and id = $2 and due_at = $3::timestamptz returning 'true'

-- name: want_embeddings
-- $1 agent, $2 memories, $3 priority. Returns the existing ids; a memory without text is included but not marked.
with found as (
    select id, coalesce(content ->> 'text', '') as text from memories where agent_id = $1 and id = any ($2::uuid[])
    order by id for update
), forgiven as (
    delete from embedding_failures where agent_id = $1 and memory_id in (select id from found)
), marked as (
    update memories m set embedding_priority = $3, embedding_wanted_at = clock_timestamp()
    from found where m.agent_id = $1 and m.id = found.id and found.text <> ''
)
select coalesce(json_agg(id), '[]')::text from found

-- name: wanted_embeddings
-- $1 agent, $2 memories, $3 model. In the order given, without those that want no embedding.
select coalesce(json_agg(json_build_object(
    'memory_id', m.id, 'text', coalesce(m.content ->> 'text', ''), 'content_hash', hash.value,
    'age_s', greatest(0, extract(epoch from clock_timestamp() - m.created_at)::double precision),
    'is_embedded', exists (
        select from embeddings e where e.agent_id = m.agent_id and e.memory_id = m.id and e.model = $3
            and e.content_hash = hash.value)) order by given.position), '[]')::text
from unnest($2::uuid[]) with ordinality as given (id, position)
join memories m on m.agent_id = $1 and m.id = given.id and m.embedding_wanted_at is not null,
    lateral (select mayfly_text_hash_v1(m.content)) as hash (value)

-- name: keep_embeddings
select mayfly_keep_embeddings_v1($1, $2, $3, $4, $5)::text

-- name: keep_fragments
select mayfly_keep_fragments_v1($1, $2, $3, $4::jsonb, $5)::text

-- name: settle_embeddings
-- $1 agent, $2 memories, $3 the hashes of their texts. Returns the ids whose text has changed.
with held as (
    select m.id from memories m join unnest($2::uuid[], $3::text[]) as given (id, hash) on m.id = given.id
    where m.agent_id = $1 and mayfly_text_hash_v1(m.content) = given.hash order by m.id for update of m
), settled as (
    update memories m set embedding_wanted_at = null from held where m.agent_id = $1 and m.id = held.id
)
select coalesce(json_agg(id), '[]')::text from unnest($2::uuid[]) as id where id not in (select id from held)

-- name: fail_embeddings
-- $1 agent, $2 memories, $3 the hashes of their texts, $4 reasons. Returns the ids whose text has changed.
with held as (
    select m.id, given.hash, given.reason
    from memories m join unnest($2::uuid[], $3::text[], $4::text[]) as given (id, hash, reason) on m.id = given.id
    where m.agent_id = $1 and mayfly_text_hash_v1(m.content) = given.hash order by m.id for update of m
), failed as (
    insert into embedding_failures (agent_id, memory_id, content_hash, reason)
    select $1, held.id, held.hash, held.reason from held
    on conflict (agent_id, memory_id) do update set
        content_hash = excluded.content_hash, reason = excluded.reason, created_at = clock_timestamp()
), settled as (
    update memories m set embedding_wanted_at = null from held where m.agent_id = $1 and m.id = held.id
)
select coalesce(json_agg(id), '[]')::text from unnest($2::uuid[]) as id where id not in (select id from held)

-- name: failed_embeddings
select coalesce(json_agg(json_build_object(
    'memory_id', memory_id, 'content_hash', content_hash, 'reason', reason) order by created_at, memory_id), '[]')::text
from (
    select * from embedding_failures where agent_id = $1 order by created_at, memory_id limit $2::integer
) as failed

-- name: lacking_embeddings
-- $1 agent, $2 model, $3 the id to continue after, $4 limit.
select coalesce(json_agg(json_build_object('memory_id', id, 'text', text, 'content_hash', hash) order by id), '[]')::text
from (
    select m.id, m.content ->> 'text' as text, hash.value as hash
    from memories m, lateral (select mayfly_text_hash_v1(m.content)) as hash (value)
    where m.agent_id = $1 and ($3::uuid is null or m.id > $3) and m.content ->> 'text' <> ''
        and exists (
            select from embeddings e where e.agent_id = m.agent_id and e.memory_id = m.id and e.model <> $2)
        and not exists (
            select from embeddings e where e.agent_id = m.agent_id and e.memory_id = m.id and e.model = $2
                and e.content_hash = hash.value)
    order by m.id limit $4::integer
) as lacking

-- name: claim_overdue_embeddings
-- $1 agents, $2 priority, $3 overdue after so many ms, $4 limit. A claim restarts the time until it is overdue again.
with overdue as (
    select m.agent_id, m.id from memories m
    where m.embedding_priority = $2 and m.embedding_wanted_at <= clock_timestamp() - $3::bigint * interval '1 millisecond'
        and m.agent_id in (select value::uuid from jsonb_array_elements_text($1::jsonb) as given (value))
    order by m.embedding_wanted_at, m.id limit $4::integer for update skip locked
), claimed as (
    update memories m set embedding_wanted_at = clock_timestamp() from overdue
    where m.agent_id = overdue.agent_id and m.id = overdue.id
    returning m.agent_id, m.id, mayfly_text_hash_v1(m.content) as hash
)
select coalesce(json_agg(json_build_object(
    'agent_id', agent_id, 'memory_id', id, 'content_hash', hash)), '[]')::text from claimed
