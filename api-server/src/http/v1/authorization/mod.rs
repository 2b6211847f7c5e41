pub(super) mod checks;
pub(super) mod explanations;
mod resource;
pub(super) mod simulations;
#[cfg(test)]
mod tests;
