-- Pictures that were uploaded for users, as the API has converted them.
create table user_pictures (
  tenant_id uuid not null,
  user_id uuid not null,
  -- 256 x 256 pixels of 4 bytes take 256 KiB without compression.
  png bytea not null check (octet_length(png) between 1 and 327680),
  sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
  updated_at timestamptz not null default now(),
  primary key (tenant_id, user_id),
  foreign key (tenant_id, user_id) references users (tenant_id, id) on delete cascade
);

alter table user_pictures enable row level security;
alter table user_pictures force row level security;

-- The picture of a deleted user, or of a user of a deleted tenant, goes with its user.
create policy app_owns on user_pictures to smb_app
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

grant select, insert, delete on user_pictures to smb_app;
grant update (png, sha256, updated_at) on user_pictures to smb_app;

-- The URL of an uploaded picture is its path in the API.
alter table users
  drop constraint users_picture_url_check,
  add constraint users_picture_url_check check (
    length(picture_url) <= 2048 and (picture_url like 'https://%' or picture_url = '/v1/users/' || id || '/picture')
  );
