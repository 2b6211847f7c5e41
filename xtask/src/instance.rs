//! A local instance: its name, and the folders and ports that derive from it. Instances of two checkouts, or with two
//! names, share nothing but the cache.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::checkout::Checkout;

/// Base folders of state and caches, by the XDG base directory specification.
#[derive(Args, Clone)]
pub(crate) struct Homes {
    #[arg(long, global = true, env = "XDG_STATE_HOME", hide = true)]
    state_home: Option<PathBuf>,
    #[arg(long, global = true, env = "XDG_CACHE_HOME", hide = true)]
    cache_home: Option<PathBuf>,
}

impl Homes {
    /// Returns the folder with the state of all instances of all checkouts.
    pub(crate) fn state(&self) -> anyhow::Result<PathBuf> {
        Self::below(self.state_home.as_deref(), ".local/state")
    }

    /// Returns the folder of caches, which can be removed at the cost of time alone.
    pub(crate) fn cache(&self) -> anyhow::Result<PathBuf> {
        Self::below(self.cache_home.as_deref(), ".cache")
    }

    fn below(configured: Option<&Path>, default: &str) -> anyhow::Result<PathBuf> {
        let base = match configured {
            Some(path) if path.is_absolute() => path.to_path_buf(),
            _ => std::env::home_dir().context("failed to find the home directory")?.join(default),
        };
        Ok(base.join("smb-copilot"))
    }
}

/// Ports of 127.0.0.1 that are forwarded to the instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ports {
    /// The Kubernetes API.
    pub(crate) kubernetes: u16,
    /// REST and GraphQL.
    pub(crate) api: u16,
    /// A temporary Postgres, for tests.
    pub(crate) postgres: u16,
}

impl Ports {
    /// Returns the URL of the api-server.
    pub(crate) fn api_url(self) -> String {
        format!("http://127.0.0.1:{}", self.api)
    }

    /// Returns the port of the login page of the local issuer: the last one of the block.
    pub(crate) fn issuer(self) -> u16 {
        self.kubernetes + 3
    }
}

/// A local instance.
#[derive(Clone)]
pub(crate) struct Instance {
    /// Name given by the user, such as `dev`.
    pub(crate) name: String,
    /// Folder of the instance's state.
    pub(crate) dir: PathBuf,
    /// Folder of caches, shared by all instances: root file systems of images, programs for tests.
    pub(crate) cache: PathBuf,
    checkout: PathBuf,
    seed: u16,
}

/// Content of `instance.json` in the instance's folder, which a later `up` of any checkout reads.
#[derive(Serialize, Deserialize)]
pub(crate) struct Record {
    /// Checkout that the instance belongs to.
    pub(crate) checkout: PathBuf,
    /// Ports of the instance, which stay the same for as long as the folder exists.
    pub(crate) ports: Ports,
}

/// The ports are below those that the kernel assigns itself (32768 and up on Linux).
const FIRST_PORT: u16 = 20_000;
const PORT_BLOCKS: u16 = 3_000;
const BLOCK: u16 = 4;

impl Instance {
    /// Returns the instance with this name.
    ///
    /// # Errors
    /// Returns an error if the name is not a valid part of Kubernetes names.
    pub(crate) fn new(checkout: &Checkout, homes: &Homes, name: &str) -> anyhow::Result<Self> {
        let fits = (1..=20).contains(&name.len())
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if !fits {
            bail!(
                "--instance {name:?} must be 1 to 20 lower-case letters, digits and hyphens, a letter first"
            );
        }
        let digest = Sha256::digest(checkout.root.as_os_str().as_encoded_bytes());
        let hash = hex::encode(digest.get(..4).unwrap_or_default());
        let seed = Sha256::digest(format!("{hash}/{name}"))
            .iter()
            .fold(0_u16, |seed, byte| seed.wrapping_mul(31).wrapping_add(u16::from(*byte)));
        Ok(Self {
            name: name.to_owned(),
            dir: homes.state()?.join(format!("{name}-{hash}")),
            cache: homes.cache()?,
            checkout: checkout.root.clone(),
            seed,
        })
    }

