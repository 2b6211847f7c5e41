//! The documentation, executed as a reader would.

use futures::{StreamExt as _, stream};
use tests::docs::{
    execute,
    page::{GITOPS, pages},
};

/// Number of pages that are executed at the same time, so that the runs of one do not wait for those of all others.
const CONCURRENCY: usize = 3;

/// Every manifest on every page of the documentation is accepted by kubectl, which reads YAML 1.1, and valid; every
/// command succeeds and prints what the page shows.
#[tokio::test]
async fn every_page_works_as_it_says() -> anyhow::Result<()> {
    let pages = pages()?;
    let pages = pages.iter().filter(|page| page.path != GITOPS);
    let results = stream::iter(pages).map(execute).buffer_unordered(CONCURRENCY).collect::<Vec<_>>().await;
    let errors: Vec<String> =
        results.into_iter().filter_map(Result::err).map(|error| format!("{error:#}")).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n\n"));
    Ok(())
}
