//! Evaluated items of a step with `forEach`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crds::constants::MAX_ITEMS;
use crds::run::StepError;
use crds::workflow::ErrorKind;
use jiff::Timestamp;
use serde_json::Value;

use super::render::expression_error;
use super::state::step_error;
use crate::expr::Context;
use crate::workflow::ForEach;

/// Evaluated items of a step and the context of their templates; fixed once the step has started, since all
/// steps that it needs have ended.
#[derive(Debug)]
pub(super) struct FanOut {
    context: Context,
    items: Vec<Arc<Value>>,
}

impl FanOut {
    /// Evaluates `forEach.items`. Returns an error if the value is not a list or has more than [`MAX_ITEMS`]
    /// items.
    pub(super) fn new(for_each: &ForEach, context: Context) -> Result<Self, StepError> {
        let items =
            for_each.items.render(&context).map_err(|failed| expression_error("forEach.items", &failed))?;
        let Value::Array(items) = items else {
            let message = "forEach.items: the value must be a list";
            return Err(step_error(ErrorKind::User, "ITEMS_INVALID", message));
        };
        if items.len() > MAX_ITEMS {
            let message =
                format!("forEach.items: the list has {} items; at most {MAX_ITEMS} are allowed", items.len());
            return Err(step_error(ErrorKind::User, "TOO_MANY_ITEMS", message));
        }
        Ok(Self { context, items: items.into_iter().map(Arc::new).collect() })
    }

    /// Returns the number of items.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.items.len()).unwrap_or(u32::MAX)
    }

    /// Returns the data that the templates of an item can read.
    pub(super) fn context_of(&self, index: u32) -> Context {
        let item = usize::try_from(index).ok().and_then(|index| self.items.get(index)).cloned();
        let context = self.context.clone().with("index", Value::from(index));
        context.with("item", item.unwrap_or_default())
    }
}

/// Maximum number of characters of the name of an item.
const MAX_LABEL_CHARS: usize = 64;

/// Returns the name of an item. A name that cannot be evaluated must not fail the item: it is `None`.
pub(super) fn label_of(for_each: &ForEach, context: &Context) -> Option<String> {
    let label = for_each.label.as_ref()?.render_text(context).ok()?;
    let shown = label.split_whitespace().collect::<Vec<_>>().join(" ");
    (!shown.is_empty()).then(|| shown.chars().take(MAX_LABEL_CHARS).collect())
}

/// Cache of evaluated lists by step and start time. Without it, the same list would be evaluated again for
/// the result of each of up to a thousand items.
#[derive(Clone, Debug, Default)]
pub(super) struct FanOutCache(Arc<Mutex<CachedItemLists>>);

type CachedItemLists = BTreeMap<(String, Timestamp), Arc<FanOut>>;

impl FanOutCache {
    /// Returns the cached list of a step that started at a time, or evaluates and caches it.
    pub(super) fn get(
        &self,
        step: &str,
        started_at: Timestamp,
        evaluate: impl FnOnce() -> Result<FanOut, StepError>,
    ) -> Result<Arc<FanOut>, StepError> {
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fan_out) = cached.get(&(step.to_owned(), started_at)) {
            return Ok(Arc::clone(fan_out));
        }
        let fan_out = Arc::new(evaluate()?);
        cached.insert((step.to_owned(), started_at), Arc::clone(&fan_out));
        Ok(fan_out)
    }
}