    /// Returns the folder of the Kubernetes node, which belongs to root.
    pub(crate) fn kube_state(&self) -> PathBuf {
        self.dir.join("kube")
    }

    /// Returns the path of an administrator's kubeconfig, which belongs to the user.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.dir.join("kubeconfig")
    }

    /// Returns the path of the log of an xtask command.
    pub(crate) fn log(&self, command: &str) -> PathBuf {
        self.dir.join("logs").join(format!("{command}.log"))
    }

    /// Returns the ports. The first call chooses and records them.
    pub(crate) fn ports(&self) -> anyhow::Result<Ports> {
        if let Some(record) = read_record(&self.dir)? {
            return Ok(record.ports);
        }
        let ports = choose_ports(self.seed)?;
        self.write_record(&Record { checkout: self.checkout.clone(), ports })?;
        Ok(ports)
    }

    fn write_record(&self, record: &Record) -> anyhow::Result<()> {
        std::fs::create_dir_all(&self.dir)
            .with_context(|| format!("failed to create {}", self.dir.display()))?;
        let path = self.dir.join(RECORD);
        std::fs::write(&path, serde_json::to_vec_pretty(record)?)
            .with_context(|| format!("failed to write {}", path.display()))
    }
}

const RECORD: &str = "instance.json";

/// Returns the record in an instance's folder; `None` if the folder has none.
pub(crate) fn read_record(dir: &Path) -> anyhow::Result<Option<Record>> {
    let path = dir.join(RECORD);
    match std::fs::read(&path) {
        Ok(text) => Ok(Some(
            serde_json::from_slice(&text).with_context(|| format!("failed to parse {}", path.display()))?,
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("failed to read {}", path.display())),
    }
}

/// Returns the first free block of ports from the seed on, so that an instance that is created again usually gets
/// the same ports.
fn choose_ports(seed: u16) -> anyhow::Result<Ports> {
    (0..PORT_BLOCKS)
        .map(|step| FIRST_PORT + (seed % PORT_BLOCKS + step) % PORT_BLOCKS * BLOCK)
        .map(|base| Ports { kubernetes: base, api: base + 1, postgres: base + 2 })
        .find(|ports| [ports.kubernetes, ports.api, ports.postgres, ports.issuer()].into_iter().all(is_free))
        .context("failed to find four free ports between 20000 and 32000")
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkout::Profile;

    fn instance(checkout: &str, name: &str) -> anyhow::Result<Instance> {
        let checkout = Checkout { root: checkout.into(), target: "/nowhere".into(), profile: Profile::Dev };
        let homes = Homes { state_home: Some("/state".into()), cache_home: Some("/cache".into()) };
        Instance::new(&checkout, &homes, name)
    }

    /// The same name in two checkouts makes two instances, so neither stops the other's cluster.
    #[test]
    fn instances_of_two_checkouts_are_separate() {
        let (mine, yours) = (instance("/mine", "dev").unwrap(), instance("/yours", "dev").unwrap());
        assert_ne!(mine.dir, yours.dir);
        assert_ne!(mine.seed, yours.seed);
        assert_eq!(mine.dir, instance("/mine", "dev").unwrap().dir);
    }

    /// An instance's name is a valid label, so its folder is always inside the state folder.
    #[test]
    fn a_name_that_is_not_a_label_is_refused() {
        for name in ["", "Dev", "../x", "1a", "a-name-that-is-far-too-long"] {
            assert!(instance("/mine", name).is_err(), "{name}");
        }
    }

    /// An instance gets only ports that are free.
    #[test]
    fn a_block_with_a_port_in_use_is_skipped() {
        let first = choose_ports(7).unwrap();
        let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, first.api)).unwrap();
        assert_ne!(choose_ports(7).unwrap(), first);
    }
}
