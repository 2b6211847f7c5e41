-- Documents of the knowledge base, their stored contents and chunks, and the queue of those that a worker has to parse.
create table documents (
  id uuid primary key,
  tenant_id uuid not null references tenants (id),
  -- Email address of the user, or name of the service account, that has created the document.
  uploaded_by text not null check (length(uploaded_by) between 1 and 254),
  file_name text not null check (length(file_name) between 1 and 255),
  -- As declared at the creation; what the content was found to be is `mime_type`.
  declared_type text check (length(declared_type) between 1 and 127),
  mime_type text check (length(mime_type) between 1 and 127),
  -- Given by the user. The api-server permits 4 KiB as compact JSON.
  metadata json not null default '{}' check (octet_length(metadata::text) <= 16384),
  -- Found in the content, such as its title.
  parsed_metadata json not null default '{}' check (octet_length(parsed_metadata::text) <= 16384),
  tags text[] not null default '{}' check (cardinality(tags) <= 32),
  status text not null default 'PENDING' check (status in ('PENDING', 'PROCESSING', 'READY', 'FAILED', 'DELETING')),
  error_code text check (length(error_code) between 1 and 64),
  error_message text check (length(error_message) <= 2000),
  -- Number of contents that were registered, which only grows: none of them ever has the number of another one.
  contents integer not null default 0 check (contents >= 0),
  -- Number of the content that was uploaded last, starting at 1; null until there is one.
  content_version integer check (content_version > 0),
  -- Number of the content to which the chunks belong; null until one was parsed.
  indexed_version integer check (indexed_version > 0),
  -- Of the content that was uploaded last.
  size_bytes bigint check (size_bytes >= 0),
  content_sha256 text check (content_sha256 ~ '^[0-9a-f]{64}$'),
  page_count integer check (page_count >= 0),
  chunk_count integer not null default 0 check (chunk_count >= 0),
  -- Number of changes, starting at 1.
  version bigint not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  check (status = 'FAILED' or (error_code is null and error_message is null)),
  check (status <> 'READY' or (indexed_version is not null and indexed_version = content_version))
);

create index documents_by_age on documents (tenant_id, created_at, id);
create index documents_by_status on documents (tenant_id, status, created_at, id);

-- Contents in object storage. The row is written before the object, so that an object without a document is found and deleted.
create table document_contents (
  tenant_id uuid not null,
  document_id uuid not null,
  content_version integer not null check (content_version > 0),
  bytes bigint not null check (bytes >= 0),
  -- SHA-256 as 64 lower-case hex digits; null until the content is stored completely.
  sha256 text check (sha256 ~ '^[0-9a-f]{64}$'),
  media_type text not null check (length(media_type) between 1 and 127),
  created_at timestamptz not null default now(),
  primary key (tenant_id, document_id, content_version),
  foreign key (tenant_id, document_id) references documents (tenant_id, id)
);

create index document_contents_incomplete on document_contents (tenant_id, created_at) where sha256 is null;

-- Passages of the text of a document. They belong to its `indexed_version`.
create table document_chunks (
  -- UUIDv5 of the document, the version of its content and the ordinal.
  id uuid primary key,
  tenant_id uuid not null,
  document_id uuid not null,
  content_version integer not null,
  -- Position in the document, starting at 0.
  ordinal integer not null check (ordinal >= 0),
  -- Without NUL, which a text cannot have.
  text text not null check (octet_length(text) <= 8192),
  -- Position in the text of the document, in characters: Unicode scalar values.
  starts_at bigint not null check (starts_at >= 0),
  ends_at bigint not null check (ends_at > starts_at),
  tokens integer not null check (tokens > 0),
  first_page integer check (first_page > 0),
  last_page integer check (last_page >= first_page),
  -- Headings above the passage, from the outermost one.
  headings text[] not null default '{}',
  unique (tenant_id, document_id, content_version, ordinal),
  foreign key (tenant_id, document_id) references documents (tenant_id, id)
);

-- Documents to parse or to delete. A worker leases a row, extends the lease while it works, and deletes the row at the end.
create table document_jobs (
  tenant_id uuid not null,
  document_id uuid not null,
  -- Number of leases that were not released, those of workers that have died included.
  attempts integer not null default 0,
  -- Time before which no worker takes the job.
  due_at timestamptz not null default now(),
  -- Number of leases. A worker writes only while it is that of its own lease.
  fence bigint not null default 0,
  leased_until timestamptz,
  created_at timestamptz not null default now(),
  primary key (tenant_id, document_id),
  foreign key (tenant_id, document_id) references documents (tenant_id, id) on delete cascade
);

