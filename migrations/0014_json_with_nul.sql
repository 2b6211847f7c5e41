-- A JSON value with U+FFFD instead of each NUL. Postgres stores a NUL in a `json` as `\u0000`, and each of its operators fails for
-- the whole value then: tenants write such values, which must not fail the queries over all tenants. An even number of backslashes
-- before `\u0000` is text.
create function without_nul(value json) returns json language sql immutable parallel safe as $$
  select case when strpos(value::text, '\u0000') = 0 then value
    else regexp_replace(value::text, '(?<!\\)((\\\\)*)\\u0000', '\1\\ufffd', 'g')::json end
$$;
