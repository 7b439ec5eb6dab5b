-- The statements of the Postgres adapter. What is long or must be one statement stands in functions, which the
-- migrations create; here is how they are called, and what is short.
--
-- Each gives at most one row of one column: a JSON value as text.

-- name: begin_turn
-- $1 schema version needed, $2 TurnStart
select mayfly_begin_turn_v1($1, $2::jsonb)::text

-- name: finish_turn
-- $1 schema version needed, $2 TurnEnd
select mayfly_finish_turn_v1($1, $2::jsonb)::text

-- name: checkpoint_turn
-- A row only while the run is still held.
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
-- In the order given; where several models embedded a memory, the latest embedding.
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

-- name: insert_records
select mayfly_insert_records_v1($1, $2::jsonb, $3)::text

-- name: update_records
select mayfly_update_records_v1($1, $2::jsonb)::text

-- name: get_value
select value::text from cache
where agent_id = $1 and key = $2 and (expires_at is null or expires_at > clock_timestamp())

-- name: set_value
-- Sweeps some of the agent's expired values on the way.
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
-- Says whether it was there and had not expired.
with deleted as (
    delete from cache where agent_id = $1 and key = $2
    returning expires_at is null or expires_at > clock_timestamp() as was_there
)
select coalesce(bool_or(was_there), false)::text from deleted

-- name: schema_version
select coalesce(max(number), 0)::text from mayfly_migrations

-- name: lock_migrations
-- Held until the transaction ends, so it works behind a transaction-mode pooler too.
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
-- $1 agents, $2 lease in ms, $3 limit. Longest due first; what another claims at this moment is passed over.
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
-- A row only from the claim named, which is gone afterwards.
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
