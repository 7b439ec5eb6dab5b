-- A turn in two statements: begin and finish, each one round trip and one transaction.
--
-- Functions carry a version in their names: code of an older release keeps calling the one it knows.
-- Errors of our own: MF001 schema behind, MF002 lease lost, MF003 dimension mismatch, MF004 record not found.

-- Values go out as json, which is written once, where jsonb would be built only to be written again:
-- for a conversation of 32 messages that is half the time of a claim.
create function mayfly_memory_v1(m memories) returns json language sql stable as $$
    select json_build_object(
        'id', m.id, 'agent_id', m.agent_id, 'entity_id', m.entity_id, 'room_id', m.room_id, 'world_id', m.world_id,
        'table', m.table_name, 'content', m.content, 'metadata', m.metadata, 'unique', m."unique",
        'created_at', m.created_at)
$$;

create function mayfly_memory_v1(m memories, embedding json) returns json language sql stable as $$
    select json_build_object(
        'id', m.id, 'agent_id', m.agent_id, 'entity_id', m.entity_id, 'room_id', m.room_id, 'world_id', m.world_id,
        'table', m.table_name, 'content', m.content, 'metadata', m.metadata, 'unique', m."unique",
        'created_at', m.created_at, 'embedding', embedding)
$$;

create function mayfly_run_v1(r runs) returns json language sql stable as $$
    select json_build_object(
        'id', r.id, 'agent_id', r.agent_id, 'message_id', r.message_id, 'room_id', r.room_id, 'status', r.status,
        'attempt', r.attempt, 'lease_until', r.lease_until, 'steps', r.steps, 'result', r.result, 'error', r.error,
        'details', r.details, 'created_at', r.created_at, 'ended_at', r.ended_at)
$$;

-- Fields are listed, never whole rows: a column that a later migration adds is unknown to this release.
create function mayfly_room_v1(r rooms) returns json language sql stable as $$
    select json_build_object(
        'id', r.id, 'agent_id', r.agent_id, 'world_id', r.world_id, 'name', r.name, 'source', r.source, 'type', r.type,
        'channel_id', r.channel_id, 'message_server_id', r.message_server_id, 'metadata', r.metadata,
        'created_at', r.created_at)
$$;

create function mayfly_world_v1(w worlds) returns json language sql stable as $$
    select json_build_object(
        'id', w.id, 'agent_id', w.agent_id, 'name', w.name, 'message_server_id', w.message_server_id,
        'metadata', w.metadata, 'created_at', w.created_at)
$$;

create function mayfly_entity_v1(e entities) returns json language sql stable as $$
    select json_build_object(
        'id', e.id, 'agent_id', e.agent_id, 'names', e.names, 'metadata', e.metadata, 'created_at', e.created_at)
$$;

create function mayfly_participant_v1(p participants) returns json language sql stable as $$
    select json_build_object(
        'room_id', p.room_id, 'entity_id', p.entity_id, 'agent_id', p.agent_id, 'state', p.state,
        'created_at', p.created_at)
$$;

-- Refuses to work on a schema older than the caller needs; a newer one is fine.
create function mayfly_require_v1(needed integer) returns void language plpgsql stable as $$
begin
    if not exists (select from mayfly_migrations where number >= needed) then
        raise exception using errcode = 'MF001', message = format(
            'the database is at schema version %s, this release needs %s: run `mayfly migrate`',
            (select max(number) from mayfly_migrations), needed);
    end if;
end
$$;

-- Stores memories given as JSON, in any number; those whose id is there already stay as they are.
create function mayfly_insert_new_memories_v1(agent uuid, given jsonb, priority text) returns integer
language plpgsql as $$
declare
    stored integer;
