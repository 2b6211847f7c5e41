//! The schedules of a workflow.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Duration, schema};

/// Schedule that starts runs of a workflow.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Schedule {
    /// Name of the schedule, unique within the workflow; a lower-case DNS label of at most 40 characters that begins with a letter.
    #[schemars(length(min = 1, max = 40), regex(pattern = "^[a-z]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// Cron expression with five fields (minute, hour, day of month, month, day of week), or six with seconds first, such as `0 2 * * *`. If both day fields are restricted, either one matches. Daylight saving time changes neither skip nor repeat a daily run.
    #[schemars(length(min = 9, max = 120))]
    pub cron: String,
    /// IANA time zone in which the cron expression is evaluated, such as `Europe/Berlin`. Default: UTC.
    #[schemars(length(min = 1, max = 64))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Input of the runs. It must match the workflow's input schema (`ScheduleInput`). Default: `{}`.
    #[schemars(schema_with = "schema::free")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// Maximum delay of a start. A scheduled time that is missed by more than this is skipped; of several missed times only the last one starts a run. Default: 10m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starting_deadline: Option<Duration>,
    /// Whether the schedule is suspended. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
}
