//! The guide, executed with the running Argo CD.

use std::fs;

use tests::docs::{
    block::blocks,
    execute,
    page::{GITOPS, Page, root},
};

use super::{application::Application, platform};

/// Every command of the guide to GitOps succeeds and prints what the guide shows.
#[tokio::test]
async fn the_guide_works_as_it_says() -> anyhow::Result<()> {
    let platform = platform::ensure().await?;
    let (client, _) = platform::client().await?;
    let _alone = platform::charts().await;
    Application::named(&client, "smb-copilot-root")
        .until("healthy", |status| status.health() == "Healthy")
        .await?;
    let text = platform::with_url(&fs::read_to_string(root().join(GITOPS))?, &platform.repository.url);
    execute(&Page { path: GITOPS.to_owned(), blocks: blocks(&text)? }).await
}
