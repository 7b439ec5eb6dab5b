-- Background embedding: memories say what they want, and every answer is written only where the text is unchanged.

-- Fragments of a long text go when it goes.
create function mayfly_delete_fragments_v1() returns trigger language plpgsql as $$
begin
    delete from memories m using gone
    where gone.table_name <> 'fragments' and m.table_name = 'fragments'
        and m.agent_id = gone.agent_id and m.metadata ->> 'document_id' = gone.id::text;
    return null;
end
$$;

create trigger memories_delete_fragments after delete on memories referencing old table as gone
    for each statement when (pg_trigger_depth() = 0) execute function mayfly_delete_fragments_v1();

-- Stores vectors where the text still has the hash they were made of; those memories want nothing any more.
-- Returns the ids of the memories whose text is another one by now.
create function mayfly_keep_embeddings_v1(
    agent uuid, ids uuid[], hashes text[], vectors vector[], model_name text) returns json language plpgsql as $$
#variable_conflict use_column
declare
    given_dimension constant integer := vector_dims(vectors[1]);
    other_dimension integer;
    current uuid[];
begin
    select dimension into other_dimension from (
        select min(dimension) as dimension from embeddings where agent_id = agent and model = model_name
        union select max(dimension) from embeddings where agent_id = agent and model = model_name
        union select vector_dims(each) from unnest(vectors) as each
    ) as every where dimension <> given_dimension;
    if found then
        raise exception using errcode = 'MF003', message = format(
            'an embedding of model %L has %s dimensions, another one has %s',
            model_name, given_dimension, other_dimension);
    end if;

    -- In the order of ids, so that two that keep the same embeddings never wait for each other in a circle.
    select coalesce(array_agg(id), '{}') into current from (
        select m.id from memories m join unnest(ids, hashes) as made (id, hash) on m.id = made.id
        where m.agent_id = agent and mayfly_text_hash_v1(m.content) = made.hash
        order by m.id for update of m
    ) as held;

    insert into embeddings as e (agent_id, memory_id, model, dimension, content_hash, vector)
    select agent, made.id, model_name, given_dimension, made.hash, made.vector
    from unnest(ids, hashes, vectors) as made (id, hash, vector) where made.id = any (current)
    on conflict (agent_id, memory_id, model) do update set
        dimension = excluded.dimension, content_hash = excluded.content_hash, vector = excluded.vector,
        created_at = clock_timestamp()
    where e.content_hash <> excluded.content_hash;

    update memories m set embedding_wanted_at = null where m.agent_id = agent and m.id = any (current);
    return (select coalesce(json_agg(id), '[]') from unnest(ids) as id where not id = any (current));
end
$$;

-- Stores the fragments of a text that is too long for the model, in place of older ones; says whether it is unchanged.
-- The text itself wants nothing any more, its fragments do.
create function mayfly_keep_fragments_v1(agent uuid, document uuid, hash text, fragments jsonb, priority text)
returns boolean language plpgsql as $$
begin
    perform from memories m
    where m.agent_id = agent and m.id = document and mayfly_text_hash_v1(m.content) = hash for update;
    if not found then
        return false;
    end if;
    delete from memories m
    where m.agent_id = agent and m.table_name = 'fragments' and m.metadata ->> 'document_id' = document::text
        and m.id not in (select (each ->> 'id')::uuid from jsonb_array_elements(fragments) as each);
    perform mayfly_insert_new_memories_v1(agent, fragments, priority);
    update memories set embedding_wanted_at = null where agent_id = agent and id = document;
    return true;
end
$$;
