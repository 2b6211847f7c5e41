-- Several Tenants can name one namespace. All are stored, and the namespace belongs to the one that the operator has set up in it.
drop index tenants_namespace;
create index tenants_namespace on tenants (namespace) where deleted_at is null;
