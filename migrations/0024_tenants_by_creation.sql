-- Index of the list of all tenants.
create index tenants_by_creation on tenants (created_at, id) where deleted_at is null;
