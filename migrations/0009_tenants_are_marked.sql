-- The generation that the tenant's condition `Mirrored` is true of.
alter table tenants add column mirrored_generation bigint;
