-- Objects of acme (...1) and globex (...2), in the tables that are not mirrored.
insert into users (id, tenant_id, email, email_key, status) values
  ('41000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'dan@acme.example', 'dan@acme.example', 'ACTIVE'),
  ('41000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000002', 'dan@globex.example', 'dan@globex.example', 'ACTIVE'),
  ('42000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'eva@acme.example', 'eva@acme.example', 'INVITED'),
  ('42000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000002', 'eva@globex.example', 'eva@globex.example', 'INVITED')
on conflict do nothing;
insert into user_pictures (tenant_id, user_id, png, sha256)
select tenant_id, id, convert_to('picture of ' || email, 'UTF8'), encode(sha256(id::text::bytea), 'hex')
from users where id::text like '41000000-0000-4000-8000-00000000000_'
on conflict do nothing;
insert into user_roles (tenant_id, user_id, role)
select tenant_id, id, 'viewer' from users where id::text like '4_000000-0000-4000-8000-00000000000_'
on conflict do nothing;
insert into invitations (id, tenant_id, user_id, digest, invited_by, expires_at)
select overlay(id::text placing '43' from 1 for 2)::uuid, tenant_id, id, sha256(id::text::bytea), 'anna@acme.example', now() + '7 days'
from users where id::text like '42000000-0000-4000-8000-00000000000_'
on conflict do nothing;
insert into service_accounts (id, tenant_id, name, description) values
  ('44000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'nightly', 'Imports orders'),
  ('44000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000002', 'globex-nightly', 'Imports orders')
on conflict do nothing;
insert into service_account_roles (tenant_id, service_account_id, role)
select tenant_id, id, 'viewer' from service_accounts where id::text like '44000000-0000-4000-8000-00000000000_'
on conflict do nothing;
insert into api_keys (id, tenant_id, service_account_id, name, digest, prefix, scopes, expires_at)
select overlay(id::text placing '45' from 1 for 2)::uuid, tenant_id, id, name, sha256(id::text::bytea), 'smbc_live_0aZ9',
  array['workflow.read'], now() + '30 days'
from service_accounts where id::text like '44000000-0000-4000-8000-00000000000_'
on conflict do nothing;
insert into roles (id, tenant_id, name, description) values
  ('46000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'Accounting', ''),
  ('46000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000002', 'Globex accounting', '')
on conflict do nothing;
insert into policies (id, tenant_id, name, description, effect, actions, resources, conditions) values
  ('47000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'Reading', '', 'ALLOW', array['workflow.read'], '[]', '[]'),
  ('47000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000002', 'Globex reading', '', 'ALLOW', array['workflow.read'], '[]', '[]')
on conflict do nothing;
insert into documents (id, tenant_id, uploaded_by, file_name, status, contents, content_version, indexed_version, size_bytes, content_sha256, chunk_count)
select id::uuid, tenant::uuid, 'anna@' || slug || '.example', slug || '.txt', 'READY', 1, 1, 1, 6, repeat('0', 64), 1 from (values
  ('48000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'acme'),
  ('48000000-0000-4000-8000-000000000002', 'a0000000-0000-4000-8000-000000000002', 'globex')
) as d (id, tenant, slug)
on conflict (id) do update set status = 'READY', content_version = 1, indexed_version = 1;
insert into document_contents (tenant_id, document_id, content_version, bytes, sha256, media_type)
select tenant_id, id, 1, 6, repeat('0', 64), 'text/plain' from documents where id::text like '48000000-0000-4000-8000-00000000000_'
on conflict do nothing;
insert into document_chunks (id, tenant_id, document_id, content_version, ordinal, text, starts_at, ends_at, tokens)
select overlay(id::text placing '49' from 1 for 2)::uuid, tenant_id, id, 1, 0, split_part(file_name, '.', 1), 0, 6, 1
from documents where id::text like '48000000-0000-4000-8000-00000000000_'
on conflict do nothing;
