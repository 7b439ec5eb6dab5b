-- The stores: an agent's world, its memories, its runs and its cache.
--
-- Every table's key starts with agent_id: the same id under two agents is two rows, and no statement
-- reads another agent's. Columns are named as the fields of the values they keep; a memory's `table`
-- is table_name, because TABLE is a reserved word.
--
-- Foreign keys stand where a row means nothing without the other one and the other one is rarely new
-- (participants, components, relationships, embeddings, a room's world). There is none on memories,
-- runs, tasks and logs: every insert would lock its room's and agent's rows, the hottest ones there
-- are, and a memory about a room or an entity nobody described is welcome.

create extension if not exists vector;

create table agents (
    agent_id uuid not null,  -- the agent itself, so that the key reads as in every other table
    id uuid not null check (id = agent_id),
    name text not null,
    enabled boolean not null default true,
    character jsonb not null default '{}',
    created_at timestamptz not null default clock_timestamp(),
    primary key (agent_id, id)
);

create table worlds (
    agent_id uuid not null,
    id uuid not null,
    name text,
    message_server_id uuid,
    metadata jsonb not null default '{}',
    created_at timestamptz not null default clock_timestamp(),
    primary key (agent_id, id)
);

create table rooms (
    agent_id uuid not null,
    id uuid not null,
    world_id uuid,
    name text,
    source text,
    type text not null default 'API',
    channel_id text,
    message_server_id uuid,
    metadata jsonb not null default '{}',
    created_at timestamptz not null default clock_timestamp(),
    primary key (agent_id, id),
    foreign key (agent_id, world_id) references worlds (agent_id, id) on delete cascade
);
create index rooms_of_any_agent on rooms (id, agent_id);  -- who opened this room?
create index rooms_by_world on rooms (agent_id, world_id);

create table entities (
    agent_id uuid not null,
    id uuid not null,
    names text[] not null default '{}',
    metadata jsonb not null default '{}',
    created_at timestamptz not null default clock_timestamp(),
    primary key (agent_id, id)
);

create table components (
    agent_id uuid not null,
    id uuid not null,
    entity_id uuid not null,
    type text not null,
    room_id uuid,
    world_id uuid,
    source_entity_id uuid,
    data jsonb not null default '{}',
    created_at timestamptz not null default clock_timestamp(),
    primary key (agent_id, id),
    foreign key (agent_id, entity_id) references entities (agent_id, id) on delete cascade
);
create index components_by_entity on components (agent_id, entity_id, type);

create table participants (
    agent_id uuid not null,
    room_id uuid not null,
    entity_id uuid not null,
    state text check (state in ('FOLLOWED', 'MUTED')),
    created_at timestamptz not null default clock_timestamp(),
    primary key (agent_id, room_id, entity_id),
    foreign key (agent_id, room_id) references rooms (agent_id, id) on delete cascade,
    foreign key (agent_id, entity_id) references entities (agent_id, id) on delete cascade
);
create index participants_by_entity on participants (agent_id, entity_id);

create table relationships (
    agent_id uuid not null,
    id uuid not null,
    source_entity_id uuid not null,
    target_entity_id uuid not null,
    tags text[] not null default '{}',
    metadata jsonb not null default '{}',
    created_at timestamptz not null default clock_timestamp(),
    primary key (agent_id, id),
    foreign key (agent_id, source_entity_id) references entities (agent_id, id) on delete cascade,
    foreign key (agent_id, target_entity_id) references entities (agent_id, id) on delete cascade
);
create index relationships_by_source on relationships (agent_id, source_entity_id);
create index relationships_by_target on relationships (agent_id, target_entity_id);

create table tasks (
    agent_id uuid not null,
    id uuid not null,
    name text not null,
    description text not null default '',
    room_id uuid,
    world_id uuid,
    entity_id uuid,
    tags text[] not null default '{}',
    metadata jsonb not null default '{}',
    due_at timestamptz,
    updated_at timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    primary key (agent_id, id)
);
create index tasks_by_due_at on tasks (agent_id, due_at);

create table logs (
    agent_id uuid not null,
    id uuid not null,
    type text not null,
    entity_id uuid,
    room_id uuid,
    run_id uuid,
    body jsonb not null default '{}',
    created_at timestamptz not null default clock_timestamp(),
    primary key (agent_id, id)
);
create index logs_by_time on logs (agent_id, created_at, id);

create table memories (
    agent_id uuid not null,
    id uuid not null,
    table_name text not null,
    entity_id uuid not null,
    room_id uuid not null,
    world_id uuid,
    content jsonb not null,
    metadata jsonb not null default '{}',
    "unique" boolean not null default true,
    embedding_priority text check (embedding_priority in ('high', 'normal', 'low')),
    embedding_wanted_at timestamptz,  -- set until an embedding is stored: what a sweep looks for
    created_at timestamptz not null default clock_timestamp(),
    -- A tsvector holds at most 1 MiB; the words of a longer text's beginning find it.
    search tsvector not null generated always as
        (to_tsvector('english', left(coalesce(content ->> 'text', ''), 200000))) stored,
    primary key (agent_id, id)
);
create index memories_by_room on memories (agent_id, room_id, table_name, created_at, id);
create index memories_by_time on memories (agent_id, table_name, created_at, id);
create index memories_by_entity on memories (agent_id, entity_id, table_name, created_at, id);
create index memories_by_word on memories using gin (search);
-- Fragments of a long text name it in their metadata.
create index fragments_by_document on memories (agent_id, (metadata ->> 'document_id')) where table_name = 'fragments';
create index memories_without_embedding on memories (embedding_priority, embedding_wanted_at)
    where embedding_wanted_at is not null;

-- A vector beside its row, not in a table of its own: comparing a thousand then reads a thousand pages, not five
-- thousand. Rows of more than a page (above 2,000 dimensions) still move out.
create table embeddings (
    agent_id uuid not null,
    memory_id uuid not null,
    model text not null,
    dimension integer not null check (dimension = vector_dims(vector)),
    content_hash text not null,  -- sha256 of the text that was embedded
    vector vector not null,
    created_at timestamptz not null default clock_timestamp(),
    primary key (agent_id, memory_id, model),
    foreign key (agent_id, memory_id) references memories (agent_id, id) on delete cascade
) with (toast_tuple_target = 8160);
create index embeddings_by_model on embeddings (agent_id, model, dimension);
-- One nearest-neighbour index for each usual dimension; a search in another one is exact, and slower.
create index embeddings_near_256 on embeddings using hnsw ((vector::vector(256)) vector_cosine_ops) where dimension = 256;
create index embeddings_near_384 on embeddings using hnsw ((vector::vector(384)) vector_cosine_ops) where dimension = 384;
create index embeddings_near_512 on embeddings using hnsw ((vector::vector(512)) vector_cosine_ops) where dimension = 512;
create index embeddings_near_768 on embeddings using hnsw ((vector::vector(768)) vector_cosine_ops) where dimension = 768;
create index embeddings_near_1024 on embeddings using hnsw ((vector::vector(1024)) vector_cosine_ops) where dimension = 1024;
create index embeddings_near_1536 on embeddings using hnsw ((vector::vector(1536)) vector_cosine_ops) where dimension = 1536;
-- HNSW takes at most 2,000 dimensions of 4 bytes, 4,000 of 2.
create index embeddings_near_3072 on embeddings using hnsw ((vector::halfvec(3072)) halfvec_cosine_ops) where dimension = 3072;

-- Texts that a model refused, and why. A row goes with its memory, with its text, or when it is wanted again.
create table embedding_failures (
    agent_id uuid not null,
    memory_id uuid not null,
    content_hash text not null,
    reason text not null,
    created_at timestamptz not null default clock_timestamp(),
    primary key (agent_id, memory_id),
    foreign key (agent_id, memory_id) references memories (agent_id, id) on delete cascade
);

create table runs (
    agent_id uuid not null,
    message_id uuid not null,
    id uuid not null,
    room_id uuid not null,
    status text not null check (status in ('running', 'completed', 'failed')),
    attempt integer not null default 1,
    lease_owner uuid not null,
    lease_until timestamptz,
    body_hash text not null,
    steps jsonb not null default '[]',
    result jsonb,
    error jsonb,
    details jsonb not null default '{}',
    created_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    primary key (agent_id, message_id)  -- one run for each message: what a claim conflicts on
) with (fillfactor = 80);  -- each run is written twice: the second time beside the first
create unique index runs_by_id on runs (id, agent_id);

create table cache (
    agent_id uuid not null,
    key text not null,
    value jsonb not null,
    expires_at timestamptz,
    primary key (agent_id, key)
);
create index cache_by_expiry on cache (agent_id, expires_at) where expires_at is not null;
