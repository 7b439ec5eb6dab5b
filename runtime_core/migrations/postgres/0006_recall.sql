-- Recall: hybrid search that stays exact for few candidates and fast for many, with neighbours, for several
-- sources at once; and a turn's claim that brings along what its message's words recall.

-- The memories that hold any of the words, best first, each with its place: how many are at least as good. Looks at no
-- more than `most` for each word: those that hold a rarer one, or all of the frequent ones; where these are too few,
-- some of those that hold any.
create function mayfly_rank_by_words_v1(filter text, words text, depth integer, most integer)
returns table (id uuid, place bigint)
language plpgsql stable set enable_seqscan = off set enable_indexscan = off as $$
begin
    return query execute format($sql$
        with word as materialized (
            select lexeme, mayfly_lexeme_query_v1(lexeme) as query
            from unnest(tsvector_to_array(to_tsvector('english', left($1, 200000)))) as lexeme limit 64
        ), found as materialized (
            select word.lexeme, each.* from word, lateral (
                select m.id, m.created_at, m.search from memories m where %1$s and m.search @@ word.query limit %2$s
            ) as each
        ), seen as materialized (
            select lexeme, count(*) as number, count(*) = %2$s as is_frequent from found group by lexeme
        ), together as materialized (
            select m.id, m.created_at, m.search from memories m
            where %1$s and m.search @@ (
                select string_agg(word.query::text, ' & ')::tsquery from word join seen using (lexeme) where is_frequent)
            limit %2$s
        ), rarer as materialized (
            select id, created_at, search from found join seen using (lexeme) where not is_frequent
            union select id, created_at, search from together
        ), candidate as materialized (
            select id, created_at, search from rarer
            union
            select id, created_at, search from found where (select count(*) from rarer) < $2
        ), weight as (
            select lexeme, ln(1 + (select sum(number) from seen)::double precision / number) as weight from seen
        ), scored as (
            select candidate.id, sum(weight.weight) as score
            from candidate join word on candidate.search @@ word.query join weight using (lexeme) group by candidate.id
        )
        select candidate.id, count(*) over (order by scored.score desc) as place
        from candidate join scored using (id)
        order by scored.score desc, candidate.created_at desc, candidate.id desc limit $2
    $sql$, filter, most) using words, depth;
end
$$;

-- The nearest by comparing every vector that passes the filter.
create function mayfly_rank_exactly_v1(
    agent uuid, filter text, near vector, model_name text, threshold double precision, depth integer)
returns uuid[] language plpgsql stable as $$
declare
    ranked uuid[];
begin
    execute format($sql$
        with candidate as materialized (
            select m.id, m.created_at from memories m where %s
        ), compared as (
            select candidate.id, candidate.created_at, e.vector <=> $1 as distance
            from candidate join embeddings e on e.agent_id = $2 and e.memory_id = candidate.id and e.model = $3
        )
        select coalesce(array_agg(id order by distance, created_at desc, id desc), '{}') from (
            select * from compared where distance <> 'NaN' and ($4 is null or 1 - distance >= $4)
            order by distance, created_at desc, id desc limit $5
        ) as _
    $sql$, filter) into ranked using near, agent, model_name, threshold, depth;
    return ranked;
end
$$;

-- The nearest through the index of the dimension, which goes on until enough memories pass the filter. The plan is
-- fixed: with so many candidates no other one is faster, and the planner cannot know how well the filter is met.
create function mayfly_rank_by_index_v1(
    agent uuid, filter text, near vector, model_name text, threshold double precision, depth integer)
returns uuid[] language plpgsql stable
set enable_sort = off set enable_hashjoin = off set enable_mergejoin = off
set enable_seqscan = off set enable_bitmapscan = off as $$
declare
    dimension constant integer := vector_dims(near);
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

-- Refuses a vector that cannot be compared: of another dimension than the model's others, or of a model that the
-- agent's memories were not embedded with. Before anything was embedded, any will do.
create function mayfly_require_comparable_v1(agent uuid, model_name text, wanted integer) returns void
language plpgsql stable as $$
#variable_conflict use_column
declare
    stored integer;
    other text;
begin
    select dimension into stored from (
        (select dimension from embeddings where agent_id = agent and model = model_name order by dimension limit 1)
        union all
        (select dimension from embeddings where agent_id = agent and model = model_name order by dimension desc limit 1)
    ) as every where dimension <> wanted limit 1;
    if found then
        raise exception using errcode = 'MF003', message = format(
            'the vector has %s dimensions, the embeddings of model %L have %s', wanted, model_name, stored);
    end if;
    if not exists (select from embeddings where agent_id = agent and model = model_name) then
        select min(model) into other from embeddings where agent_id = agent;
        if other is not null then
            raise exception using errcode = 'MF003', message = format(
                'the agent has no embeddings of model %L, only of %L: run `mayfly backfill --model %s`',
                model_name, other, model_name);
        end if;
    end if;
end
$$;

-- Fuses the two rankings: a memory scores 1 / (20 + place) in each that holds it (reciprocal rank fusion). Many that
-- share a word are all at the last place among them, so a frequent word does not outvote a near vector.
-- Its own statements keep one plan, because making one takes longer than they do; what depends on the filter is planned
-- for it each time.
create function mayfly_search_memories_v1(agent uuid, query jsonb, which jsonb) returns jsonb
language plpgsql set jit = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
    at_most constant integer := (query ->> 'limit')::integer;
    depth constant integer := greatest(5 * at_most, 50);  -- of each ranking, enough for the fused order to settle
    filter constant text := mayfly_memory_filter_v1(agent, which);
    model_name constant text := query ->> 'model';
    neighbours constant integer := coalesce((query ->> 'neighbours')::integer, 0);
    threshold constant double precision := (query ->> 'match_threshold')::double precision;
    -- Looking at this many one by one takes about as long as one walk through a large index, and misses nothing.
    few constant integer := 2000;
    candidates integer;
    near constant vector :=
        case when jsonb_typeof(query -> 'embedding') = 'array' then (query ->> 'embedding')::vector end;
    by_words uuid[];
    places bigint[];
    by_nearness uuid[] := '{}';
