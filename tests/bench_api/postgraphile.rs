//! PostGraphile as a process: one process of Node.js, as its documentation starts it.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::Context as _;
use tests::environment::variable;
use uuid::Uuid;

const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/bench_api/postgraphile/server.mjs");

pub(crate) struct PostGraphile {
    pub(crate) address: SocketAddr,
    process: Child,
}

impl PostGraphile {
    /// Starts the server for the rows of a tenant, and waits until it listens.
    pub(crate) fn start(database: &str, tenant: Uuid) -> anyhow::Result<Self> {
        // Modules are found beside the file that imports them.
        let packages = variable("SMBCOPILOT_BENCH_POSTGRAPHILE")?;
        let server = Path::new(&packages).join("server.mjs");
        std::fs::copy(SERVER, &server).with_context(|| format!("failed to write {}", server.display()))?;
        let mut process = Command::new(variable("SMBCOPILOT_BENCH_NODE")?)
            .arg(server)
            .env("NODE_ENV", "production")
            .env("DATABASE_URL", database)
            .env("BENCH_TENANT", tenant.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("failed to start Node.js")?;
        let output = process.stdout.take().context("PostGraphile has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let port: u16 =
            line.trim().parse().context("PostGraphile ended before it listened; its errors are above")?;
        Ok(Self { address: SocketAddr::from(([127, 0, 0, 1], port)), process })
    }
}

impl Drop for PostGraphile {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
