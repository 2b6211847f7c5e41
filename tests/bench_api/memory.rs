//! Memory of the api-server while many connections are open and idle.

use futures::future::try_join_all;
use http::Method;

use super::{
    load::{Connection, Target},
    server::Server,
};

/// Number of connections. A replica accepts 512 with an authenticated request and 512 others.
const CONNECTIONS: usize = 1000;
/// Number of connections that are opened at the same time.
const CONCURRENT: usize = 50;

/// Opens a thousand connections, half of which send a request with a token, and returns the resident memory of the server in bytes.
pub(crate) async fn with_idle_connections(server: &Server) -> anyhow::Result<u64> {
    let target = |token| Target {
        address: server.address,
        method: Method::GET,
        paths: vec!["/v1/me".to_owned()],
        token,
        body: String::new(),
    };
    let (member, newcomer) = (target(Some(server.token.clone())), target(None));
    let mut open = Vec::new();
    for start in (0..CONNECTIONS).step_by(CONCURRENT) {
        let connections = (start..start + CONCURRENT).map(async |number| {
            let mut connection = Connection::open(server.address).await?;
            if number % 2 == 0 {
                connection.send(&member, 0).await?;
            } else {
                // It is refused, and the connection stays open.
                connection.send_any(&newcomer).await?;
            }
            anyhow::Ok(connection)
        });
        open.extend(try_join_all(connections).await?);
    }
    let memory = server.memory()?;
    let is_open = open.iter_mut().all(Connection::is_open);
    anyhow::ensure!(is_open, "the server has closed some of the connections");
    Ok(memory)
}
