use std::time::Duration;

use jiff::Timestamp;

use super::{InvalidSchedule, Schedule, evaluate};

fn timestamp(text: &str) -> Timestamp {
    text.parse().expect("the time is valid")
}

fn times(cron: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let schedule = Schedule::parse(cron, Some(zone)).expect("the schedule is valid");
    let next = |time: &Timestamp| schedule.next(*time);
    std::iter::successors(schedule.next(timestamp(after)), next)
        .take(count)
        .map(|time| time.to_string())
        .collect()
}

/// Each cron field restricts the scheduled times as documented.
#[test]
fn cron_fields_restrict_the_scheduled_times() {
    assert_eq!(times("0 2 * * *", "UTC", "2026-11-24T02:00:00Z", 1), ["2026-11-25T02:00:00Z"]);
    assert_eq!(times("0 9 * * MON-FRI", "UTC", "2026-11-27T09:00:00Z", 1), ["2026-11-30T09:00:00Z"]);
    assert_eq!(
        times("*/20 8-9 * * *", "UTC", "2026-11-24T08:30:00Z", 4),
        ["2026-11-24T08:40:00Z", "2026-11-24T09:00:00Z", "2026-11-24T09:20:00Z", "2026-11-24T09:40:00Z"]
    );
    assert_eq!(times("*/15 * * * * *", "UTC", "2026-11-24T08:30:16Z", 1), ["2026-11-24T08:30:30Z"]);
    assert_eq!(times("0 0 29 2 *", "UTC", "2026-11-24T00:00:00Z", 1), ["2028-02-29T00:00:00Z"]);
    // If both day fields are restricted, a day matches if either of them does. 7 is Sunday.
    assert_eq!(
        times("0 0 1 * 7", "UTC", "2026-11-24T00:00:00Z", 2),
        ["2026-11-29T00:00:00Z", "2026-12-01T00:00:00Z"]
    );
}

/// A time that is skipped when daylight saving time begins runs once, at the first moment after the gap.
#[test]
fn a_skipped_local_time_runs_after_the_gap() {
    // The local times from 02:00 to 03:00 are skipped at 01:00 UTC.
    assert_eq!(
        times("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3),
        ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]
    );
    assert_eq!(
        times("0,30 2,3 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 2),
        ["2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"],
        "the four local times are two points in time"
    );
}

/// A time that occurs twice when daylight saving time ends runs once, at its first occurrence.
#[test]
fn a_repeated_local_time_runs_at_its_first_occurrence() {
    // The local times from 02:00 to 03:00 are repeated at 01:00 UTC.
    assert_eq!(
        times("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2),
        ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]
    );
}

/// A schedule with `*` hours runs at equal elapsed intervals across changes of daylight saving time.
#[test]
fn an_hourly_schedule_runs_by_elapsed_time() {
    assert_eq!(
        times("30 * * * *", "Europe/Berlin", "2026-10-24T23:00:00Z", 4),
        ["2026-10-24T23:30:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"]
    );
    assert_eq!(
        times("30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 2),
        ["2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"]
    );
}

/// An invalid schedule is refused with an error that names the field.
#[test]
fn an_invalid_schedule_is_refused_with_the_field() {
    let parse_error = |cron: &str, zone: Option<&str>| Schedule::parse(cron, zone).map(|_| ()).unwrap_err();
    assert_eq!(parse_error("0 2 * *", None), InvalidSchedule::Fields(4));
    for (cron, field) in [
        ("60 * * * *", "minute"),
        ("0 2-1 * * *", "hour"),
        ("0 0 * * FOO", "day of week"),
        ("0 0 L * *", "day of month"),
        ("+5 * * * *", "minute"),
        ("*/0 * * * *", "minute"),
    ] {
        assert!(parse_error(cron, None).to_string().contains(field), "{cron}: {}", parse_error(cron, None));
    }
    assert_eq!(parse_error("0 2 * * *", Some("Berlin")), InvalidSchedule::TimeZone("Berlin".to_owned()));
    assert_eq!(parse_error("0 0 30 2 *", None), InvalidSchedule::Never);
}

/// Only the last of several missed times runs, and only within the starting deadline.
#[test]
fn only_the_last_missed_time_runs_within_the_deadline() {
    let hourly = Schedule::parse("0 * * * *", None).expect("the schedule is valid");
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    let now = timestamp("2026-11-24T08:05:00Z");
    let evaluate_since =
        |last_evaluated: &str, deadline| evaluate(&hourly, timestamp(last_evaluated), deadline, now);
    let next_at = Some(timestamp("2026-11-24T09:00:00Z"));
    let missed = evaluate_since("2026-11-23T20:00:00Z", minutes(10));
    assert_eq!((missed.run_at, missed.next_at), (Some(timestamp("2026-11-24T08:00:00Z")), next_at));
    assert_eq!(evaluate_since("2026-11-23T20:00:00Z", minutes(4)).run_at, None, "the deadline has passed");
    assert_eq!(
        evaluate_since("2026-11-23T20:00:00Z", minutes(5)).run_at,
        Some(timestamp("2026-11-24T08:00:00Z"))
    );
    assert_eq!(
        evaluate_since("2026-11-24T08:00:00Z", minutes(10)).run_at,
        None,
        "the time was evaluated already"
    );
    let yearly = Schedule::parse("0 0 1 1 *", None).expect("the schedule is valid");
    let year = Duration::from_secs(400 * 86_400);
    assert_eq!(
        evaluate(&yearly, timestamp("2020-06-01T00:00:00Z"), year, now).run_at,
        Some(timestamp("2026-01-01T00:00:00Z"))
    );
}

/// The shortest interval of a schedule is found, also between times that are close only now and then.
#[test]
fn the_shortest_interval_is_found() {
    for (cron, seconds) in [
        ("* * * * * *", 1),
        ("*/59 * * * * *", 1),
        ("0,1 0 2 * * *", 1),
        ("30 * * * * *", 60),
        ("0 2 * * *", 86_400),
        ("0 0 29 2 *", 126_230_400),
    ] {
        let shortest = Schedule::parse(cron, None).unwrap().shortest_interval().unwrap();
        assert_eq!(shortest.as_secs(), seconds, "{cron}");
    }
}
