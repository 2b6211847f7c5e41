//! The result of the last probe, in a ConfigMap of the chart. A new operator reads it, and so can users.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::{
    api::{self, failed, within},
    context::Context,
    errors::{Error, Verb},
    state::Conclusion,
};

/// Name of the ConfigMap, in the namespace of the probe.
const NAME: &str = "network-probe";
const RESULT: &str = "result";
const PROBED_AT: &str = "probedAt";

/// Returns the result of the last probe and its time, or `None` if there is none.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses the request.
pub(super) async fn read(ctx: &Context, namespace: &str) -> Result<Option<(Conclusion, Timestamp)>, Error> {
    let stored = api::get(&within::<ConfigMap>(&ctx.client, namespace), NAME).await?;
    Ok(stored.as_ref().and_then(parse))
}

fn parse(stored: &ConfigMap) -> Option<(Conclusion, Timestamp)> {
    let data = stored.data.as_ref()?;
    Some((data.get(RESULT)?.parse().ok()?, data.get(PROBED_AT)?.parse().ok()?))
}

/// Writes the result of a probe of the network policies, and its time, into the ConfigMap of the probe.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses the request.
pub(super) async fn write(
    ctx: &Context,
    namespace: &str,
    conclusion: Conclusion,
    at: Timestamp,
) -> Result<(), Error> {
    let maps = within::<ConfigMap>(&ctx.client, namespace);
    let patch = Patch::Merge(json!({"data": {RESULT: conclusion.to_string(), PROBED_AT: at.to_string()}}));
    let written = maps.patch(NAME, &PatchParams::default(), &patch).await;
    written.map(drop).map_err(failed(Verb::Apply, &maps, NAME))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is not a result, such as the empty ConfigMap of a new installation, is read as no result.
    #[test]
    fn a_new_installation_has_no_result() {
        let parsed = |data: serde_json::Value| parse(&serde_json::from_value(json!({"data": data})).unwrap());
        let at = "2026-11-24T08:00:00Z";
        let expected = Some((Conclusion::IncomingNotEnforced, at.parse().unwrap()));
        assert_eq!(
            parsed(json!({"result": Conclusion::IncomingNotEnforced.to_string(), "probedAt": at})),
            expected
        );
        for none in
            [json!(null), json!({}), json!({"result": "Enforced"}), json!({"result": "?", "probedAt": at})]
        {
            assert_eq!(parsed(none.clone()), None, "{none}");
        }
    }
}
