-- Invitations are sent by mail, and the number of mails of a tenant is limited.
alter table invitations
  add column delivery text not null default 'NOT_CONFIGURED' check (delivery in ('NOT_CONFIGURED', 'PENDING', 'SENT', 'FAILED')),
  add column delivery_failure text check (delivery_failure in ('REFUSED', 'UNAVAILABLE', 'INTERRUPTED')),
  -- Time at which the mail was sent, or failed.
  add column delivery_at timestamptz,
  add check ((delivery = 'FAILED') = (delivery_failure is not null)),
  add check ((delivery in ('SENT', 'FAILED')) = (delivery_at is not null));

grant update (delivery, delivery_failure, delivery_at) on invitations to smb_app;

-- Mails of the last day. They are counted here because invitations can be revoked, which deletes them.
create table invitation_mails (
  id uuid primary key,
  tenant_id uuid not null references tenants (id),
  -- SHA-256 of the address in the form that is compared: an address is not stored longer than its user.
  address_digest bytea not null check (length(address_digest) = 32),
  created_at timestamptz not null default now()
);

create index invitation_mails_by_age on invitation_mails (tenant_id, created_at);

alter table invitation_mails enable row level security;
alter table invitation_mails force row level security;

create policy app_owns on invitation_mails to smb_app
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
-- The data of a deleted tenant is deleted.
create policy mirror_purges on invitation_mails to smb_mirror using (true) with check (false);

grant select, insert, delete on invitation_mails to smb_app;
grant select, delete on invitation_mails to smb_mirror;
