-- Memories and records written in one statement each, all or none.

-- Stores memories, each under an id that is not there yet, with their embeddings where given.
create function mayfly_create_memories_v1(agent uuid, given jsonb, model_name text, priority text) returns json
language plpgsql as $$
#variable_conflict use_column
declare
    found_dimension integer;
    given_dimensions integer[];
begin
    select array_agg(distinct jsonb_array_length(each -> 'embedding')) into given_dimensions
    from jsonb_array_elements(given) as each where jsonb_typeof(each -> 'embedding') = 'array';

    if given_dimensions is not null then
        if model_name = '' then
            raise exception using errcode = 'check_violation',
                message = 'an embedding needs the name of the model that made it';
        end if;
        -- Both ends of the index range: whatever dimension is there is one of the two.
        select dimension into found_dimension from (
            select min(dimension) as dimension from embeddings where agent_id = agent and model = model_name
            union select max(dimension) from embeddings where agent_id = agent and model = model_name
            union select unnest(given_dimensions)
        ) as every where dimension <> given_dimensions[1];
        if found then
            raise exception using errcode = 'MF003', message = format(
                'an embedding of model %L has %s dimensions, another one has %s',
                model_name, given_dimensions[1], found_dimension);
        end if;
    end if;

    insert into memories (
        agent_id, id, table_name, entity_id, room_id, world_id, content, metadata, "unique",
        embedding_priority, embedding_wanted_at, created_at)
    select
        agent, (each ->> 'id')::uuid, each ->> 'table', (each ->> 'entity_id')::uuid, (each ->> 'room_id')::uuid,
        (each ->> 'world_id')::uuid, each -> 'content', each -> 'metadata', (each ->> 'unique')::boolean,
        case when wanted then priority end, case when wanted then clock_timestamp() end,
        coalesce((each ->> 'created_at')::timestamptz, clock_timestamp())
    from jsonb_array_elements(given) with ordinality as _(each, position),
        lateral (
            select priority is not null and each #>> '{content,text}' <> ''
                and jsonb_typeof(each -> 'embedding') <> 'array' as wanted) as __
    order by position;

    insert into embeddings (agent_id, memory_id, model, dimension, content_hash, vector)
    select
        agent, (each ->> 'id')::uuid, model_name, jsonb_array_length(each -> 'embedding'),
        mayfly_text_hash_v1(each -> 'content'), (each ->> 'embedding')::vector
    from jsonb_array_elements(given) as each where jsonb_typeof(each -> 'embedding') = 'array';

    return (
        select coalesce(json_agg(mayfly_memory_v1(m, (each -> 'embedding')::json) order by position), '[]')
        from jsonb_array_elements(given) with ordinality as _(each, position)
        join memories m on m.agent_id = agent and m.id = (each ->> 'id')::uuid);
end
$$;

create function mayfly_text_hash_v1(content jsonb) returns text language sql immutable as $$
    select encode(sha256(convert_to(coalesce(content ->> 'text', ''), 'UTF8')), 'hex')
$$;

-- Replaces content and metadata; a memory whose text changed loses its embeddings, and wants one again if it ever did.
-- The rows are locked by a statement of their own: the next one then sees an embedding that was stored meanwhile.
create function mayfly_update_memories_v1(agent uuid, given jsonb) returns void language plpgsql as $$
#variable_conflict use_column
declare
    missing uuid;
begin
    perform from memories m
    where m.agent_id = agent and m.id in (select (each ->> 'id')::uuid from jsonb_array_elements(given) as each)
    order by m.id for update;

    select (each ->> 'id')::uuid into missing from jsonb_array_elements(given) as each
    where not exists (select from memories m where m.agent_id = agent and m.id = (each ->> 'id')::uuid) limit 1;
    if found then
        raise exception using errcode = 'MF004', message = format('no memory %s', missing);
    end if;

    with changed as (
        select m.id from memories m join jsonb_array_elements(given) as each on m.id = (each ->> 'id')::uuid
        where m.agent_id = agent and m.content ->> 'text' is distinct from each #>> '{content,text}'
    ), dropped as (
        delete from embeddings using changed where agent_id = agent and memory_id = changed.id returning memory_id
    ), forgiven as (
        delete from embedding_failures using changed where agent_id = agent and memory_id = changed.id
    ), wanting as (
        select m.id from memories m join changed on changed.id = m.id
        where m.agent_id = agent
            and (m.embedding_priority is not null or m.id in (select memory_id from dropped))
    )
    update memories m set
        content = each -> 'content',
        metadata = each -> 'metadata',
        embedding_priority = case
            when m.id in (select id from wanting) then coalesce(m.embedding_priority, 'normal')
            else m.embedding_priority end,
        embedding_wanted_at = case
            when m.id in (select id from wanting) then clock_timestamp() else m.embedding_wanted_at end
    from jsonb_array_elements(given) as each
    where m.agent_id = agent and m.id = (each ->> 'id')::uuid;
end
$$;

-- Stores records of several tables in the order given, all or none; returns how many were new.
-- `given` is [{"table": …, "rows": [{column: value}, …]}, …]; a row's created_at may be null.
create function mayfly_insert_records_v1(agent uuid, given jsonb, ignore_existing boolean) returns integer
language plpgsql as $$
declare
    batch jsonb;
    stored integer;
    total integer := 0;
begin
    for batch in select jsonb_array_elements(given) loop
        execute format(
            'insert into %1$I (%2$s) select %2$s from jsonb_array_elements($1) with ordinality as _(each, position), '
            'jsonb_populate_record(null::%1$I, each || jsonb_build_object(''agent_id'', $2, '
            '''created_at'', coalesce((each ->> ''created_at'')::timestamptz, clock_timestamp()))) '
            'order by position%3$s',
            batch ->> 'table',
            (select string_agg(quote_ident(key), ', ') from jsonb_object_keys(batch #> '{rows,0}') as key),
            case when ignore_existing then ' on conflict do nothing' else '' end)
        using batch -> 'rows', agent;
        get diagnostics stored = row_count;
        total := total + stored;
    end loop;
    return total;
end
$$;

-- Replaces every field but keys and created_at of records that are there, all or none.
-- `given` is as above, with "keys": the columns that, with agent_id, name a row.
create function mayfly_update_records_v1(agent uuid, given jsonb) returns void language plpgsql as $$
declare
    batch jsonb;
    changed integer;
begin
    for batch in select jsonb_array_elements(given) loop
        execute format(
            'update %1$I as stored set %2$s from jsonb_array_elements($1) as each, '
            'jsonb_populate_record(null::%1$I, each) as fresh where stored.agent_id = $2 and %3$s',
            batch ->> 'table',
            (select string_agg(format('%1$I = fresh.%1$I', key), ', ')
                from jsonb_object_keys(batch #> '{rows,0}') as key
                where key not in ('agent_id', 'created_at') and not batch -> 'keys' ? key),
            (select string_agg(format('stored.%1$I = fresh.%1$I', key), ' and ')
                from jsonb_array_elements_text(batch -> 'keys') as key))
        using batch -> 'rows', agent;
        get diagnostics changed = row_count;
        if changed <> jsonb_array_length(batch -> 'rows') then
            raise exception using errcode = 'MF004', message = format(
                '%s of %s records are not in %s', jsonb_array_length(batch -> 'rows') - changed,
                jsonb_array_length(batch -> 'rows'), batch ->> 'table');
        end if;
    end loop;
end
$$;