begin
    execute format('select count(*) from (select from memories m where %s limit %s) as _', filter, few + 1)
    into candidates;
    if candidates = 0 then
        return '[]';
    end if;
    select array_agg(r.id order by r.position),
        array_agg(case when near is null then r.position else r.place end order by r.position) into by_words, places
    from mayfly_rank_by_words_v1(filter, query ->> 'text', depth, case when candidates <= few then few else 400 end)
        with ordinality as r (id, place, position);
    if near is not null then
        perform mayfly_require_comparable_v1(agent, model_name, vector_dims(near));
        if candidates > few and vector_dims(near) in (256, 384, 512, 768, 1024, 1536, 3072) then
            perform set_config('hnsw.iterative_scan', 'strict_order', true);
            perform set_config('hnsw.ef_search', '100', true);
            perform set_config('hnsw.max_scan_tuples', '100000', true);
            by_nearness := mayfly_rank_by_index_v1(agent, filter, near, model_name, threshold, depth);
        else
            by_nearness := mayfly_rank_exactly_v1(agent, filter, near, model_name, threshold, depth);
        end if;
    end if;

    return (
        with fused as (
            select id, sum(1.0 / (20 + position))::double precision as score
            from (
                select * from unnest(by_words, places) as _(id, position)
                union all select * from unnest(by_nearness) with ordinality as _(id, position)
            ) as each group by id
        ), best as (
            select m, fused.score
            from fused join memories m on m.agent_id = agent and m.id = fused.id
            order by fused.score desc, m.created_at desc, m.id desc
            limit at_most
        ), hit as (
            select score, (m).created_at, (m).id, jsonb_build_object(
                'memory', mayfly_memory_v1(m),
                'score', score,
                'similarity', case when near is not null then (
                    select nullif(greatest(-1, least(1, 1 - (e.vector <=> near))), 'NaN') from embeddings e
                    where e.agent_id = agent and e.memory_id = (m).id and e.model = model_name) end
            ) || case when neighbours > 0 then jsonb_build_object(
                'before', (
                    select coalesce(jsonb_agg(n.memory order by n.created_at, n.id), '[]') from (
                        select n.created_at, n.id, mayfly_memory_v1(n) as memory from memories n
                        where n.agent_id = agent and n.room_id = (m).room_id and n.table_name = (m).table_name
                            and (n.created_at, n.id) < ((m).created_at, (m).id)
                        order by n.created_at desc, n.id desc limit neighbours) as n),
                'after', (
                    select coalesce(jsonb_agg(n.memory order by n.created_at, n.id), '[]') from (
                        select n.created_at, n.id, mayfly_memory_v1(n) as memory from memories n
                        where n.agent_id = agent and n.room_id = (m).room_id and n.table_name = (m).table_name
                            and (n.created_at, n.id) > ((m).created_at, (m).id)
                        order by n.created_at, n.id limit neighbours) as n)) else '{}' end as hit
            from best
        )
        select coalesce(jsonb_agg(hit order by score desc, created_at desc, id desc), '[]') from hit);
end
$$;

-- Several sources for one query, in the order given: [{"which": filter, "limit": …}, …] → [[hit, …], …].
create function mayfly_recall_v1(agent uuid, recall jsonb) returns jsonb
language plpgsql set plan_cache_mode = force_generic_plan as $$
declare
    source jsonb;
    hits jsonb := '[]';
begin
    for source in select jsonb_array_elements(recall -> 'sources') loop
        -- Most agents have no facts or no documents: that is known without making a plan for each question. In the order
        -- of an index, or all memories would be looked through for a table that has none.
        perform from memories where agent_id = agent and table_name = source #>> '{which,table}'
        order by agent_id, table_name, created_at, id limit 1;
        if not found then
            hits := hits || '[[]]';
            continue;
        end if;
        hits := hits || jsonb_build_array(mayfly_search_memories_v1(
            agent,
            recall -> 'query' || jsonb_build_object('limit', source -> 'limit', 'neighbours', source -> 'neighbours'),
            source -> 'which'));
    end loop;
    return hits;
end
$$;

-- Claims a message's run; a claim that was won also brings what `start.recall` finds. Its first source is the room's own
-- past: what lies before the messages that come along, and nothing as long as those are all there are.
create function mayfly_begin_turn_v1(needed integer, start jsonb) returns jsonb language plpgsql as $$
declare
    context jsonb := mayfly_claim_turn_v1(needed, start);
    recall jsonb := start -> 'recall';
    oldest constant jsonb := context #> '{messages,0}';
begin
    if jsonb_typeof(recall) <> 'object' or context ->> 'outcome' not in ('new', 'resume') then
        return context;
    end if;
    if jsonb_array_length(context -> 'messages') < (start ->> 'conversation_length')::integer or oldest is null then
        recall := recall #- '{sources,0}';
        return context || jsonb_build_object(
            'recalled', '[[]]'::jsonb || mayfly_recall_v1((start ->> 'agent_id')::uuid, recall));
    end if;
    recall := jsonb_set(
        recall, '{sources,0,which,before}', jsonb_build_array(oldest -> 'created_at', oldest -> 'id'));
    return context || jsonb_build_object('recalled', mayfly_recall_v1((start ->> 'agent_id')::uuid, recall));
end
$$;