begin
    insert into memories (
        agent_id, id, table_name, entity_id, room_id, world_id, content, metadata, "unique",
        embedding_priority, embedding_wanted_at, created_at)
    select
        agent, (each ->> 'id')::uuid, each ->> 'table', (each ->> 'entity_id')::uuid, (each ->> 'room_id')::uuid,
        (each ->> 'world_id')::uuid, each -> 'content', each -> 'metadata', (each ->> 'unique')::boolean,
        case when wanted then priority end, case when wanted then clock_timestamp() end,
        coalesce((each ->> 'created_at')::timestamptz, clock_timestamp())
    from jsonb_array_elements(given) as each,
        lateral (select priority is not null and each #>> '{content,text}' <> '' as wanted) as _
    on conflict do nothing;
    get diagnostics stored = row_count;
    return stored;
end
$$;

-- Claims the run of a message; with the claim won, stores what is new and gives back what the turn reads.
-- Any other outcome writes nothing.
create function mayfly_claim_turn_v1(needed integer, start jsonb) returns json language plpgsql as $$
#variable_conflict use_column
declare
    agent constant uuid := start ->> 'agent_id';
    message constant jsonb := start -> 'message';
    room constant jsonb := start -> 'room';
    world constant jsonb := start -> 'world';
    lease constant interval := make_interval(secs => (start ->> 'lease_s')::double precision);
    claimed runs;
    stored memories;
    owner text;
begin
    perform mayfly_require_v1(needed);

    if not (start ->> 'may_join')::boolean then
        select coalesce(a.name, r.agent_id::text) into owner
        from rooms r left join agents a on a.agent_id = r.agent_id and a.id = r.agent_id
        where r.id = (room ->> 'id')::uuid and r.agent_id <> agent
            and not exists (select from rooms own where own.agent_id = agent and own.id = r.id)
        order by r.created_at limit 1;
        if found then
            return json_build_object('outcome', 'foreign_room', 'now', clock_timestamp(), 'room_owner', owner);
        end if;
    end if;

    -- The conflicting row is locked while its claim is judged, so of any number of callers one wins.
    insert into runs as run (agent_id, message_id, id, room_id, status, lease_owner, lease_until, body_hash)
    values (
        agent, (message ->> 'id')::uuid, (start ->> 'run_id')::uuid, (room ->> 'id')::uuid, 'running',
        (start ->> 'lease_owner')::uuid, clock_timestamp() + lease, start ->> 'body_hash')
    on conflict (agent_id, message_id) do update set
        status = 'running',
        attempt = run.attempt + case when run.status = 'running' and run.lease_owner = excluded.lease_owner then 0 else 1 end,
        lease_owner = excluded.lease_owner,
        lease_until = case
            when run.status = 'running' and run.lease_owner = excluded.lease_owner and run.lease_until > clock_timestamp()
            then run.lease_until else clock_timestamp() + lease end,
        ended_at = null
    where run.body_hash = excluded.body_hash and (
        run.status = 'failed'
        or run.status = 'running' and (run.lease_owner = excluded.lease_owner or run.lease_until <= clock_timestamp()))
    returning * into claimed;

    if not found then
        select * into strict claimed from runs where agent_id = agent and message_id = (message ->> 'id')::uuid;
        return json_build_object(
            'outcome', case
                when claimed.body_hash <> start ->> 'body_hash' then 'conflict'
                when claimed.status = 'completed' then 'replay'
                else 'running' end,
            'now', clock_timestamp(), 'run', mayfly_run_v1(claimed));
    end if;

    insert into agents (agent_id, id, name) values (agent, agent, start ->> 'agent_name') on conflict do nothing;
    insert into worlds (agent_id, id, name, message_server_id, metadata, created_at)
    values (
        agent, (world ->> 'id')::uuid, world ->> 'name', (world ->> 'message_server_id')::uuid, world -> 'metadata',
        coalesce((world ->> 'created_at')::timestamptz, clock_timestamp()))
    on conflict do nothing;
    insert into rooms (
        agent_id, id, world_id, name, source, type, channel_id, message_server_id, metadata, created_at)
    values (
        agent, (room ->> 'id')::uuid, coalesce(room ->> 'world_id', world ->> 'id')::uuid, room ->> 'name',
        room ->> 'source', room ->> 'type', room ->> 'channel_id', (room ->> 'message_server_id')::uuid,
        room -> 'metadata', coalesce((room ->> 'created_at')::timestamptz, clock_timestamp()))
    on conflict do nothing;
    -- In the order of ids: two turns that bring the same new entities never wait for each other in a circle.
    insert into entities (agent_id, id, names, metadata, created_at)
    select
        agent, (each ->> 'id')::uuid, array(select jsonb_array_elements_text(each -> 'names')), each -> 'metadata',
        coalesce((each ->> 'created_at')::timestamptz, clock_timestamp())
    from jsonb_array_elements(start -> 'entities') as each order by 2
    on conflict do nothing;
    insert into participants (agent_id, room_id, entity_id)
    select agent, (room ->> 'id')::uuid, (each ->> 'id')::uuid
    from jsonb_array_elements(start -> 'entities') as each order by 3
    on conflict do nothing;
    perform mayfly_insert_new_memories_v1(agent, jsonb_build_array(message), start ->> 'embedding_priority');
    select * into strict stored from memories where agent_id = agent and id = (message ->> 'id')::uuid;

    return json_build_object(
        'outcome', case when claimed.attempt = 1 then 'new' else 'resume' end,
        'now', clock_timestamp(),
        'run', mayfly_run_v1(claimed),
        'message', mayfly_memory_v1(stored),
        'room', (select mayfly_room_v1(r) from rooms r where r.agent_id = agent and r.id = (room ->> 'id')::uuid),
        'world', (
            select mayfly_world_v1(w) from rooms r join worlds w on w.agent_id = agent and w.id = r.world_id
            where r.agent_id = agent and r.id = (room ->> 'id')::uuid),
        'participants', (
            select coalesce(json_agg(mayfly_participant_v1(p) order by p.created_at, p.entity_id), '[]')
            from participants p where p.agent_id = agent and p.room_id = (room ->> 'id')::uuid),
        'entities', (
            select coalesce(json_agg(mayfly_entity_v1(e) order by e.created_at, e.id), '[]')
            from participants p join entities e on e.agent_id = agent and e.id = p.entity_id
            where p.agent_id = agent and p.room_id = (room ->> 'id')::uuid),
        'messages', (
            select coalesce(json_agg(earlier.memory order by earlier.created_at, earlier.id), '[]')
            from (
                select m.created_at, m.id, mayfly_memory_v1(m) as memory
                from memories m
                where m.agent_id = agent and m.room_id = (room ->> 'id')::uuid and m.table_name = 'messages'
                    and (m.created_at, m.id) < (stored.created_at, stored.id)
                order by m.created_at desc, m.id desc
                limit (start ->> 'conversation_length')::integer
            ) as earlier));
end
$$;

-- Ends a run and stores its answers, if the lease is still the caller's; ending twice is ending once.
create function mayfly_finish_turn_v1(needed integer, ending jsonb) returns void language plpgsql as $$
#variable_conflict use_column
declare
    agent constant uuid := ending ->> 'agent_id';
    run constant uuid := ending ->> 'run_id';
    holder constant uuid := ending ->> 'lease_owner';
begin
    perform mayfly_require_v1(needed);

    update runs set
        status = ending ->> 'status',
        lease_until = null,
        -- What a failed attempt has checkpointed stays for the next one.
        steps = case when ending -> 'steps' = '[]' then steps else ending -> 'steps' end,
        result = nullif(ending -> 'result', 'null'),
        error = nullif(ending -> 'error', 'null'),
        details = ending -> 'details',
        ended_at = clock_timestamp()
    where agent_id = agent and id = run and lease_owner = holder and status = 'running';

    if not found then
        if exists (select from runs where agent_id = agent and id = run and lease_owner = holder) then
            return;
        end if;
        raise exception using errcode = 'MF002',
            message = format('run %s is not held by this invocation any more; its answer was not stored', run);
    end if;

    perform mayfly_insert_new_memories_v1(agent, ending -> 'answers', ending ->> 'embedding_priority');
end
$$;
