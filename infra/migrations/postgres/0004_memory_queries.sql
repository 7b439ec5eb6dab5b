-- Finding memories: by filter, by words, by nearness.

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

-- The words of a text as a query that any of them satisfies; null when it holds none that counts.
create function mayfly_any_word_v1(words text) returns tsquery language sql immutable as $$
    select string_agg(mayfly_lexeme_query_v1(lexeme)::text, ' | ')::tsquery
    from unnest(tsvector_to_array(to_tsvector('english', left(words, 200000)))) as lexeme
$$;

-- The ids of the memories that hold any of the words, best first: more of them, and rarer ones, rank higher.
create function mayfly_rank_by_words_v1(filter text, words text, depth integer) returns uuid[]
language plpgsql stable as $$
declare
    any_word constant tsquery := mayfly_any_word_v1(words);
    ranked uuid[];
begin
    if any_word is null then
        return '{}';
    end if;
    execute format($sql$
        with matching as materialized (
            select m.id, m.created_at, m.search from memories m where %s and m.search @@ $1
        ), word as (
            select lexeme, mayfly_lexeme_query_v1(lexeme) as query
            from unnest(tsvector_to_array(to_tsvector('english', left($2, 200000)))) as lexeme
        ), occurrence as (
            select matching.id, word.lexeme from matching join word on matching.search @@ word.query
        ), weight as (
            select lexeme, ln(1 + (select count(*) from matching)::double precision / count(*)) as weight
            from occurrence group by lexeme
        ), scored as (
            select occurrence.id, sum(weight.weight) as score
            from occurrence join weight using (lexeme) group by occurrence.id
        ), best as (
            select matching.id, row_number() over (
                order by scored.score desc, ts_rank(matching.search, $1) desc, matching.created_at desc, matching.id desc
            ) as position
            from matching join scored using (id)
        )
        select coalesce(array_agg(id order by position), '{}') from best where position <= $3
    $sql$, filter) into ranked using any_word, words, depth;
    return ranked;
end
$$;

-- The ids of the memories whose embeddings are nearest, best first.
create function mayfly_rank_by_nearness_v1(
    agent uuid, filter text, near text, model_name text, dimension integer, threshold double precision, depth integer)
returns uuid[] language plpgsql stable as $$
declare
    -- The index of that dimension is found by the very expression it is built on.
    kind constant text := format('%s(%s)', case when dimension = 3072 then 'halfvec' else 'vector' end, dimension);
    ranked uuid[];
begin
    execute format($sql$
        with nearest as materialized (
            select m.id, m.created_at, e.vector::%1$s <=> $1::%1$s as distance
            from embeddings e join memories m on m.agent_id = e.agent_id and m.id = e.memory_id
            where e.dimension = %2$s and e.agent_id = $2 and e.model = $3 and %3$s
            order by e.vector::%1$s <=> $1::%1$s
            limit $4
        )
        select coalesce(array_agg(id order by distance, created_at desc, id desc), '{}')
        from nearest where distance <> 'NaN' and ($5 is null or 1 - distance >= $5)
    $sql$, kind, dimension, filter) into ranked using near, agent, model_name, depth, threshold;
    return ranked;
end
$$;

-- Fuses the two rankings: a memory scores 1 / (60 + rank) in each that holds it (reciprocal rank fusion).
create function mayfly_search_memories_v1(agent uuid, query jsonb, which jsonb) returns json
language plpgsql as $$
#variable_conflict use_column
declare
    at_most constant integer := (query ->> 'limit')::integer;
    depth constant integer := greatest(5 * at_most, 50);  -- of each ranking, enough for the fused order to settle
    filter constant text := mayfly_memory_filter_v1(agent, which);
    model_name constant text := query ->> 'model';
    near constant text := query ->> 'embedding';
    near_dimension constant integer :=
        case when jsonb_typeof(query -> 'embedding') = 'array' then jsonb_array_length(query -> 'embedding') end;
    stored_dimension integer;
    by_words uuid[];
    by_nearness uuid[] := '{}';
begin
    by_words := mayfly_rank_by_words_v1(filter, query ->> 'text', depth);

    if near_dimension is not null then
        select dimension into stored_dimension from (
            select min(dimension) as dimension from embeddings where agent_id = agent and model = model_name
            union select max(dimension) from embeddings where agent_id = agent and model = model_name
        ) as every where dimension <> near_dimension;
        if found then
            raise exception using errcode = 'MF003', message = format(
                'the vector has %s dimensions, the embeddings of model %L have %s',
                near_dimension, model_name, stored_dimension);
        end if;
        -- A filtered search goes on through the index until enough memories pass the filter.
        perform set_config('hnsw.iterative_scan', 'strict_order', true);
        by_nearness := mayfly_rank_by_nearness_v1(
            agent, filter, near, model_name, near_dimension, (query ->> 'match_threshold')::double precision, depth);
    end if;

    return (
        with fused as (
            select id, sum(1.0 / (60 + position))::double precision as score
            from (
                select * from unnest(by_words) with ordinality as _(id, position)
                union all select * from unnest(by_nearness) with ordinality as _(id, position)
            ) as each group by id
        ), best as (
            select m.created_at, m.id, fused.score, json_build_object(
                'memory', mayfly_memory_v1(m),
                'score', fused.score,
                'similarity', (
                    select nullif(greatest(-1, least(1, 1 - (e.vector <=> near::vector))), 'NaN') from embeddings e
                    where e.agent_id = agent and e.memory_id = m.id and e.model = model_name)) as hit
            from fused join memories m on m.agent_id = agent and m.id = fused.id
            order by fused.score desc, m.created_at desc, m.id desc
            limit at_most
        )
        select coalesce(json_agg(hit order by score desc, created_at desc, id desc), '[]') from best);
end
$$;
