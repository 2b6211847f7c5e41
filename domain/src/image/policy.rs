//! Which images the steps of a tenant may use.

use crds::WorkflowSpec;

use super::reference::{ImageReference, InvalidImage};

/// Registries of a plan that names none: the large public ones.
pub const DEFAULT_REGISTRIES: [&str; 6] =
    ["docker.io", "ghcr.io", "mcr.microsoft.com", "public.ecr.aws", "quay.io", "registry.k8s.io"];

/// Images that the steps of a tenant may use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImagePolicy {
    /// Registries, each with or without a path.
    registries: Vec<String>,
    /// Registry and path that contain the images of the platform.
    platform: Option<String>,
}

/// Reason for which a step may not use an image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageProblem {
    /// The text is not an image reference.
    #[error("image {image} {reason}", reason = InvalidImage)]
    Invalid {
        /// The text.
        image: String,
    },
    /// The plan does not allow the registry.
    #[error(
        "image {image} comes from registry {registry}, which the plan does not allow: use one of {allowed}"
    )]
    RegistryNotAllowed {
        /// The reference.
        image: String,
        /// Registry that the reference names.
        registry: String,
        /// Registries that the plan allows.
        allowed: String,
    },
    /// The image is one of the platform.
    #[error(
        "image {image} belongs to the platform: use another one, or add {platform} to spec.registries of the plan"
    )]
    Platform {
        /// The reference.
        image: String,
        /// Registry and path of the platform's images.
        platform: String,
    },
}

impl ImagePolicy {
    /// Returns the policy of a plan with these registries. `platform_image` is an image of the platform; all images beside it
    /// are on the nodes already, and may be used only if the plan names their path.
    #[must_use]
    pub fn new(registries: Option<&[String]>, platform_image: &str) -> Self {
        let registries = match registries {
            Some(registries) => registries.to_vec(),
            None => DEFAULT_REGISTRIES.map(str::to_owned).to_vec(),
        };
        let platform = ImageReference::parse(platform_image).ok();
        let platform = platform.and_then(|image| {
            let path = image.path.rsplit_once('/')?.0;
            Some(format!("{}/{path}", image.registry))
        });
        Self { registries, platform }
    }

    /// Checks an image.
    ///
    /// # Errors
    /// Returns the reason for which a step may not use it.
    pub fn check(&self, image: &str) -> Result<(), ImageProblem> {
        let parsed = ImageReference::parse(image)
            .map_err(|InvalidImage| ImageProblem::Invalid { image: image.to_owned() })?;
        let repository = parsed.to_string();
        let is_within = |prefix: &str| {
            repository.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let mut allowing = self.registries.iter().filter(|entry| is_within(entry)).peekable();
        if allowing.peek().is_none() {
            return Err(ImageProblem::RegistryNotAllowed {
                image: image.to_owned(),
                registry: parsed.registry,
                allowed: self.registries.join(", "),
            });
        }
        match &self.platform {
            Some(platform) if is_within(platform) && !allowing.any(|entry| entry.contains('/')) => {
                Err(ImageProblem::Platform { image: image.to_owned(), platform: platform.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Returns the problems of the images that a workflow names, each with the path of its field.
    pub fn problems_of<'a>(
        &'a self,
        spec: &'a WorkflowSpec,
    ) -> impl Iterator<Item = (String, ImageProblem)> + 'a {
        let groups = [("steps", &spec.steps), ("onExit", &spec.on_exit)];
        let steps = groups.into_iter().flat_map(|(field, steps)| {
            steps.iter().enumerate().map(move |(index, step)| (format!("spec.{field}[{index}]"), step))
        });
        let images = steps.flat_map(|(path, step)| {
            let python = step.python.as_ref().and_then(|python| python.image.as_deref());
            let container = step.container.as_ref().map(|container| container.image.as_str());
            let fields = [("python", python), ("container", container)];
            fields
                .into_iter()
                .filter_map(move |(action, image)| Some((format!("{path}.{action}.image"), image?)))
        });
        images.filter_map(|(path, image)| self.check(image).err().map(|problem| (path, problem)))
    }
}
