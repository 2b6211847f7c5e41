-- The most memory that a value takes once the api-server has decoded it, in bytes: never less than `json_memory` in
-- `api-server/src/limits/memory.rs`, which reads the structure of the text. This function counts characters, and so also those
-- within strings: each `{` has a node, each `[` and `,` a value and its share of a node, each quote half of a string.
create or replace function decoded_bytes(value json) returns bigint language sql immutable parallel safe as $$
  select 4 * octet_length(t)::bigint
    + 700 * (octet_length(t) - octet_length(translate(t, '{', '')))::bigint
    + 144 * (octet_length(t) - octet_length(translate(t, '[,', '')))::bigint
    + 16 * (octet_length(t) - octet_length(translate(t, '"', '')))::bigint
  from (select value::text as t) as v
$$;
