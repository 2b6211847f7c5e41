-- A request does not wait until the outcome of its operation is on the disk, nor do the others of its tenant, which wait for the end of
-- the chain. If Postgres crashes within the next moments, the outcome can be lost, with everything that was written after it; the
-- intent, which is waited for, remains, and its outcome is recorded as unknown.
create or replace function end_audit_event(
  event_tenant uuid, event_id uuid, event_outcome text, event_code text,
  event_object_kind text, event_object_id uuid, event_object_name text, event_changes json
) returns boolean language plpgsql security definer
set search_path = public, pg_temp as $$
declare
  event audit_events;
begin
  perform set_config('synchronous_commit', 'off', true);
  delete from audit_open where tenant_id = event_tenant and id = event_id;
  if not found then
    return false;
  end if;
  event.tenant_id := event_tenant;
  event.id := event_id;
  event.phase := 'OUTCOME';
  event.outcome := event_outcome;
  event.code := event_code;
  event.object_kind := event_object_kind;
  event.object_id := event_object_id;
  event.object_name := event_object_name;
  event.changes := event_changes;
  event.began_at := (select at from audit_events where tenant_id = event_tenant and id = event_id and phase = 'INTENT');
  perform append_audit_event(event);
  return true;
end
$$;
