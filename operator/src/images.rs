//! Container images that the steps of a tenant may use.

use crds::Plan;
use domain::image::ImagePolicy;

use crate::config::Config;

/// Returns the policy of a plan.
pub(crate) fn image_policy(config: &Config, plan: Option<&Plan>) -> ImagePolicy {
    ImagePolicy::new(plan.and_then(|plan| plan.spec.registries.as_deref()), &config.runner_image)
}