create index document_jobs_by_due_time on document_jobs (tenant_id, due_at);
create index document_jobs_leased on document_jobs (tenant_id, leased_until) where leased_until is not null;

-- When a worker has last leased a job of each tenant, so that tenants take turns. Only leases write it: no other write delays them.
create table document_turns (
  tenant_id uuid primary key references tenants (id) on delete cascade,
  leased_at timestamptz not null
);

-- Numbers and sizes of the documents of each tenant, which the plan limits. Triggers count, so that every writer does.
create table document_usage (
  tenant_id uuid primary key references tenants (id) on delete cascade,
  documents bigint not null default 0,
  -- Size of all rows of document_contents.
  bytes bigint not null default 0,
  -- Number of rows of document_chunks.
  chunks bigint not null default 0
);

do $$
declare
  name text;
begin
  foreach name in array array['documents', 'document_contents', 'document_chunks', 'document_jobs', 'document_turns', 'document_usage'] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format(
      'create policy app_owns on %I to smb_app
         using (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)
         with check (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)', name);
    -- Workers find the jobs of all tenants, and the data of a deleted tenant is deleted.
    execute format('create policy mirror_writes on %I to smb_mirror using (true) with check (true)', name);
  end loop;
end
$$;

grant select, insert, update, delete on documents, document_contents, document_jobs to smb_app;
grant select, insert, delete on document_chunks to smb_app;
grant select, insert, update on document_usage to smb_app;
grant select, delete on documents, document_contents, document_chunks to smb_mirror;
grant select, update, delete on document_jobs to smb_mirror;
grant select, insert, update, delete on document_usage, document_turns to smb_mirror;

-- A write holds the row of its tenant until its transaction ends: the next one sees the new numbers.
create function count_documents() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    insert into document_usage as u (tenant_id, documents)
    select tenant_id, count(*) from new_rows group by tenant_id
    on conflict (tenant_id) do update set documents = u.documents + excluded.documents;
  else
    update document_usage u set documents = u.documents - o.number
    from (select tenant_id, count(*) as number from old_rows group by tenant_id) o where o.tenant_id = u.tenant_id;
  end if;
  return null;
end
$$;

create trigger new_documents_are_counted after insert on documents
  referencing new table as new_rows for each statement execute function count_documents();
create trigger deleted_documents_are_counted after delete on documents
  referencing old table as old_rows for each statement execute function count_documents();

create function count_document_contents() returns trigger language plpgsql as $$
begin
  if tg_op in ('UPDATE', 'DELETE') then
    update document_usage u set bytes = u.bytes - o.bytes
    from (select tenant_id, sum(bytes) as bytes from old_rows group by tenant_id) o where o.tenant_id = u.tenant_id;
  end if;
  if tg_op in ('UPDATE', 'INSERT') then
    insert into document_usage as u (tenant_id, bytes)
    select tenant_id, sum(bytes) from new_rows group by tenant_id
    on conflict (tenant_id) do update set bytes = u.bytes + excluded.bytes;
  end if;
  return null;
end
$$;

create trigger new_document_contents_are_counted after insert on document_contents
  referencing new table as new_rows for each statement execute function count_document_contents();
create trigger changed_document_contents_are_counted after update on document_contents
  referencing old table as old_rows new table as new_rows for each statement execute function count_document_contents();
create trigger deleted_document_contents_are_counted after delete on document_contents
  referencing old table as old_rows for each statement execute function count_document_contents();

create function count_document_chunks() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    insert into document_usage as u (tenant_id, chunks)
    select tenant_id, count(*) from new_rows group by tenant_id
    on conflict (tenant_id) do update set chunks = u.chunks + excluded.chunks;
  else
    update document_usage u set chunks = u.chunks - o.number
    from (select tenant_id, count(*) as number from old_rows group by tenant_id) o where o.tenant_id = u.tenant_id;
  end if;
  return null;
end
$$;

create trigger new_document_chunks_are_counted after insert on document_chunks
  referencing new table as new_rows for each statement execute function count_document_chunks();
create trigger deleted_document_chunks_are_counted after delete on document_chunks
  referencing old table as old_rows for each statement execute function count_document_chunks();
