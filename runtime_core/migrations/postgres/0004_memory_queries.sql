-- Finding memories by filter; and words as queries.

-- A filter (`MemoryFilter` as JSON) as conditions on `memories m`; only what is asked for is in the text,
-- so that each shape of question gets its own plan.
create function mayfly_memory_filter_v1(agent uuid, which jsonb) returns text language sql stable as $$
    select concat_ws(' and ',
        format('m.agent_id = %L', agent),
        case when which ->> 'table' is not null then format('m.table_name = %L', which ->> 'table') end,
        case jsonb_array_length(which -> 'room_ids')
            when 0 then null
            when 1 then format('m.room_id = %L', which #>> '{room_ids,0}')
            else format('m.room_id = any (%L)', array(select jsonb_array_elements_text(which -> 'room_ids'))::uuid[])
        end,
        case when which ->> 'entity_id' is not null then format('m.entity_id = %L', which ->> 'entity_id') end,
        case when which ->> 'world_id' is not null then format('m.world_id = %L', which ->> 'world_id') end,
        case when which ->> 'start' is not null then format('m.created_at >= %L', which ->> 'start') end,
        case when which ->> 'end' is not null then format('m.created_at < %L', which ->> 'end') end,
        case when jsonb_typeof(which -> 'before') = 'array' then
            format('(m.created_at, m.id) < (%L, %L)', which #>> '{before,0}', which #>> '{before,1}') end)
$$;

-- The newest memories that match, newest first.
create function mayfly_find_memories_v1(agent uuid, which jsonb, at_most integer) returns json
language plpgsql stable as $$
declare
    memories_found json;
begin
    execute format(
        'select coalesce(json_agg(f.memory order by f.created_at desc, f.id desc), ''[]'') from ('
        'select m.created_at, m.id, mayfly_memory_v1(m) as memory from memories m where %s '
        'order by m.created_at desc, m.id desc limit $1) as f', mayfly_memory_filter_v1(agent, which))
    into memories_found using at_most;
    return memories_found;
end
$$;

create function mayfly_count_memories_v1(agent uuid, which jsonb) returns bigint language plpgsql stable as $$
declare
    matching bigint;
begin
    execute format('select count(*) from memories m where %s', mayfly_memory_filter_v1(agent, which)) into matching;
    return matching;
end
$$;

create function mayfly_delete_memories_v1(agent uuid, which jsonb) returns bigint language plpgsql as $$
declare
    deleted bigint;
begin
    execute format('delete from memories m where %s', mayfly_memory_filter_v1(agent, which));
    get diagnostics deleted = row_count;
    return deleted;
end
$$;

-- A lexeme as a query for it.
create function mayfly_lexeme_query_v1(lexeme text) returns tsquery language sql immutable as $$
    select ('''' || replace(replace(lexeme, '\', '\\'), '''', '''''') || '''')::tsquery
$$;
